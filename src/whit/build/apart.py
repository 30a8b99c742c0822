"""Credentials and a request in, Go at work in two phases out: a fetch that has them, then a
compile phase that has neither them nor a network.
"""

import os
import stat
from collections.abc import Mapping
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING

import msgspec

from whit.errors.secrets import BadSecret
from whit.model.program import Recipe
from whit.model.secret import Secrets

if TYPE_CHECKING:
    from whit.golang.compile import Compilation


class Credentials(msgspec.Struct, frozen=True):
    """What a build is given to fetch with. `agents` are sockets of ssh agents, "" for the user's
    own; whoever names one, or a secret, gets two phases.
    """

    secrets: Secrets = Secrets()
    agents: tuple[str, ...] = ()

    @property
    def is_given(self) -> bool:
        return bool(len(self.secrets) or self.agents)


NONE = Credentials()


class Apart:
    """The compile phases under way and what the fetch was worth saying; `close` after use."""

    def __init__(
        self,
        compilations: "tuple[Compilation, ...]",
        home: "TemporaryDirectory[str]",
        detail: str,
        seconds: float,
    ) -> None:
        self.compilations, self.detail, self.seconds = compilations, detail, seconds
        self._home = home

    def close(self) -> None:
        self._home.cleanup()


def compile_apart(
    recipes: tuple[Recipe, ...],
    credentials: Credentials,
    user: Mapping[str, str],
    overlay: Mapping[str, bytes] | None = None,
) -> Apart:
    """Fetch once for all platforms, then start Go for each. `overlay` gives files of the source
    other contents. Errors: those of the G pages.
    """
    from whit.golang.compile import start_compile
    from whit.golang.fetch import closed_environment, fetch, without_network

    secrets = credentials.secrets
    agent = next(iter(credentials.agents), "")
    begun = perf_counter()
    fetched = fetch(recipes[0], user, secrets, agent)
    fetched_seconds = perf_counter() - begun
    place = TemporaryDirectory(prefix="whit-", ignore_cleanup_errors=True)
    started: list[Compilation] = []
    try:
        home = os.path.join(place.name, "home")
        os.mkdir(home, 0o700)
        prefix = without_network(user)
        for recipe in recipes:
            closed = closed_environment(recipe, user, secrets, home, fetched.module_cache)
            if overlay:
                flag = f"-overlay={_overlay(place.name, overlay)}"
                closed["GOFLAGS"] = f"{closed.get('GOFLAGS', '')} {flag}".strip()
            started += [start_compile(recipe, closed, prefix)]
    except BaseException:
        for compilation in started:
            compilation.cancel()
        place.cleanup()
        raise
    detail = "modules fetched with the credentials; compiled without them"
    detail += " and without a network" if prefix else ", with the host's network: no unshare"
    return Apart(tuple(started), place, detail, fetched_seconds)


def _overlay(directory: str, contents: Mapping[str, bytes]) -> str:
    """The file that `go build -overlay` reads: which path is to be read from where."""
    replaced = {}
    for number, (path, data) in enumerate(contents.items()):
        replaced[path] = os.path.join(directory, f"overlay-{number}")
        with open(replaced[path], "wb") as file:
            file.write(data)
    place = os.path.join(directory, "overlay.json")
    with open(place, "wb") as file:
        file.write(msgspec.json.encode({"Replace": replaced}))
    return place


def parse_agent(text: str, env: Mapping[str, str]) -> str:
    """`default` or `default=SOCKET` to a socket. Errors: BadSecret."""
    name, _, socket = text.partition("=")
    chosen = socket or env.get("SSH_AUTH_SOCK", "")
    if name != "default":
        raise BadSecret(f"--ssh {name}: a Go build knows one agent", hint="--ssh default[=SOCKET]")
    if not chosen or not stat.S_ISSOCK(_mode(chosen)):
        what = f"{chosen} is no socket" if chosen else "SSH_AUTH_SOCK is not set"
        raise BadSecret(f"--ssh: {what}", hint="start an agent: eval $(ssh-agent); ssh-add")
    return chosen


def _mode(path: str) -> int:
    try:
        return os.stat(path).st_mode
    except OSError:
        return 0
