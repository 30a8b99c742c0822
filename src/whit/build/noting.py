"""What a build of Go source depended on in, a note for the next one out: see whit.store.unchanged.

Go decides by the files of its packages; which those are only Go knows, so every path below the
module and its repository counts. Nothing is noted of a build that depends on more than that: other
modules on this host, a workspace, C compilers, libraries, templates, or images that were written
somewhere, run or built twice; what a registry was sent is asked there again. A door.
"""

import os
import threading
import time
from collections.abc import Iterator, Sequence
from importlib.util import find_spec

from whit.build.events import Event, Listener, Warned
from whit.build.house import House
from whit.build.request import Request, lock_path
from whit.golang.cgomemory import ELSEWHERE
from whit.golang.environment import settings_file, user_settings
from whit.golang.gomod import MAX_GOMOD_BYTES, read_gomod
from whit.golang.process import find_program
from whit.golang.source import read_source
from whit.model.program import Cgo
from whit.model.result import Result
from whit.model.tree import File, Stored
from whit.oci.layout import blob_path
from whit.store.unchanged import Answer, Watch

MAX_PATHS = 10_000
# CA roots end, and where no Go is installed the newest is taken: a note is for a day of work.
HOLDS_SECONDS = 24 * 3600
# Flags of Go that name files or programs besides the sources.
_FLAGS_WITH_FILES = ("overlay", "modfile", "toolexec", "pgo", "exec")
_GIT_FILES = ("HEAD", "index", "packed-refs", "config", "shallow", "info/exclude")


class Noting:
    """Watches the sources of one build, in a thread of its own, and listens to it."""

    def __init__(
        self, request: Request, house: House, words: Sequence[str], listen: Listener
    ) -> None:
        """To be made before Go is started; `words` are what was typed."""
        self._request, self._house, self._words = request, house, words
        self._listen = listen
        self._warned: list[str] = []
        begun = house.head.begun if house.head else None
        # Go may have been started before this.
        self._watch = Watch(begun.nanoseconds if begun else time.time_ns())
        self._looking = threading.Thread(target=self._look, daemon=True)
        self._looking.start()

    def hear(self, event: Event) -> None:
        if isinstance(event, Warned):
            self._warned.append(f"warning: {event.message}")
            self._warned += [f"  {event.hint}"] if event.hint else []
        self._listen(event)

    def keep(self, results: tuple[Result, ...], lines: Sequence[str]) -> None:
        """Note what was built. `lines` is what was said of it."""
        references = {result.reference for result in results}
        if len(references) != 1 or not all(map(_depends_on_source_only, results)):
            return
        self._looking.join()
        store = os.path.abspath(self._house.store)
        root = blob_path(store, results[0].digest)
        written = [f"{store}/index.json", f"{store}/oci-layout"]
        for result in results:
            image = result.image
            digests = (image.config_digest, *(layer.digest for layer in image.layers))
            written += [blob_path(store, digest) for digest in digests]
            if result.digest != image.manifest_digest:
                written.append(blob_path(store, image.manifest_digest))
        said = ["  build    nothing changed"]
        asks: tuple[str, ...] = ()
        if self._request.pushes:
            from whit.build.asking import questions_of

            receipts = results[0].receipts
            asks = questions_of(receipts, self._request)
            places = [one.reference for one in receipts if one.destination == "registry"]
            said += [f"  push     {place.partition('@')[0]}: there already" for place in places]
        answer = Answer(references.pop(), (*said, *lines), tuple(self._warned), asks)
        self._watch.keep(
            self._house.cache, self._words, answer, (root,), (root,), written,
            self._house.now + HOLDS_SECONDS,
        )  # fmt: skip

    def _look(self) -> None:
        for count, path in enumerate(_paths_of(self._request)):
            if path is None or count >= MAX_PATHS:
                self._watch.spoil()
                return
            self._watch.see_path(path)


