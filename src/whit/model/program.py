"""A program and what it was made from: Source, Recipe, Binary."""

from enum import StrEnum

import msgspec

from whit.model.names import Digest, Platform


class Strip(StrEnum):
    """What the linker leaves out: symbol table and DWARF, DWARF only, or nothing."""

    ALL = "all"
    DWARF = "dwarf"
    NONE = "none"


class Cgo(StrEnum):
    """What becomes of C code: decided from the packages, left out, or linked in either way."""

    AUTO = "auto"
    OFF = "off"
    STATIC = "static"
    DYNAMIC = "dynamic"


class Source(msgspec.Struct, frozen=True):
    """Where Go source lies.

    `directory` is where `go` runs. `packages` are patterns in it (`.`, `./cmd/...`); for a module
    fetched at a version it is one import path and `version` is what stands after the `@`.
    """

    directory: str
    packages: tuple[str, ...] = (".",)
    version: str = ""


class Recipe(msgspec.Struct, frozen=True):
    """How a program is compiled. `go` is "" for the toolchain on PATH, or a release: 1.21.13."""

    source: Source
    platform: Platform
    strip: Strip = Strip.ALL
    cgo: Cgo = Cgo.AUTO
    ldflags: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    gcflags: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    trimpath: bool = True
    go: str = ""
    offline: bool = False


class Binary(msgspec.Struct, frozen=True):
    """Which program, exactly. `name` is the command's name; `recipe` is None for a prebuilt one.

    `place` is the path it has in the image when that is not `/name`.
    """

    path: str
    digest: Digest
    size: int
    platform: Platform
    name: str
    package: str = ""
    recipe: Recipe | None = None
    place: str = ""
