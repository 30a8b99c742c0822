"""Text in, inlined calls out: which functions had a given one inlined into them. Pure.

    _func  … npcdata (28) … nfuncdata (last byte of the header), pcdata[], funcdata[]
    funcdata[3]  offset of the inline tree from `gofunc` of the module data, or ffffffff
    tree         records: funcID, 3 bytes, name offset, parent pc, start line    (Go 1.20 on)
                          parent, funcID, file, line, func, parent pc            (Go 1.18)

Where `gofunc` stands in the module data moves between releases (word 40 in Go 1.24, 43 in 1.27), so
it is found by trying: only with the right one do the trees of all functions make sense.
"""

import re
import struct
from bisect import bisect_right

from whit.binary.text import TEXT_WORD, Text

INLINE_TREE = 3
NOTHING = 0xFFFFFFFF
RECORD_BYTES = 16
SAMPLE = 200
MAX_TREE_BYTES = 1 << 20


class Inlining:
    """The inline trees of a program. `is_known` is False where they cannot be read."""

    def __init__(self, text: Text) -> None:
        self._text = text
        self._trees = _trees(text) if text.table.layout == 20 else {}
        self._starts = sorted(self._trees)
        self._base = _base(text, self._trees) if self._trees else None

    @property
    def is_known(self) -> bool:
        return self._base is not None

    def into(self, name_offset: int) -> set[int]:
        """Indexes of the functions that the function of this name was inlined into."""
        if self._base is None:
            return set()
        data, starts = self._text.elf.data, self._starts
        end = min(self._base + starts[-1] + MAX_TREE_BYTES, len(data))
        pattern = re.compile(re.escape(struct.pack("<I", name_offset)))
        found: set[int] = set()
        for match in pattern.finditer(data[self._base : end]):
            at = match.start() - 4
            start = starts[max(0, bisect_right(starts, at) - 1)]
            if at >= start and (at - start) % RECORD_BYTES == 0 and self._is_tree(start, at):
                found.update(self._trees[start])
        return found

    def _is_tree(self, start: int, at: int) -> bool:
        """Whether everything from the tree's start up to the record is a record."""
        base = self._base or 0
        return all(
            _is_record(self._text, base + place, None)
            for place in range(start, at + 1, RECORD_BYTES)
        )


def _trees(text: Text) -> dict[int, list[int]]:
    """Offset of each inline tree -> the functions that have it."""
    data = text.elf.data
    found: dict[int, list[int]] = {}
    number = struct.Struct("<I").unpack_from
    limit = len(data) - 64
    for index, place in enumerate(text.places):
        count = data[place + 43]
        if count <= INLINE_TREE:
            continue
        at = place + 44 + 4 * (number(data, place + 28)[0] + INLINE_TREE)
        if at > limit:
            continue
        tree = number(data, at)[0]
        if tree != NOTHING:
            found.setdefault(tree, []).append(index)
    return found


def _base(text: Text, trees: dict[int, list[int]]) -> int | None:
    """File offset of `gofunc`: the word with which all sampled trees make sense."""
    sample = sorted(trees)[:: max(1, len(trees) // SAMPLE)]
    for word in range(TEXT_WORD + 10, TEXT_WORD + 30):
        offset = text.elf.offset_of(text.word(text.module_data + 8 * word))
        if offset is not None and all(
            _is_record(text, offset + tree, trees[tree][0]) for tree in sample
        ):
            return offset
    return None


def _is_record(text: Text, at: int, function: int | None) -> bool:
    """Whether a record of an inline tree (of this function, when given) can stand here."""
    if at + RECORD_BYTES > len(text.elf.data):
        return False
    name: int
    parent: int
    name, parent = struct.unpack_from("<Ii", text.elf.data, at + 4)
    if name >= len(text.names) or not text.names[name] or (name and text.names[name - 1]):
        return False
    if bytes(text.elf.data[at + 1 : at + 4]) != b"\0\0\0" or parent < 0:
        return False
    if function is None:
        return parent < 1 << 24
    return parent <= text.entries[function + 1] - text.entries[function]
