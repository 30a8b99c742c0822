"""Weight in, a tree to walk through out: directories, files, and Go programs down to symbols.

Of an image it is the tree as one layer leaves it, or only what that layer changed. Branches are
made when they are opened, so that a tree of a million symbols costs nothing to look at from above.
"""

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

import msgspec

from whit.model.weight import Leaf, Weight
from whit.report.words import printable

ADDED, MODIFIED, REMOVED = "added", "modified", "removed"


class Row(msgspec.Struct, frozen=True):
    """A leaf by its way from the root; the first `depth` parts are a path. `lost` are the bytes of
    a file that is removed.
    """

    way: tuple[str, ...]
    size: int
    depth: int = 0
    change: str = ""
    lost: int = 0


class Branch(msgspec.Struct, frozen=True):
    """What stands at one place. `is_path` is for directories and files; `change` is that of a
    file, or of all files below; MODIFIED where those differ.
    """

    name: str
    size: int
    lost: int
    change: str
    is_path: bool
    rows: tuple[Row, ...]
    level: int

    @property
    def is_open(self) -> bool:
        """Whether something stands below it."""
        return any(len(row.way) > self.level for row in self.rows)

    def children(self, *, by_name: bool = False) -> list["Branch"]:
        """The largest first, or by name."""
        below: dict[str, list[Row]] = {}
        for row in self.rows:
            if len(row.way) > self.level:
                below.setdefault(row.way[self.level], []).append(row)
        found = [_branch(name, rows, self.level + 1) for name, rows in below.items()]
        found.sort(key=lambda one: one.name if by_name else (-one.size, -one.lost, one.name))
        return found


def _branch(name: str, rows: list[Row], level: int) -> Branch:
    changes = {row.change for row in rows}
    change = changes.pop() if len(changes) == 1 else MODIFIED if any(changes) else ""
    size, lost = sum(row.size for row in rows), sum(row.lost for row in rows)
    is_path = any(level <= row.depth for row in rows)
    is_directory = any(level < row.depth for row in rows)
    said = printable(name) + ("/" if is_directory else "")
    return Branch(said, size, lost, change, is_path, tuple(rows), level)


class Walk:
    """A Weight to walk through. Layers are numbered from 1; a program has none."""

    def __init__(self, weight: Weight) -> None:
        self.weight = weight
        number = {layer.name: n for n, layer in enumerate(weight.layers, 1)}
        self._files: dict[int, dict[str, list[Leaf]]] = {n: {} for n in number.values()}
        self._ended: dict[int, dict[str, int]] = {n: {} for n in number.values()}
        if weight.layers:
            for leaf in weight.leaves:
                self._files[number[leaf.place[0]]].setdefault(leaf.place[1], []).append(leaf)
            for waste in weight.wasted:
                if waste.layer:
                    self._ended[waste.layer][waste.path] = waste.size

    def root(self, layer: int, *, is_whole: bool, pattern: str = "") -> Branch:
        """The tree that `layer` leaves, or with `is_whole` False what it changed."""
        rows = self._rows(layer, is_whole) if self.weight.layers else map(_row, self.weight.leaves)
        kept = [row for row in rows if not pattern or _fits("/".join(row.way), pattern)]
        size, lost = sum(row.size for row in kept), sum(row.lost for row in kept)
        return Branch(printable(self.weight.name), size, lost, "", False, tuple(kept), 0)

    def _rows(self, layer: int, is_whole: bool) -> Iterator[Row]:
        there: dict[str, int] = {}
        changes: dict[str, str] = {}
        for number in range(1, layer + 1):
            new = self._files[number]
            changes = {path: MODIFIED if path in there else ADDED for path in new}
            for path in self._ended[number]:
                if path not in new:
                    there.pop(path, None)
            there |= dict.fromkeys(new, number)
        for path, number in there.items():
            change = changes.get(path, "") if number == layer else ""
            if is_whole or change:
                yield from _file_rows(path, self._files[number][path], change)
        for path, size in self._ended[layer].items():
            if path not in self._files[layer]:
                parts = tuple(path.strip("/").split("/"))
                yield Row(parts, 0, len(parts), REMOVED, size)


def _row(leaf: Leaf) -> Row:
    return Row(leaf.place, leaf.size)


def _file_rows(path: str, leaves: Iterable[Leaf], change: str) -> Iterator[Row]:
    parts = tuple(path.strip("/").split("/"))
    for leaf in leaves:
        yield Row(parts + leaf.place[2:], leaf.size, len(parts), change)


def _fits(text: str, pattern: str) -> bool:
    return fnmatchcase(text, pattern) if set(pattern) & set("*?[") else pattern in text