def may_note(request: Request) -> bool:
    """Whether the same words, asked again, mean the same build of Go source and nothing more."""
    output, go = request.settings.output, request.settings.go
    flags = os.environ.get("GOFLAGS", "") + user_settings(os.environ).get("GOFLAGS", "")
    templates = (*request.names, *go.ldflags, *request.settings.image.labels.values())
    return not (
        request.destinations
        or request.is_frozen
        or request.keeps
        or request.settings.image.base != "auto"
        or output.smoke is not None
        or request.settings.image.observed
        or "@" in request.source
        or go.env
        or any(f"-{name}" in flags for name in _FLAGS_WITH_FILES)
        or any("{{" in text for text in templates)
    ) and os.path.isdir(os.path.join(request.directory, request.source.split("...")[0]))


def _depends_on_source_only(result: Result) -> bool:
    recipe = result.binary.recipe
    if recipe is None or recipe.source.version or recipe.cgo is not Cgo.OFF:
        return False
    return not any(
        isinstance(entry.node, File)
        and isinstance(entry.node.content, Stored)
        and not entry.is_program
        for entry in result.plan.entries
    )


def _paths_of(request: Request) -> Iterator[str | None]:
    """Every path, there or not; None where something else decides as well."""
    env = os.environ
    source = read_source(request.source, request.directory)
    module = read_gomod(source.directory).root
    if not module or env.get("GOWORK", "off") != "off" or _names_other_modules(module):
        yield None
        return
    yield from _settings_of(request)
    yield from _tools_of(env.get("PATH", os.defpath))
    repository = ""
    for directory in _upwards(module):
        yield f"{directory}/go.work"
        if os.path.isfile(f"{directory}/go.work") or os.path.isfile(f"{directory}/.git"):
            yield None
        if not os.path.isdir(f"{directory}/.git"):
            yield f"{directory}/.git"
        elif not repository:
            # The directory itself changes with every look that git takes.
            repository = directory
    if repository:
        yield from (f"{repository}/.git/{name}" for name in _GIT_FILES)
        yield from _below(f"{repository}/.git/refs")
    yield from _below(repository or module)


def _names_other_modules(module: str) -> bool:
    """Whether go.mod replaces modules by directories of this host."""
    try:
        with open(f"{module}/go.mod", "rb") as file:
            return ELSEWHERE.search(file.read(MAX_GOMOD_BYTES)) is not None
    except OSError:
        return True


def _settings_of(request: Request) -> Iterator[str]:
    """Files that say how to build, and those that images are made of."""
    yield str(lock_path(request))
    yield f"{request.home}/whit.toml"
    for directory in _upwards(request.directory):
        yield f"{directory}/whit.toml"
        yield f"{directory}/go.mod"
    yield from (os.path.join(request.home, path) for path in request.settings.needs.ca_extra)
    templates = request.settings.entry.templates
    yield from (os.path.join(request.home, path) for path in templates.values())
    home = os.environ.get("HOME", "")
    config = os.environ.get("XDG_CONFIG_HOME") or f"{home}/.config"
    yield from (f"{home}/.gitconfig", f"{config}/git/config", "/etc/gitconfig")
    for name in ("certifi", "tzdata"):
        spec = find_spec(name)
        yield spec.origin if spec and spec.origin else ""
        if name == "certifi" and spec and spec.origin:
            yield os.path.join(os.path.dirname(spec.origin), "cacert.pem")


def _tools_of(search: str) -> Iterator[str]:
    """Where `go` and `git` are found, and where they are not."""
    for name in ("go", "git"):
        found = find_program(name, search)
        for directory in search.split(":"):
            path = os.path.join(directory or ".", name)
            yield path
            if os.path.abspath(path) == found:
                break
        if name == "go" and found:
            program = os.path.realpath(found)
            root = os.path.dirname(os.path.dirname(program))
            yield from (program, f"{root}/VERSION", f"{root}/go.env")
    yield settings_file(os.environ)


def _upwards(directory: str) -> Iterator[str]:
    place = os.path.abspath(directory)
    while True:
        yield place
        if place == os.path.dirname(place):
            return
        place = os.path.dirname(place)


def _below(root: str) -> Iterator[str | None]:
    """Every path of a tree but git's own, and the file that a link leads to."""
    for place, directories, names in os.walk(root):
        yield place
        for name in directories:
            if os.path.islink(os.path.join(place, name)):
                yield None
        directories[:] = [name for name in directories if name != ".git"]
        for name in names:
            path = os.path.join(place, name)
            yield path
            if os.path.islink(path):
                yield os.path.realpath(path)
