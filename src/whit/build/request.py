"""Settings and the words of a call in, Request out: everything a build has to know, checked."""

from enum import StrEnum
from pathlib import Path

import msgspec

from whit.build.settings import Settings
from whit.errors import BadDestination, BadSetting
from whit.model.names import Platform, Reference


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
    """`source` is what the user named; `home` is where relative paths in settings start."""

    source: str
    directory: str
    home: str
    settings: Settings
    platform: Platform
    names: tuple[str, ...] = ()
    destinations: tuple[Destination, ...] = ()
    offline: bool = False


def make_request(
    source: str,
    directory: Path,
    home: Path,
    settings: Settings,
    names: tuple[str, ...] = (),
    *,
    offline: bool = False,
) -> Request:
    """Check the settings that stand for themselves; what depends on the program comes later."""
    chosen = source or (settings.packages[0] if len(settings.packages) == 1 else "")
    if not chosen and len(settings.packages) > 1:
        chosen = " ".join(settings.packages)
    for name in names:
        if Reference.parse(name).digest:
            raise BadSetting(
                f"{name}: an image cannot be named by a digest before it exists",
                hint="name it by a tag: -t app:1.2",
            )
    return Request(
        source=chosen or ".",
        directory=str(directory),
        home=str(home),
        settings=settings,
        platform=Platform.parse(settings.platform) if settings.platform else host_platform(),
        names=names or ((settings.image.name,) if settings.image.name else ()),
        destinations=tuple(parse_destination(text) for text in settings.output.to),
        offline=offline,
    )


def host_platform() -> Platform:
    """The platform of this machine, whatever system it runs: images are Linux."""
    import os

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
            hint += "; pushing to a registry is not there yet"
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
