"""Text in, every load of an address out, all at once. Pure."""

import numpy as np

from whit.binary.ledger import Numbers
from whit.binary.mentions import WORD, Loads, data_ranges, read_only
from whit.binary.text import Text


def scan_loads(text: Text) -> Loads:
    """As `mentions.search_loads`, of which it is the quick form for a program of some size."""
    is_arm64 = text.elf.platform.architecture == "arm64"
    sites, targets = (_arm64 if is_arm64 else _amd64)(text)
    order = np.argsort(targets, kind="stable")
    sites, targets = sites[order], targets[order]
    raw = np.frombuffer(text.elf.data, np.uint8)

    def starting(heads: bytes) -> list[int]:
        found: list[int] = []
        for address, offset, size in read_only(text):
            low, high = np.searchsorted(targets, [address, address + size])
            inside = np.unique(targets[low:high])
            found += inside[_begin(raw[inside + (offset - address)], heads)].tolist()
        return found

    def headers(heads: bytes) -> dict[int, int]:
        found: dict[int, int] = {}
        for place, words in _words(text):
            for address, offset, size in read_only(text):
                at = np.flatnonzero((words >= address) & (words < address + size))
                at = at[_begin(raw[words[at] + (offset - address)], heads)]
                found.update(zip(place[at].tolist(), words[at].tolist(), strict=True))
        return found

    def pointers(values: set[int]) -> dict[int, int]:
        found: dict[int, int] = {}
        wanted = np.array(sorted(values), np.int64)
        for place, words in _words(text) if values else ():
            at = np.flatnonzero(np.isin(words, wanted))
            found.update(zip(place[at].tolist(), words[at].tolist(), strict=True))
        return found

    return Loads(targets.data, sites.data, starting, headers, pointers)


def _begin(first: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]", heads: bytes) -> Numbers:
    return np.flatnonzero(np.isin(first, np.frombuffer(heads, np.uint8)))


def _words(text: Text) -> list[tuple[Numbers, Numbers]]:
    """(addresses, values) of the data words."""
    found = []
    if text.relocations:
        pairs = np.array(list(text.relocations.items()), np.int64)
        found.append((pairs[:, 0], pairs[:, 1]))
    for start, address, size in data_ranges(text):
        words = np.frombuffer(text.elf.data, "<i8", size // WORD, start)
        found.append((address + WORD * np.arange(len(words)), words))
    return found


def _amd64(text: Text) -> tuple[Numbers, Numbers]:
    """LEA and MOV of a 64-bit register, relative to the next instruction."""
    raw = np.frombuffer(text.code, np.uint8)
    if len(raw) < 8:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    # The rarest byte first: one in 32 is left, of which the others are looked at.
    at = np.flatnonzero((raw[2:-4] & 0xC7) == 5)
    at = at[(raw[at + 1] & 0xF9) == 0x89]
    at = at[((raw[at + 1] == 0x8B) | (raw[at + 1] == 0x8D)) & ((raw[at] & 0xFB) == 0x48)]
    numbers = np.ndarray((len(raw) - 3,), "<i4", text.code, strides=(1,))
    return at, text.start + at + 7 + numbers[at + 3]


def _arm64(text: Text) -> tuple[Numbers, Numbers]:
    """ADRP, and the ADD or LDR behind it."""
    words = np.frombuffer(text.code, "<u4", len(text.code) // 4).astype(np.int64)
    first, second = words[:-1], words[1:]
    is_sum, is_load = second & 0xFFC00000 == 0x91000000, second & 0xFFC00000 == 0xF9400000
    same = (second >> 5 & 31) == (first & 31)
    at = np.flatnonzero((first & 0x9F000000 == 0x90000000) & (is_sum | is_load) & same)
    page, low = first[at], second[at] >> 10 & 0xFFF
    pages = (page >> 5 & 0x7FFFF) << 2 | page >> 29 & 3
    pages -= (pages >> 20) << 21
    base = (text.start + 4 * at & ~0xFFF) + (pages << 12)
    return 4 * at, base + np.where(is_sum[at], low, low * 8)
