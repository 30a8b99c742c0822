"""A program in, the graph it was linked from out: who keeps what, how heavy.

The graph holds what the linker read, so it can be walked again without a part: what is then not
reached would go with it. Sizes are those of the symbols; a function also takes rows in the
program's function table.
"""

from collections import Counter
from functools import cached_property

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
_STRIPPED = ("(debug information)", "(symbol table)")


class Linked:
    """The graph of one program. Nothing is walked before it is asked for."""

    def __init__(self, facts: Facts, objects: Objects, linking: Linking) -> None:
        self.facts, self.objects, self.linking = facts, objects, linking
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
        return sizes_of(self.facts)

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
    def package_of(self) -> npt.NDArray[np.object_]:
        """Of every symbol, "" for what no package owns, such as strings."""
        found = np.empty(len(self.graph), object)
        found[:] = ""
        for symbol in np.flatnonzero(self.reached.reached).tolist():
            found[symbol] = _package_of(self.graph, symbol)
        return found

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


def read_linked(binary: Binary, facts: Facts) -> Linked | None:
    """None without source, or where the objects cannot be read."""
    if binary.recipe is None or facts.go is None or facts.elf.word != 8:
        return None
    linking = linking_of(binary.recipe, binary.package)
    objects = read_objects(linking) if linking is not None else None
    return Linked(facts, objects, linking) if objects is not None and linking is not None else None


def table_name(name: str) -> str:
    """As the function table has it: generic functions without what they are instantiated with."""
    first, last = name.find("["), name.rfind("]")
    return f"{name[:first]}[...]{name[last + 1 :]}" if 0 <= first < last else name


def _package_of(graph: Graph, symbol: int) -> str:
    name = graph.name(symbol)
    if name.startswith("type:."):
        return package_of(name) if name.startswith(("type:.eq.", "type:.hash.")) else ""
    if name.startswith("type:"):
        name = name.removeprefix("type:").lstrip("*[]0123456789")
        plain = not name.startswith(("func(", "struct {", "interface {", "map[", "chan "))
        return package_of(name) if plain and "." in name else ""
    if name.startswith(("go:itab.", "go:string.", "go:", "runtime.gcbits.", "gclocals")):
        name = name.removeprefix("go:itab.").lstrip("*") if name.startswith("go:itab.") else ""
        return package_of(name) if name else ""
    return package_of(name) if "." in name else graph.package(symbol)
