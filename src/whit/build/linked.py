"""A program in, the graph it was linked from out: who keeps what, how heavy.

The graph holds what the linker read, so it can be walked again without a part: what is then not
reached would go with it. Sizes are those of the symbols; a function also takes rows in the
program's function table.
"""

from collections import Counter
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

import msgspec
import numpy as np
import numpy.typing as npt

from whit.binary.facts import Facts
from whit.binary.ledger import Numbers
from whit.binary.linkgraph import Graph, Marks
from whit.binary.linkreading import read_graph
from whit.binary.packages import package_of
from whit.binary.reach import Reach, reach
from whit.binary.sizes import Sizes, sizes_of
from whit.binary.tables import SECTION
from whit.golang.objects import Compiled, Linking, Objects, linking_of, read_objects
from whit.model.program import Binary

_FUNCTION_VALUE = "·f"
# What is there besides the program: it does not grow with each symbol alike.
_UNNAMED = ("func(", "struct {", "interface {", "map[", "map.", "chan ", "noalg.")
_STRIPPED = ("(debug information)", "(symbol table)")


class Owners(msgspec.Struct, frozen=True):
    """`names[of[symbol]]` is a symbol's package; "" owns what no package does, such as strings."""

    of: npt.NDArray[np.int32]
    names: tuple[str, ...]

    def those_of(self, packages: Collection[str]) -> Marks:
        some = [number for number, name in enumerate(self.names) if name in packages]
        return np.isin(self.of, some)


class Linked:
    """The graph of one program. Nothing is walked before it is asked for."""

    def __init__(
        self, facts: Facts, sizes: Callable[[], Sizes], objects: Objects, linking: Linking
    ) -> None:
        self.facts, self.objects, self.linking = facts, objects, linking
        self._sizes = sizes
        self.graph: Graph = read_graph(objects.units(), objects.kinds)
        entry = f"_rt0_{facts.platform.architecture}_linux"
        self._roots = (
            ("main.main",),
            ("main..inittask",),
            (entry, "runtime.unreachableMethod", *self._exports()),
        )

    def _exports(self) -> tuple[str, ...]:
        """What C calls."""
        import re

        pattern = re.compile(rb'\["cgo_export_(?:static|dynamic)","([^"]+)"')
        found = (m for unit in self.graph.units for m in pattern.finditer(unit.directives))
        return tuple(dict.fromkeys(match[1].decode("utf-8", "replace") for match in found))

    @property
    def loads_plugins(self) -> bool:
        """Then nothing is dropped, because a plugin may call anything."""
        names = {package.path for package in self.objects.packages}
        return {"plugin", "runtime/cgo"} <= names

    @cached_property
    def packages(self) -> dict[str, Compiled]:
        return {package.path: package for package in self.objects.packages}

    @cached_property
    def sizes(self) -> Sizes:
        return self._sizes()

    @cached_property
    def reached(self) -> Reach:
        """As the linker has it."""
        return self.walk()

    def walk(self, without: Numbers | None = None, *, eliminates: bool | None = None) -> Reach:
        keeps_all = self.loads_plugins and eliminates is None
        return reach(
            self.graph,
            self._roots,
            without=without,
            eliminates=False if keeps_all else eliminates,
        )

    @cached_property
    def owners(self) -> "Owners":
        """The package of every reached symbol."""
        graph, numbers = self.graph, {"": 0}
        own = [f"{unit.package}." for unit in graph.units]
        some = np.flatnonzero(self.reached.reached)
        found = np.zeros(len(graph), np.int32)
        of: list[int] = []
        for symbol, unit in zip(some.tolist(), graph.unit_of[some].tolist(), strict=True):
            name, start = graph.name(symbol), own[unit]
            # A slash behind it says that a longer path begins in the same way.
            is_own = name.startswith(start) and "/" not in name[len(start) :]
            package = start[:-1] if is_own else _package_of(name, start[:-1])
            of.append(numbers.setdefault(package, len(numbers)))
        found[some] = of
        return Owners(found, tuple(numbers))

    @cached_property
    def weights(self) -> npt.NDArray[np.float64]:
        """Bytes of each symbol in the program, with its rows of the function table. What the linker
        adds to all of them (alignment, names, tables of tables) is spread evenly.
        """
        graph, found = self.graph, self.graph.sizes.astype(np.float64)
        rows: Counter[str] = Counter()
        for part in self.sizes.parts:
            if part.section == SECTION:
                rows[part.symbol] += part.size
        reached = self.reached.reached
        texts = np.flatnonzero(graph.is_text & reached).tolist()
        names = [table_name(graph.name(symbol)) for symbol in texts]
        shared = Counter(names)
        for symbol, name in zip(texts, names, strict=True):
            found[symbol] += rows[name] / shared[name]
        extra = sum(p.size for p in self.sizes.parts if p.package in _STRIPPED)
        scaled: npt.NDArray[np.float64] = found * (
            (self.facts.size - extra) / max(float(found[reached].sum()), 1.0)
        )
        return scaled

    def weight(self, some: Marks) -> int:
        return round(float(self.weights[some].sum()))

    def way(self, reached: Reach, symbol: int) -> tuple[str, ...]:
        """How a symbol is reached, in the words of a reader: without the tables of the linker."""
        names = [self.graph.name(one) for one in reached.way(symbol)]
        found: list[str] = []
        for name in names:
            if name.endswith((_FUNCTION_VALUE, ".inittask")) or name.startswith("go:itab."):
                continue
            said = "type " + name.removeprefix("type:") if name.startswith("type:") else name
            if not found or found[-1] != said:
                found.append(said)
        return tuple(found)


def read_linked(binary: Binary, facts: Facts, *, weighs: bool = False) -> Linked | None:
    """None without source, or where the objects cannot be read. `weighs` says that sizes will be
    asked for.
    """
    if binary.recipe is None or facts.go is None or facts.elf.word != 8:
        return None
    linking = linking_of(binary.recipe, binary.package)
    if linking is None:
        return None
    with ThreadPoolExecutor(1) as threads:
        told = threads.submit(read_objects, linking)
        # Go works meanwhile.
        sizes = sizes_of(facts) if weighs else None
        objects = told.result()
    if objects is None:
        return None
    return Linked(facts, lambda: sizes or sizes_of(facts), objects, linking)


def table_name(name: str) -> str:
    """As the function table has it: generic functions without what they are instantiated with."""
    first, last = name.find("["), name.rfind("]")
    return f"{name[:first]}[...]{name[last + 1 :]}" if 0 <= first < last else name


def _package_of(name: str, defined_in: str) -> str:
    if name.startswith("type:."):
        return package_of(name) if name.startswith(("type:.eq.", "type:.hash.")) else ""
    if name.startswith("type:"):
        name = name.removeprefix("type:").removeprefix("noalg.").lstrip("*[]0123456789")
        plain = not name.startswith(_UNNAMED)
        return package_of(name) if plain and "." in name else ""
    if name.startswith(("go:itab.", "go:string.", "go:", "runtime.gcbits.", "gclocals")):
        name = name.removeprefix("go:itab.").lstrip("*") if name.startswith("go:itab.") else ""
        return package_of(name) if name else ""
    return package_of(name) if "." in name else defined_in
