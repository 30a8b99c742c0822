"""What a build depended on in, a note for the next one out: see whit.store.unchanged (a door).

Nothing is noted of a build that depends on more than files: downloads and repositories, secrets
and agents, variables that it takes from the environment; nor of one that warned, or that sent its
image somewhere.
"""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from whit.build.dockerfile.asked import Asked
from whit.build.events import Event, Finished, Listener, Warned
from whit.build.house import House
from whit.build.request import Request, lock_path
from whit.oci.graph import Content
from whit.oci.layout import blob_path
from whit.store.unchanged import Answer, Watch

if TYPE_CHECKING:
    from whit.build.dockerfile.exchange import Kept

T = TypeVar("T")
# What makes the store a layout, besides its blobs.
_LISTS = ("index.json", "oci-layout")


class Answering:
    """Listens to one build and watches what it looks at."""

    def __init__(self, request: Request, asked: Asked, house: House, listen: Listener) -> None:
        self._request, self._asked, self._house, self._listen = request, asked, house, listen
        self.watch = Watch(time.time_ns())
        # What --cache-to will take along: the steps of each platform.
        self.kept: tuple[Kept, ...] = ()
        self.parts: dict[str, dict[str, str]] = {}
        self._steps = 0
        self._last = ""
        self._used: dict[str, None] = {}
        self._is_wanted = bool(asked.words) and not (
            len(asked.secrets)
            or asked.agents
            or asked.cache_to
            or asked.is_fresh
            or request.destinations
            or request.pushes
            or request.is_frozen
        )
        if self._is_wanted:
            for path in _settings_of(request, asked):
                self.watch.see_path(path)

    def hear(self, event: Event) -> None:
        if isinstance(event, Warned):
            self.watch.spoil()
        elif isinstance(event, Finished):
            self._steps += event.step != "image"
            self._last = event.detail
        self._listen(event)

    def depends_on_others(self, what: T) -> T:
        """What came from a server may be other the next time."""
        self.watch.spoil()
        return what

    def used(self, *layers: str) -> None:
        """Snapshots that must not seem forgotten."""
        self._used |= dict.fromkeys(layer.rpartition("/")[0] for layer in layers)

    def keep(self, reference: str, content: Content) -> None:
        if not self._is_wanted:
            return
        store = self._house.store
        root = blob_path(store, content.root.digest)
        # By their times, too: a blob that somebody wrote into is not the answer.
        blobs = [blob_path(store, blob.digest) for blob in content.blobs]
        documents = [blob_path(store, document.digest) for document in content.documents]
        line = f"  build    nothing changed: {self._steps} steps cached, {self._last}"
        # A listing shows when an image was last made.
        touched = (*self._used, root)
        settled = (*(f"{os.path.abspath(store)}/{name}" for name in _LISTS), *blobs)
        answer = Answer(reference, (line,))
        self.watch.keep(self._house.cache, self._asked.words, answer, touched, documents, settled)


def _settings_of(request: Request, asked: Asked) -> list[str]:
    """Files that say how to build, whether they are there or not."""
    found = [os.path.abspath(asked.file), str(lock_path(request))]
    found.append(f"{os.path.abspath(asked.file)}.dockerignore")
    for context in (asked.context, *(place for _, place in asked.contexts)):
        scheme, separator, place = context.partition("://")
        if not separator:
            plain = os.path.join(request.directory, scheme.removeprefix("local:"))
            found.append(f"{os.path.abspath(plain)}/.dockerignore")
        elif scheme != "docker-image":
            plain = os.path.join(request.directory, place.partition("@")[0])
            head, slash, tail = plain.rpartition("/")
            untagged = head + slash + tail.partition(":")[0]
            for one in dict.fromkeys((plain, untagged)):
                found += [one, f"{one}/index.json"]
    found.append(f"{request.home}/whit.toml")
    here = Path(request.directory)
    for directory in (here, *here.parents):
        found.append(f"{directory}/whit.toml")
        if (directory / ".git").exists():
            break  # where the search for settings ends, too
        found.append(f"{directory}/.git")
    return found
