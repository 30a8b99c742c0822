"""What is asked of registries while Go still compiles: logins, and what the tags have now."""

from threading import Thread

from whit.build.events import Listener
from whit.build.registries import Registries
from whit.build.request import Request
from whit.build.tags import by_repository
from whit.errors import WhitError
from whit.model.names import Reference
from whit.registry.client import Repository


class Ahead:
    """The repositories that a request pushes to. `start` asks them in threads of their own."""

    def __init__(self, request: Request, names: tuple[str, ...], listen: Listener) -> None:
        self._registries = Registries(
            request.settings.registries, request.home, offline=request.offline, listen=listen
        )
        self._tags = by_repository(names)
        self._found: dict[str, dict[str, str]] = {}
        self._targets: dict[str, Repository] = {}
        self._threads: dict[str, Thread] = {}

    def start(self) -> None:
        for repository in self._tags:
            thread = Thread(target=self._ask, args=(repository,), daemon=True)
            self._threads[repository] = thread
            thread.start()

    def target(self, repository: str) -> Repository:
        """Errors: those of credentials and settings."""
        if repository not in self._targets:
            self._targets[repository] = self._registries.target(Reference.parse(repository))
        return self._targets[repository]

    def digests(self, repository: str) -> dict[str, str]:
        """Tag -> digest or "", as far as the registry told."""
        if repository in self._threads:
            self._threads[repository].join()
        return self._found.get(repository, {})

    def _ask(self, repository: str) -> None:
        found: dict[str, str] = {}
        try:
            target = self.target(repository)
            for tag in self._tags[repository]:
                found[tag] = target.head(tag)
        except WhitError:
            # The push asks again, and tells what is wrong.
            return
        self._found[repository] = found


def ask_ahead(request: Request, listen: Listener) -> Ahead | None:
    """Start asking for the names that are known before the program is; None without any."""
    names = tuple(name for name in request.names if "{{" not in name)
    if not request.pushes or not names:
        return None
    ahead = Ahead(request, names, listen)
    ahead.start()
    return ahead
