"""Text in, uses of functions as values out: closures, variables, interface tables. Pure.

A function value is a pointer to a word that holds the entry (a "funcval"). Code takes its address
with LEA or loads it with MOV relative to rip (amd64), ADRP and ADD or LDR (arm64); a variable is a
word that points at the funcval; an interface table holds the entry itself.
"""

import re
import struct
from collections.abc import Iterator

import msgspec

from whit.binary.elf import PF_X
from whit.binary.text import Text

MAX_WORDS = 1 << 16
_LOADS = re.compile(b"[\x48\x4c][\x8b\x8d][\x05\x0d\x15\x1d\x25\x2d\x35\x3d]")
_PAGES = re.compile(b"[\x90\xb0\xd0\xf0]")


class Uses(msgspec.Struct, frozen=True):
    """Of one function: who takes its value, and whether variables or tables hold it."""

    values: frozenset[int] = frozenset()
    variables: int = 0
    tables: int = 0


def uses_of(text: Text, functions: list[int]) -> dict[int, Uses]:
    """How the functions with these indexes are used besides being called."""
    entry_of = {text.start + text.entries[index]: index for index in functions}
    slots = _words_with(text, set(entry_of))  # address of the word -> the entry it holds
    pointers = _words_with(text, set(slots))
    wanted = {**{address: address for address in entry_of}, **slots}
    loads: dict[int, set[int]] = {}
    loaded: set[int] = set()
    for at, target in loads_of(text):
        if target in wanted:
            loaded.add(target)
            loads.setdefault(entry_of[wanted[target]], set()).add(text.function_at(at))
    held = set(pointers.values())
    found = {}
    for address, index in entry_of.items():
        own = [slot for slot, entry in slots.items() if entry == address]
        found[index] = Uses(
            values=frozenset(loads.get(index, ())),
            variables=sum(slot in held for slot in own),
            tables=sum(slot not in held and slot not in loaded for slot in own),
        )
    return found


class References:
    """Who takes the value of any function: all that `uses_of` would read, read once. For whoever
    asks often; for one question `uses_of` is quicker.
    """

    def __init__(self, text: Text) -> None:
        self._text = text
        entries = {text.start + entry: index for index, entry in enumerate(text.entries[:-1])}
        slots = dict(words_among(text, set(entries)))  # address of the word -> the entry it holds
        index_of = {slot: entries[entry] for slot, entry in slots.items()} | entries
        self._loads: dict[int, list[int]] = {}
        for at, target in loads_of(text):
            index = index_of.get(target)
            if index is not None:
                self._loads.setdefault(index, []).append(at)

    def takers_of(self, function: int) -> set[int]:
        """Indexes of the functions that take this one's value."""
        return {self._text.function_at(at) for at in self._loads.get(function, ())}


def is_in_method_table(text: Text, function: int) -> bool:
    """Whether a type's method table names the function, by its 32-bit distance."""
    pattern = re.compile(re.escape(struct.pack("<I", text.entries[function])))
    for name in (".go.type", ".rodata", ".data.rel.ro", ".typelink"):
        window = text.elf.section_bytes(name)
        if window is not None and any(m.start() % 4 == 0 for m in pattern.finditer(window)):
            return True
    return False


def _words_with(text: Text, values: set[int]) -> dict[int, int]:
    """Address of every data word that holds one of `values`, now or after relocation."""
    if not values:
        return {}
    found = {at: value for at, value in text.relocations.items() if value in values}
    patterns = sorted(struct.pack("<Q", value) for value in values)[:MAX_WORDS]
    search = re.compile(b"|".join(map(re.escape, patterns)))
    for segment in text.elf.loads:
        if segment.flags & PF_X:
            continue
        window = text.elf.data[segment.offset : segment.offset + segment.file_size]
        for match in search.finditer(window):
            address = segment.address + match.start()
            if address % 8 == 0:
                found[address] = int.from_bytes(match.group(), "little")
    return found


def words_among(text: Text, values: set[int]) -> Iterator[tuple[int, int]]:
    """As above, for so many values that each word is looked at."""
    yield from ((at, value) for at, value in text.relocations.items() if value in values)
    for segment in text.elf.loads:
        if segment.flags & PF_X:
            continue
        for low, high in without_table(text, segment.offset, segment.offset + segment.file_size):
            address = segment.address + low - segment.offset
            start = low + -address % 8
            words = text.elf.data[start : start + (high - start) // 8 * 8].cast("Q")
            first = address + -address % 8
            yield from ((first + 8 * i, word) for i, word in enumerate(words) if word in values)


def without_table(text: Text, low: int, high: int) -> list[tuple[int, int]]:
    """A range of the file without the table of functions: most of the read-only data, and it holds
    no pointers.
    """
    table = text.elf.sections.get(".gopclntab")
    hole = range(table.offset, table.offset + table.size) if table else range(0)
    if not (low <= hole.start and hole.stop <= high and hole):
        return [(low, high)]
    return [(low, hole.start), (hole.stop, high)]


def loads_of(text: Text) -> Iterator[tuple[int, int]]:
    """(distance of the instruction, address it refers to)."""
    if text.elf.platform.architecture == "arm64":
        yield from _arm64_loads(text)
        return
    code, number = text.code, struct.Struct("<i").unpack_from
    last = len(code) - 7
    for match in _LOADS.finditer(code):
        at = match.start()
        if at <= last:
            yield at, text.start + at + 7 + number(code, at + 3)[0]


def _arm64_loads(text: Text) -> Iterator[tuple[int, int]]:
    code, number = text.code, struct.Struct("<II").unpack_from
    for at in arm64_page_loads(code, 0, len(code) - 8):
        first, second = number(code, at)
        target = arm64_address(text.start + at, first, second)
        if target is not None:
            yield at, target


def arm64_page_loads(code: bytes, low: int, last: int) -> Iterator[int]:
    """Where an ADRP may stand, from `low` up to and with `last`."""
    for match in _PAGES.finditer(code, max(low, 0), max(last + 4, 0)):
        at = match.start() - 3
        if at & 3 == 0 and low <= at <= last:
            yield at


def arm64_address(pc: int, first: int, second: int) -> int | None:
    """The address that ADRP and the ADD or LDR behind it make; None for other instructions."""
    if first & 0x9F000000 != 0x90000000 or (second >> 5) & 31 != first & 31:
        return None
    pages = (first >> 5 & 0x7FFFF) << 2 | first >> 29 & 3
    if pages & 0x100000:
        pages -= 0x200000
    page = (pc & ~0xFFF) + (pages << 12)
    offset = second >> 10 & 0xFFF
    if second & 0xFFC00000 == 0x91000000:
        return page + offset
    if second & 0xFFC00000 == 0xF9400000:
        return page + offset * 8
    return None
