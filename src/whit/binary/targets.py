"""Instructions and data words in, the addresses that they refer to out, all at once. Pure.

amd64  an operand [rip + distance] has ModRM 00 reg 101; the distance counts from the end of the
       instruction, behind an immediate where the opcode has one
arm64  ADRP and the ADD or load or store behind it
A byte pattern may lie inside another instruction: of 277,385 references in a 55 MB program about
one in a hundred was such a stray, and only those into data are kept.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from whit.binary.elf import Elf
from whit.binary.ledger import Numbers

# Opcodes that have a ModRM byte and are common in compiled Go -> bytes of the immediate behind it.
_OPCODES = {
    **dict.fromkeys((0x8B, 0x8D, 0x89, 0x88, 0x8A, 0x03, 0x2B, 0x3B, 0x39, 0x3A, 0x38, 0x63), 0),
    **dict.fromkeys((0x0B, 0x23, 0x33, 0x01, 0x29, 0x85, 0x84, 0x87, 0xFF, 0xB6, 0xB7, 0xBE), 0),
    **dict.fromkeys((0xBF, 0x10, 0x11, 0x28, 0x6F, 0x7F, 0x58, 0x59, 0x5C, 0x5E, 0x2E, 0xB1), 0),
    **dict.fromkeys((0xC1, 0x6E, 0x54, 0x57, 0xEF, 0xDB, 0x2F), 0),
    **dict.fromkeys((0x83, 0x80, 0xC6), 1),
    **dict.fromkeys((0x81, 0xC7), 4),
}  # fmt: skip
_CHUNK_BYTES = 8 << 20


class References(msgspec.Struct, frozen=True):
    """`places` refer to `targets`: addresses both."""

    places: Numbers
    targets: Numbers


def code_references(elf: Elf, start: int, code: memoryview, low: int, high: int) -> References:
    """What the instructions at address `start` refer to between `low` and `high`."""
    if elf.platform.architecture == "arm64":
        return _arm64(start, code, low, high)
    if elf.platform.architecture == "amd64":
        return _amd64(start, code, low, high)
    none = np.zeros(0, np.int64)
    return References(none, none)


def _amd64(start: int, code: memoryview, low: int, high: int) -> References:
    behind = np.full(256, -1, np.int64)
    for opcode, size in _OPCODES.items():
        behind[opcode] = size
    is_known = behind >= 0
    raw = np.frombuffer(code, "u1")
    places, targets = [], []
    for first in range(0, len(raw), _CHUNK_BYTES):
        piece = raw[first : first + _CHUNK_BYTES + 8]
        last = min(len(piece) - 8, _CHUNK_BYTES)
        if last <= 0:
            break
        at = np.flatnonzero(piece[1 : last + 1] & 0xC7 == 5)  # ModRM stands at `at` + 1
        at = at[is_known[piece[at]]]
        # Four bytes from every place on, as numbers that overlap.
        numbers = np.ndarray(len(piece) - 3, "<i4", piece, strides=(1,))
        distance = numbers[at + 2].astype(np.int64)
        place = start + first + at
        target = place + 6 + behind[piece[at]] + distance
        inside = (target >= low) & (target < high)
        places.append(place[inside])
        targets.append(target[inside])
    none = [np.zeros(0, np.int64)]
    return References(np.concatenate(places or none), np.concatenate(targets or none))


def _arm64(start: int, code: memoryview, low: int, high: int) -> References:
    words = np.frombuffer(code, "<u4", len(code) // 4)
    at = np.flatnonzero((words[:-1] & 0x9F000000) == 0x90000000)
    first, second = words[at].astype(np.int64), words[at + 1].astype(np.int64)
    same = ((second >> 5) & 31) == (first & 31)
    at, first, second = at[same], first[same], second[same]
    pages = ((first >> 5) & 0x7FFFF) << 2 | (first >> 29) & 3
    pages -= (pages >> 20) << 21
    offset = (second >> 10) & 0xFFF
    is_load = (second & 0x3B000000) == 0x39000000
    is_add = (second & 0xFF800000) == 0x91000000
    scale = np.where(is_load, second >> 30, 0)
    place = start + 4 * at
    target = (place & ~0xFFF) + (pages << 12) + (offset << scale)
    some = (is_load | is_add) & (target >= low) & (target < high)
    return References(place[some], target[some])


def data_references(elf: Elf, ranges: Sequence[tuple[int, int]]) -> References:
    """Aligned words of these ranges of addresses that hold, or will after relocation, an address
    in one of them.
    """
    low, high = min(r[0] for r in ranges), max(r[1] for r in ranges)
    places, targets = [], []
    if elf.word == 8 and elf.order == "<":
        for start, last in ranges:
            first = start + -start % 8
            offset = elf.offset_of(first)
            if offset is None or offset + last - first > len(elf.data):
                continue
            words = np.frombuffer(elf.data, "<u8", max(0, last - first) // 8, offset)
            at = np.flatnonzero((words >= low) & (words < high))
            places.append(first + 8 * at)
            targets.append(words[at].astype(np.int64))
        place, addend = relocated(elf)
        some = (addend >= low) & (addend < high)
        places.append(place[some])
        targets.append(addend[some])
    none = [np.zeros(0, np.int64)]
    return References(np.concatenate(places or none), np.concatenate(targets or none))


def relocated(elf: Elf) -> tuple[Numbers, Numbers]:
    """(address, what the loader writes there) of a program that relocates itself."""
    raw = elf.section_bytes(".rela.dyn")
    count = len(raw) // 24 if raw is not None else 0
    if raw is None or elf.word != 8 or elf.order != "<" or not count:
        none = np.zeros(0, np.int64)
        return none, none
    rows = np.frombuffer(raw, [("at", "<u8"), ("info", "<u8"), ("addend", "<i8")], count)
    kind = {"amd64": 8, "arm64": 1027}.get(elf.platform.architecture, -1)
    rows = rows[(rows["info"] & 0xFFFFFFFF) == max(kind, 0)]
    return rows["at"].astype(np.int64), rows["addend"].astype(np.int64)


def words_at(elf: Elf, addresses: Numbers) -> Numbers:
    """The 64-bit words at these addresses; 0 where the file has none."""
    found = np.zeros(len(addresses), np.int64)
    for segment in elf.loads:
        at = addresses - segment.address
        some = np.flatnonzero((at >= 0) & (at <= segment.file_size - 8) & (at % 8 == 0))
        if not len(some):
            continue
        skip = segment.offset % 8
        first = segment.offset - skip
        if skip != segment.address % 8:
            continue
        words = np.frombuffer(elf.data, "<i8", (segment.file_size + skip) // 8, first)
        place = (at[some] + skip) // 8
        fits = place < len(words)
        found[some[fits]] = words[place[fits]]
    return found


def distinct(values: Numbers) -> Numbers:
    """The values in order, each once; four times as fast here as numpy's own."""
    ordered = np.sort(values)
    if not len(ordered):
        return ordered
    is_new: npt.NDArray[np.bool_] = np.append(True, ordered[1:] != ordered[:-1])
    once: Numbers = ordered[is_new]
    return once
