"""Graph and what to do without in, what the linker keeps out, and by which way. Pure.

Level by level, as in cmd/link/internal/ld/deadcode.go: what main.main needs first, then what the
inits of packages need, then the rest, so that a way begins at main.main where there is one.
"""

import msgspec
import numpy as np

from whit.binary.ledger import Numbers
from whit.binary.linkgraph import Edges, Graph, Marks, Shorts


class Reach(msgspec.Struct, frozen=True):
    """`parents` leads back to a root, -1 there. `reflects` are the reached functions that look
    methods up by names nobody knows.
    """

    graph: Graph
    reached: Marks
    parents: Numbers

    @property
    def reflects(self) -> list[int]:
        found: list[int] = np.flatnonzero(self.reached & self.graph.reflects).tolist()
        return found

    def way(self, symbol: int) -> list[int]:
        """From a root to a symbol; nothing for one that is not reached."""
        if not self.reached[symbol]:
            return []
        found = [symbol]
        while (parent := int(self.parents[found[-1]])) >= 0:
            found.append(parent)
        return found[::-1]


def reach(
    graph: Graph,
    roots: tuple[tuple[str, ...], ...],
    *,
    without: Numbers | None = None,
    eliminates: bool | None = None,
) -> Reach:
    """What is kept, without the symbols `without`. `eliminates` says whether methods that nobody
    calls are dropped; None leaves it to the program, as the linker does.
    """
    flood = _Flood(graph, without, eliminates)
    for names in roots:
        flood.run([number for name in names for number in graph.named(name)])
    return Reach(graph, flood.reached & ~flood.barred, flood.parents)


class _Flood:
    def __init__(self, graph: Graph, without: Numbers | None, eliminates: bool | None) -> None:
        count = len(graph)
        self.graph, self.eliminates = graph, eliminates
        self.barred = np.zeros(count, np.bool_)
        if without is not None:
            self.barred[without] = True
        self.reached = self.barred.copy()
        self.used = graph.is_used.copy()
        self.opened = np.zeros(count, np.bool_)  # types both reached and used
        self.parents = np.full(count, -1, np.int64)
        methods = graph.methods
        self.waiting = np.arange(len(methods.owner))
        first = np.searchsorted(methods.owner, np.arange(count + 1))
        self.methods_of = Edges(first, self.waiting)
        self.called = np.zeros(_most(methods.signature, graph.calls.targets), np.bool_)
        self.asked = np.zeros(_most(methods.name, graph.asks.targets), np.bool_)
        self.reflects = eliminates is False

    def run(self, roots: list[int]) -> None:
        some = np.array(roots, np.int64)
        frontier = self._mark(np.full(len(some), -1, np.int64), some)
        while len(frontier):
            while len(frontier):
                frontier = self._step(frontier)
            frontier = self._methods()

    def _step(self, frontier: Numbers) -> Numbers:
        graph = self.graph
        self.called[graph.calls.of(frontier)[1]] = True
        self.asked[graph.asks.of(frontier)[1]] = True
        if self.eliminates is None and bool(graph.reflects[frontier].any()):
            self.reflects = True
        fresh = [self._mark(*graph.plain.of(frontier))]
        used = graph.uses.of(frontier)[1]
        self.used[used] = True
        # A type is looked at again once it is in an interface: so are those it is made of.
        some = self._openable(np.concatenate([frontier, used]))
        while len(some):
            self.opened[some] = True
            sources, children = graph.children.of(some)
            asked = graph.methods.kept[self.methods_of.of(some)[1], 0]
            self.used[children] = self.used[asked] = True
            fresh.append(self._mark(sources, children))
            some = self._openable(np.concatenate([children, asked]))
        return np.concatenate(fresh)

    def _openable(self, some: Numbers) -> Numbers:
        is_open = self.graph.is_type[some] & self.reached[some] & self.used[some]
        return np.unique(some[is_open & ~self.opened[some] & ~self.barred[some]])

    def _methods(self) -> Numbers:
        """Those of marked types that may be called by now."""
        methods, some = self.graph.methods, self.waiting
        keeps = self.called[methods.signature[some]] | self.asked[methods.name[some]]
        if self.reflects:
            keeps |= methods.is_exported[some]
        keeps &= self.opened[methods.owner[some]]
        chosen = some[keeps]
        self.waiting = some[~keeps]
        return self._mark(np.repeat(methods.owner[chosen], 3), methods.kept[chosen].reshape(-1))

    def _mark(self, sources: Numbers, targets: Numbers) -> Numbers:
        is_new = (targets >= 0) & ~self.reached[targets]
        fresh, first = np.unique(targets[is_new], return_index=True)
        self.reached[fresh] = True
        self.parents[fresh] = sources[is_new][first]
        return fresh


def _most(*numbers: Numbers | Shorts) -> int:
    return max([1, *(int(n.max()) + 1 for n in numbers if len(n))])
