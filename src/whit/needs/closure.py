"""The values of a loader's closure: what is loaded first, every file, and what is missing. Pure."""

import re
from collections.abc import Mapping

import msgspec

from whit.binary.dynamic import Dynamic
from whit.binary.elf import Elf
from whit.model.files import Found
from whit.needs.loader import Loader


class Object(msgspec.Struct, frozen=True, eq=False):
    """A file of the closure. `path` is where the loader opens it in the image; `found` is the file
    in the root, or beside the program on the host when `is_beside`. `how` names the search that
    found it; `loaded_by` is who asked first.
    """

    path: str
    found: Found
    elf: Elf
    dynamic: Dynamic
    how: str
    is_beside: bool = False
    loaded_by: "Object | None" = None


class Start(msgspec.Struct, frozen=True):
    """What is loaded first: a program at `path` in the image and `place` on the host, or in the
    root when it `is_beside` nothing. `preload` and `library_path` are the image's LD_ variables;
    `extra` are names that it opens by dlopen.
    """

    path: str
    place: str
    elf: Elf
    dynamic: Dynamic
    is_beside: bool = False
    preload: tuple[str, ...] = ()
    library_path: tuple[str, ...] = ()
    extra: tuple[tuple[str, str], ...] = ()


class Missing(msgspec.Struct, frozen=True):
    """A library, or a version of one, that nobody has."""

    name: str
    wanted_by: str
    why: str

    def __str__(self) -> str:
        return f"{self.name}, wanted by {self.wanted_by}: {self.why}"


class Closure(msgspec.Struct, frozen=True, eq=False):
    """`objects` starts with the program; `wanted` says who asks for a path, by the name it uses.
    `cached` are the libraries that the image's ld.so.cache must name; `variants` are files for
    newer processors, which no image needs.
    """

    objects: tuple[Object, ...]
    loader: Loader | None
    wanted: dict[str, tuple[str, ...]]
    missing: tuple[Missing, ...] = ()
    cached: tuple[tuple[str, str], ...] = ()
    variants: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def libraries(self) -> tuple[Object, ...]:
        return self.objects[1:]


def start_of(
    path: str,
    place: str,
    elf: Elf,
    dynamic: Dynamic,
    env: Mapping[str, str],
    *,
    is_beside: bool,
) -> Start:
    """A program with the LD_ variables of its image."""
    return Start(
        path=path,
        place=place,
        elf=elf,
        dynamic=dynamic,
        is_beside=is_beside,
        preload=tuple(name for name in re.split(r"[ :]+", env.get("LD_PRELOAD", "")) if name),
        library_path=tuple(p for p in re.split("[:;]", env.get("LD_LIBRARY_PATH", "")) if p),
    )
