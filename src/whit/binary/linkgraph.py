"""The graph that Go's linker walks: who refers to what, and on which condition. Pure values.

Besides plain references there are conditions:

    interfaces   converting to an interface marks a type, and with it what reflection can reach
    methods      of a marked type: kept when an interface's method of this name and type is called,
                 a constant name is asked for, or reflection asks for names nobody knows
(cmd/link/internal/ld/deadcode.go)
"""

import msgspec
import numpy as np
import numpy.typing as npt

from whit.binary.goobj import Unit
from whit.binary.ledger import Numbers

Marks = npt.NDArray[np.bool_]
Shorts = npt.NDArray[np.int32]


class Kinds(msgspec.Struct, frozen=True):
    """What a release's linker calls the kinds that matter here. `debug` and `empty` are kinds of
    symbols: debug information, and what takes no bytes in the file.
    """

    method: int
    use_type: int
    use_interface: int
    use_interface_method: int
    use_named_method: int
    init_order: int
    text: frozenset[int]
    debug: frozenset[int]
    empty: frozenset[int]
    builtins: tuple[tuple[str, int], ...]


_NONE: Numbers = np.zeros(0, np.int64)


class Edges(msgspec.Struct, frozen=True):
    """Those of symbol i are `targets[first[i] : first[i + 1]]`."""

    first: Numbers
    targets: Numbers | Shorts

    def of(self, some: Numbers) -> tuple[Numbers, Numbers]:
        """(sources, targets) of the edges that leave these symbols."""
        low, high = self.first[some], self.first[some + 1]
        length = high - low
        total = int(length.sum())
        if not total:
            return _NONE, _NONE
        starts = np.cumsum(length) - length
        at = np.arange(total) + np.repeat(low - starts, length)
        return np.repeat(some, length), self.targets[at].astype(np.int64)


class Methods(msgspec.Struct, frozen=True):
    """Of types: `owner`, the three symbols that a method keeps, and what calls it: `signature`
    numbers name and type together, `name` the name.
    """

    owner: Numbers
    kept: Numbers
    signature: Numbers
    name: Numbers
    is_exported: Marks


class Graph(msgspec.Struct, frozen=True):
    """`uses` are types made interfaces of, `children` the types that a type is made of,
    `calls` and `asks` the signatures and names of methods that a symbol calls, `symbols` those of
    each ABI by name.
    """

    units: tuple[Unit, ...]
    unit_of: Numbers
    place_of: Numbers
    sizes: Numbers
    is_type: Marks
    is_text: Marks
    reflects: Marks
    is_used: Marks
    plain: Edges
    uses: Edges
    children: Edges
    calls: Edges
    asks: Edges
    methods: Methods
    symbols: tuple[dict[bytes, int], dict[bytes, int]]

    def __len__(self) -> int:
        return len(self.sizes)

    def name(self, symbol: int) -> str:
        unit = self.units[int(self.unit_of[symbol])]
        return unit.raw_name(int(self.place_of[symbol])).decode("utf-8", "replace")

    def package(self, symbol: int) -> str:
        """That of the object which defines it."""
        return self.units[int(self.unit_of[symbol])].package

    def named(self, name: str) -> list[int]:
        """The symbols of this name: Go's and the assembler's may share it."""
        found = (self.symbols[abi].get(name.encode(), -1) for abi in (1, 0))
        return [symbol for symbol in found if symbol >= 0]
