"""Settings and the words of a call in, Request out: everything a build has to know, checked."""

import os
import re
from enum import StrEnum
from pathlib import Path

import msgspec

from whit.build.settings import Settings
from whit.errors.request import BadDestination, BadSetting
from whit.model.names import GO_ARCHITECTURES, Platform, Reference

LOCK_NAME = "whit.lock"


class Kind(StrEnum):
    """Where an image can go."""

    STORE = "store"
    OCI = "oci"
    OCI_ARCHIVE = "oci-archive"
    DOCKER_ARCHIVE = "docker-archive"
    DOCKER_DAEMON = "docker-daemon"


class Destination(msgspec.Struct, frozen=True):
    """`kind:place`; `reference` is the name the image gets there, "" for the image's own."""

    kind: Kind
    place: str = ""
    reference: str = ""

    def __str__(self) -> str:
        text = f"{self.kind.value}:{self.place}" if self.place else self.kind.value
        return text + (f":{self.reference}" if self.reference else "")


class Request(msgspec.Struct, frozen=True):
    """`source` is what the user named; `home` is where relative paths in settings start. `names`
    may hold placeholders ({{.Name}}, {{.Version}}); `pushes` sends those to their registries.
    `keeps` is what an image that is made smaller keeps as it is: a `Keeping`, in JSON.
    """

    source: str
    directory: str
    home: str
    settings: Settings
    platforms: tuple[Platform, ...]
    names: tuple[str, ...] = ()
    destinations: tuple[Destination, ...] = ()
    offline: bool = False
    pushes: bool = False
    is_frozen: bool = False
    together: bool = False
    keeps: bytes = b""
    measures: bool = True

    @property
    def platform(self) -> Platform:
        """The first platform asked for."""
        return self.platforms[0]

    @property
    def defers(self) -> bool:
        """Whether a layer need not be written where the registry has it: nobody here reads it."""
        smoke = self.settings.output.smoke
        return self.pushes and not self.destinations and smoke is None and not self.keeps


def make_request(
    source: str,
    directory: Path,
    home: Path,
    settings: Settings,
    names: tuple[str, ...] = (),
    *,
    offline: bool = False,
    pushes: bool = False,
) -> Request:
    """Check the settings that stand for themselves; what depends on the program comes later."""
    chosen = source or (settings.packages[0] if len(settings.packages) == 1 else "")
    if not chosen and len(settings.packages) > 1:
        chosen = " ".join(settings.packages)
    named = names or ((settings.image.name,) if settings.image.name else ())
    for name in named:
        if "{{" not in name and Reference.parse(name).digest:
            raise BadSetting(
                f"{name}: an image cannot be named by a digest before it exists",
                hint="name it by a tag: -t app:1.2",
            )
    if pushes:
        _check_pushed(named)
        if offline:
            raise BadDestination(
                "--push and --offline exclude each other",
                hint="build now, and send it later: whit copy NAME registry.example/NAME",
            )
    return Request(
        source=chosen or ".",
        directory=str(directory),
        home=str(home),
        settings=settings,
        platforms=parse_platforms(settings.platform) or (host_platform(),),
        names=named,
        destinations=tuple(parse_destination(text) for text in settings.output.to),
        offline=offline,
        pushes=pushes,
    )


def parse_platforms(text: str) -> tuple[Platform, ...]:
    """`linux/amd64,linux/arm64`, or `all`; in the order given, each once."""
    if text.strip() == "all":
        return tuple(Platform("linux", name) for name in GO_ARCHITECTURES)
    return tuple(dict.fromkeys(Platform.parse(part) for part in text.split(",") if part.strip()))


def _check_pushed(names: tuple[str, ...]) -> None:
    for name in names:
        if "{{" not in name.partition("/")[0] and not Reference.parse(_plain(name)).registry:
            raise BadDestination(
                f"{name} cannot be pushed: it names no registry",
                hint=f"write the registry before it: -t registry.example/{name}",
            )
    if not names:
        raise BadDestination(
            "--push: the image has no name to push it to",
            hint="name it: -t registry.example/app:1.2 --push",
        )


def _plain(name: str) -> str:
    """A name with its placeholders filled by something, to be looked at."""
    return re.sub(r"\{\{.*?\}\}", "x", name)


def host_platform() -> Platform:
    """The platform of this machine, whatever system it runs: images are Linux."""
    machine = os.uname().machine
    names = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}
    return Platform("linux", names.get(machine, machine))


def parse_destination(text: str) -> Destination:
    """`oci:DIR[:NAME]`, `oci-archive:FILE[:NAME]`, `docker-archive:FILE[:NAME]`,
    `docker-daemon:NAME` or `store`.
    """
    word, _, rest = text.partition(":")
    try:
        kind = Kind(word)
    except ValueError:
        hint = "one of " + ", ".join(f"{k.value}:…" for k in Kind if k is not Kind.STORE)
        if "/" in word or "." in word:
            hint += f"; to push: -t {text} --push"
        raise BadDestination(
            f"--to {text}: whit knows no destination {word!r}", hint=hint
        ) from None
    if kind is Kind.STORE:
        return Destination(kind)
    if kind is Kind.DOCKER_DAEMON:
        return Destination(kind, reference=str(Reference.parse(rest)) if rest else "")
    place, name = rest, ""
    # As skopeo reads it: what follows the last colon is a name, unless it looks like a path.
    before, colon, after = rest.partition(":")
    if colon:
        place, name = before, str(Reference.parse(after)) if after else ""
    if not place:
        raise BadDestination(
            f"--to {text}: no path given", hint=f"write it as --to {kind.value}:PATH"
        )
    return Destination(kind, place, name)


def lock_path(request: Request) -> Path:
    """Where the lock of a request lies, whether it is there or not."""
    home = Path(request.home)
    if (home / "whit.toml").is_file() or (home / LOCK_NAME).is_file():
        return home / LOCK_NAME
    from whit.golang.gomod import read_gomod

    source = os.path.join(request.directory, request.source)
    root = read_gomod(source if os.path.isdir(source) else request.directory).root
    return Path(root or home) / LOCK_NAME
