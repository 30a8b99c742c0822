"""What something weighs: leaves with a place each, layers, and bytes that are wasted.

A leaf's place is a path through `levels`: (layer, file, module, package, symbol) of an image,
(module, package, symbol) of a program. All leaves together are what lies on disk.
"""

import msgspec

from whit.model.deadcode import DeadCode

LAYER, FILE, MODULE, PACKAGE, SYMBOL = "layer", "file", "module", "package", "symbol"


class Leaf(msgspec.Struct, frozen=True):
    """`section` is the part of the program it lies in; `origin` the package that brought it."""

    place: tuple[str, ...]
    size: int
    section: str = ""
    origin: str = ""


class LayerWeight(msgspec.Struct, frozen=True):
    """`compressed` is the blob, `disk` its files; `made_by` the step that made it."""

    name: str
    digest: str
    compressed: int
    disk: int
    files: int
    made_by: str = ""


class Waste(msgspec.Struct, frozen=True, order=True):
    """Bytes that an image could do without; a `setuid` file is a risk, whatever it weighs. `layer`
    is the number of the one that overwrote or removed it, from 1; else 0.
    """

    kind: str
    path: str
    size: int
    note: str = ""
    layer: int = 0


class Weight(msgspec.Struct, frozen=True):
    """`compressed` is what a registry holds, or a program as one gzip layer would. `dead_code` is
    said of a program that is Go's; `go_version` too, and of an image whose programs are all of one
    release. `relocations` are bytes that only tell the
    loader how to move a program that may lie anywhere. `note` says what cannot be seen.
    """

    name: str
    kind: str
    disk: int
    compressed: int
    files: int
    levels: tuple[str, ...]
    leaves: tuple[Leaf, ...]
    layers: tuple[LayerWeight, ...] = ()
    wasted: tuple[Waste, ...] = ()
    unknown: int = 0
    dead_code: DeadCode | None = None
    go_version: str = ""
    relocations: int = 0
    note: str = ""


class Past(msgspec.Struct, frozen=True):
    """What something weighed at a revision; a "+" behind it says that there were changes. `date`
    is the commit's; both are "" outside of git.
    """

    name: str
    date: str
    revision: str
    disk: int
    compressed: int
    files: int
