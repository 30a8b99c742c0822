"""One program on several bases: Inventory of what stands in an image, Comparison of the images."""

import msgspec


class Inventory(msgspec.Struct, frozen=True):
    """What an image holds, counted. `disk` is the bytes of all files of all layers, those too that
    a later layer hides; `shells` are paths; `packages` counts those of Debian and Alpine.

    `paths` is everything that can be seen, and `links` the symbolic links among it.
    """

    disk: int = 0
    files: int = 0
    programs: int = 0
    setuid: int = 0
    shells: tuple[str, ...] = ()
    packages: int = 0
    paths: tuple[str, ...] = ()
    links: dict[str, str] = {}


_MAX_HOPS = 40  # links on one path, as in Linux (path_resolution(7))


def resolved(path: str, links: dict[str, str]) -> str:
    """`path` with all links followed inside the root; what leads nowhere stays as it is."""
    waiting = [part for part in reversed(path.split("/")) if part]
    at: list[str] = []
    hops = 0
    while waiting and hops <= _MAX_HOPS:
        part = waiting.pop()
        if part in (".", ".."):
            at = at[:-1] if part == ".." else at
            continue
        target = links.get("/" + "/".join((*at, part)))
        if target is None:
            at.append(part)
            continue
        hops += 1
        at = [] if target.startswith("/") else at
        waiting += [name for name in reversed(target.split("/")) if name]
    return "/" + "/".join((*at, *reversed(waiting)))


class Variant(msgspec.Struct, frozen=True):
    """One way to build the program: `linkage` is static or dynamic, `strip` what is left out, ""
    for a finished program. `compressed` is a layer that holds nothing else.
    """

    linkage: str
    strip: str
    disk: int
    compressed: int


class Built(msgspec.Struct, frozen=True):
    """An image of one Variant. `copied` is what its base lacks and the program needs, by the title
    of the need (of whit's own image everything that it takes along), and `copied_disk` its bytes,
    which `disk` and `compressed` contain.
    """

    linkage: str
    strip: str
    disk: int
    compressed: int
    files: int
    programs: int
    copied: tuple[str, ...] = ()
    copied_disk: int = 0


class Base(msgspec.Struct, frozen=True):
    """A base and the images on it. `place` says what stands for the name; `digest` is "" where it
    is no image. Its own numbers are without the program.
    """

    name: str
    place: str
    digest: str
    disk: int
    compressed: int
    files: int
    programs: int
    setuid: int
    shells: tuple[str, ...]
    packages: int
    images: tuple[Built, ...]


class Skipped(msgspec.Struct, frozen=True):
    """A base, or a way to build, that could not be had."""

    name: str
    place: str
    reason: str


class Comparison(msgspec.Struct, frozen=True):
    """`compression` is what layers of the program are compressed with; a base is as it came."""

    name: str
    platform: str
    go_version: str
    compression: str
    variants: tuple[Variant, ...]
    bases: tuple[Base, ...]
    skipped: tuple[Skipped, ...] = ()
