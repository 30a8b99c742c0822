"""Text in, every direct call out, all at once. Pure."""

from collections.abc import Callable, Sequence

import numpy as np

from whit.binary.callsites import Calls
from whit.binary.ledger import Numbers
from whit.binary.text import Text


def scan_calls(text: Text) -> Calls:
    """As `callsites.search_calls`, of which it is the quick form for a program of some size."""
    is_arm64 = text.elf.platform.architecture == "arm64"
    sites, reached = (_arm64 if is_arm64 else _amd64)(text.code)
    entries = np.array(text.entries[:-1], np.int64)
    # Of functions that begin at one place the last counts, as it does in a dict.
    index = np.searchsorted(entries, reached, "right") - 1
    is_call = (index >= 0) & (entries[np.maximum(index, 0)] == reached)
    sites, targets = sites[is_call], index[is_call]
    first = np.searchsorted(targets, np.arange(len(text.entries)), sorter=(
        order := np.argsort(targets, kind="stable")))  # fmt: skip
    # Few of these numbers are ever looked at, so they stay as they are.
    return Calls(sites.tolist(), targets.tolist(), order.data, first.data)


def scan_names(text: Text) -> Callable[[int], Sequence[int]]:
    """Where a name stands -> the functions that have it."""
    raw = np.frombuffer(text.elf.data, np.uint8)
    records = np.array(text.places, np.int64) + 4
    names: Numbers = np.zeros(len(records), np.int64)
    for byte in range(4):
        names |= raw[records + byte].astype(np.int64) << (8 * byte)
    order = np.argsort(names, kind="stable")
    found = names[order]

    def named(place: int) -> Sequence[int]:
        first, last = np.searchsorted(found, [place, place + 1])
        functions: list[int] = order[first:last].tolist()
        return functions

    return named


def _amd64(code: bytes) -> tuple[Numbers, Numbers]:
    """Where an opcode may stand, and the distance that the call would go to."""
    if len(code) < 5:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    raw = np.frombuffer(code, np.uint8)
    sites = np.flatnonzero((raw[: len(raw) - 4] & 0xFE) == 0xE8)
    # A number may begin at any byte.
    numbers = np.ndarray((len(raw) - 3,), "<i4", code, strides=(1,))
    return sites, sites + 5 + numbers[sites + 1]


def _arm64(code: bytes) -> tuple[Numbers, Numbers]:
    words = np.frombuffer(code, "<u4", len(code) // 4)
    at = np.flatnonzero((words & 0x7C000000) == 0x14000000)
    distance = (words[at] & 0x3FFFFFF).astype(np.int64)
    distance -= (distance >> 25) << 26
    return 4 * at, 4 * (at + distance)
