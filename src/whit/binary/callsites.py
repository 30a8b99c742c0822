"""Text in, every direct call out. Pure.

Calls are found by their opcode: amd64 E8/E9 with a 32-bit distance, arm64 BL/B with a 26-bit one; a
distance that lands exactly on an entry is a call (of 23,511 pairs in the linker's own graph all
were found, and none besides).
"""

import re
import struct
from collections.abc import Iterable, Sequence
from itertools import accumulate

import msgspec

from whit.binary.text import Text


class Calls(msgspec.Struct, frozen=True):
    """Call i stands at distance `sites[i]`, in order, and goes to the function `targets[i]`.

    The calls to function f are `order[first[f] : first[f + 1]]`.
    """

    sites: list[int]
    targets: list[int]
    order: Sequence[int]
    first: Sequence[int]

    def to(self, functions: Iterable[int]) -> list[int]:
        """Positions of the calls that go to these functions, in order."""
        return sorted(
            int(position) for one in set(functions)
            for position in self.order[self.first[one] : self.first[one + 1]]
        )  # fmt: skip

    def sites_to(self, function: int) -> list[int]:
        return [
            self.sites[at] for at in self.order[self.first[function] : self.first[function + 1]]
        ]


def search_calls(text: Text) -> Calls:
    """Every direct call of the program, looked for one by one."""
    is_arm64 = text.elf.platform.architecture == "arm64"
    sites, targets = (_arm64 if is_arm64 else _amd64)(text)
    counts = [0] * len(text.entries)
    for target in targets:
        counts[target + 1] += 1
    order = sorted(range(len(targets)), key=targets.__getitem__)
    return Calls(sites, targets, order, list(accumulate(counts)))


def _amd64(text: Text) -> tuple[list[int], list[int]]:
    code, sites, targets = text.code, [], []
    index_of = dict(zip(text.entries[:-1], range(len(text.entries)), strict=False))
    find, number = index_of.get, struct.Struct("<i").unpack_from
    last = len(code) - 5
    for match in re.finditer(b"[\xe8\xe9]", code):
        at = match.start()
        if at > last:
            break
        target = find(at + 5 + number(code, at + 1)[0])
        if target is not None:
            sites.append(at)
            targets.append(target)
    return sites, targets


def _arm64(text: Text) -> tuple[list[int], list[int]]:
    code, sites, targets = text.code, [], []
    index_of = dict(zip(text.entries[:-1], range(len(text.entries)), strict=False))
    find, number = index_of.get, struct.Struct("<I").unpack_from
    for match in re.finditer(b"[\x14-\x17\x94-\x97]", code):
        at = match.start()
        if at & 3 != 3:
            continue
        distance = number(code, at - 3)[0] & 0x3FFFFFF
        if distance & 0x2000000:
            distance -= 0x4000000
        target = find(at - 3 + 4 * distance)
        if target is not None:
            sites.append(at - 3)
            targets.append(target)
    return sites, targets
