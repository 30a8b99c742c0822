"""Text in, the strings that begin as asked and that code or variables hold out. Pure.

    code      LEA reg, [rip+x] and a length beside it; ADRP and ADD
    variable  a header (address, length) among the data; whoever loads the header, its row of
              headers, or the slice that points at the row, holds the string

What a constant is handed to may be far away, or be called through an interface: a path that a
function holds is the most that can be known of it. Strings do not overlap, so none reaches beyond
the next address that the code loads.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from whit.binary.constants import read_only_string
from whit.binary.elf import PF_W, PF_X
from whit.binary.literals import MAX_LITERAL_BYTES, lengths_beside
from whit.binary.references import loads_of, without_table, words_among
from whit.binary.text import Text

MAX_ROW = 64
MAX_START = 32
WORD, HEADER = 8, 16


class Mention(msgspec.Struct, frozen=True, order=True):
    """`function` holds one of `values`; "" where a variable does that nobody was seen to load."""

    function: str
    values: tuple[str, ...]


class Loads(msgspec.Struct, frozen=True):
    """Load i stands at distance `sites[i]` and names the address `targets[i]`; in order of these.

    `starting` are those of sorted addresses at which a read-only byte of `heads` stands;
    `headers` the data words (where, to which address) that point at such a byte; `pointers` those
    that hold one of these addresses.
    """

    targets: Sequence[int]
    sites: Sequence[int]
    starting: Callable[[bytes], list[int]]
    headers: Callable[[bytes], dict[int, int]]
    pointers: Callable[[set[int]], dict[int, int]]

    def to(self, address: int) -> Iterator[int]:
        at = bisect_left(self.targets, address)
        while at < len(self.targets) and self.targets[at] == address:
            yield int(self.sites[at])
            at += 1

    def after(self, address: int) -> int:
        """The next address that is loaded."""
        at = bisect_right(self.targets, address)
        return int(self.targets[at]) if at < len(self.targets) else address + MAX_LITERAL_BYTES


def search_loads(text: Text) -> Loads:
    """Every load of an address, looked for one by one."""
    pairs = sorted((target, at) for at, target in loads_of(text))
    targets = [target for target, _ in pairs]

    def starting(heads: bytes) -> list[int]:
        data, found = text.elf.data, []
        for address, offset, size in read_only(text):
            low, high = bisect_left(targets, address), bisect_left(targets, address + size)
            shift = offset - address
            found += [t for t in targets[low:high] if data[t + shift] in heads]
        return sorted(set(found))

    def headers(heads: bytes) -> dict[int, int]:
        found: dict[int, int] = {}
        for address, offset, size in read_only(text):
            shift, data, end = offset - address, text.elf.data, address + size
            inside = [(at, word) for at, word in text.relocations.items() if address <= word < end]
            for start, first, length in data_ranges(text):
                words = text.elf.data[start : start + length].cast("Q")
                inside += [
                    (first + WORD * i, word)
                    for i, word in enumerate(words)
                    if address <= word < end
                ]
            found.update((at, word) for at, word in inside if data[word + shift] in heads)
        return found

    def pointers(values: set[int]) -> dict[int, int]:
        return dict(words_among(text, values)) if values else {}

    return Loads(targets, [at for _, at in pairs], starting, headers, pointers)


def mentions_of(text: Text, loads: Loads, beginnings: Sequence[str]) -> tuple[Mention, ...]:
    """Who holds a string that begins with one of `beginnings`."""
    heads = bytes(sorted({beginning.encode()[0] for beginning in beginnings}))
    wanted = tuple(beginnings)
    starts = tuple(one.encode() for one in beginnings)
    found: set[Mention] = set()
    for address in loads.starting(heads):
        if not _begins(text, address, starts):
            continue
        bound = min(loads.after(address) - address, MAX_LITERAL_BYTES)
        for site in loads.to(address):
            lengths = {n for n in lengths_beside(text, site) if n <= bound} or {bound}
            values = tuple(_strings(text, address, sorted(lengths), wanted))
            if values:
                found.add(Mention(text.name(text.function_at(site)), values))
    held = dict(_held(text, loads.headers(heads), wanted))
    for at, functions in _holders(text, loads, held).items():
        found.update(Mention(name, (held[at],)) for name in functions)
    return tuple(sorted(found))


def _held(
    text: Text, headers: dict[int, int], wanted: tuple[str, ...]
) -> Iterator[tuple[int, str]]:
    """(where its header stands, string) of variables."""
    for at, address in headers.items():
        offset = text.elf.offset_of(at)
        if offset is not None and offset + HEADER <= len(text.elf.data):
            length = text.elf.pointer(offset + WORD)
            yield from ((at, value) for value in _strings(text, address, [length], wanted))


def _begins(text: Text, address: int, starts: tuple[bytes, ...]) -> bool:
    offset = text.elf.offset_of(address)
    data = text.elf.data
    return offset is not None and bytes(data[offset : offset + MAX_START]).startswith(starts)


def _strings(
    text: Text, address: int, lengths: Iterable[int], wanted: tuple[str, ...]
) -> Iterator[str]:
    for length in lengths:
        value = read_only_string(text, address, length) if length <= MAX_LITERAL_BYTES else None
        if value and value.startswith(wanted):
            yield value


def _holders(text: Text, loads: Loads, held: Iterable[int]) -> dict[int, set[str]]:
    """The functions that load each header, or what it is a part of; {""} when there are none."""
    rows = {header: _row(text, header) for header in held}
    slices: dict[int, list[int]] = {}
    for at, place in loads.pointers({place for row in rows.values() for place in row}).items():
        slices.setdefault(place, []).append(at)
    found = {}
    for header, row in rows.items():
        sites: list[int] = []
        # The nearest one that is named is where the row begins: before it stands another's.
        for place in row:
            sites = [*loads.to(place), *(s for at in slices.get(place, ()) for s in loads.to(at))]
            if sites:
                break
        found[header] = {text.name(text.function_at(site)) for site in sites} or {""}
    return found


def _row(text: Text, header: int) -> list[int]:
    """The header and those right before it, nearest first: an array of strings."""
    places = [header]
    while len(places) < MAX_ROW and _is_header(text, places[-1] - HEADER):
        places.append(places[-1] - HEADER)
    return places


def _is_header(text: Text, address: int) -> bool:
    offset = text.elf.offset_of(address)
    if offset is None or offset + HEADER > len(text.elf.data):
        return False
    length = text.elf.pointer(offset + WORD)
    return read_only_string(text, text.word(offset), length) is not None


def read_only(text: Text) -> list[tuple[int, int, int]]:
    """(address, offset, size) of what strings may lie in: what the program cannot change."""
    return [
        (one.address, one.offset, one.file_size)
        for one in text.elf.loads
        if not one.flags & (PF_W | PF_X)
    ]


def data_ranges(text: Text) -> list[tuple[int, int, int]]:
    """(offset, address, size) of the data, in whole words; the table of functions is none."""
    found = []
    for segment in text.elf.loads:
        if segment.flags & PF_X:
            continue
        for low, high in without_table(text, segment.offset, segment.offset + segment.file_size):
            address = segment.address + low - segment.offset
            skip = -address % WORD
            found.append((low + skip, address + skip, max(0, high - low - skip) // WORD * WORD))
    return found
