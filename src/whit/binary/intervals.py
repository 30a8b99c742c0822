"""Ranges of data and what refers to them in, every byte booked on who refers to it. Pure.

Data without symbols has no edges of its own. Every address that something refers to begins an
interval, which reaches up to the next. An interval belongs, in this order,

    1  to the symbol, type, interface table or embedded file that stands there
    2  to the functions whose code refers to it, in equal parts
    3  to the owner of the data that points at it, and so on from pointer to pointer

What nothing refers to is left, and stated.
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from whit.binary.ledger import Ledger, Numbers
from whit.binary.targets import distinct

_ROUNDS = 12


class Range(msgspec.Struct, frozen=True):
    """Addresses [low, high) that lie in the file as part of a section."""

    section: str
    low: int
    high: int


class Claim(msgspec.Struct, frozen=True):
    """`owners[i]` stands at `starts[i]`; up to `ends[i]`, or where that
    is 0 to the next interval.
    """

    starts: Numbers
    ends: Numbers
    owners: Numbers


class Intervals:
    """All intervals of the ranges; `owner` is the first owner of each, -1 for none yet."""

    def __init__(self, ranges: Sequence[Range], places: Sequence[Numbers]) -> None:
        self._ranges = sorted(ranges, key=lambda r: r.low)
        lows = np.array([r.low for r in self._ranges], np.int64)
        highs = np.array([r.high for r in self._ranges], np.int64)
        bounds = distinct(np.concatenate([lows, highs, *places]))
        inside = np.searchsorted(lows, bounds, "right") - 1
        fits = (inside >= 0) & (bounds < highs[np.maximum(inside, 0)])
        self.bounds: Numbers = bounds[fits]
        self.inside: Numbers = inside[fits]
        following = np.append(self.bounds[1:], highs[-1] if len(highs) else 0)
        self.ends: Numbers = np.minimum(following, highs[self.inside])
        self.lengths = (self.ends - self.bounds).astype(np.float64)
        self.owner: Numbers = np.full(len(self.bounds), -1, np.int64)

    def at(self, addresses: Numbers) -> Numbers:
        """Index of the interval that begins exactly at each address, -1 for none."""
        found = np.minimum(np.searchsorted(self.bounds, addresses), len(self.bounds) - 1)
        return np.where(self.bounds[found] == addresses, found, -1)

    def around(self, addresses: Numbers) -> Numbers:
        """Index of the interval that holds each address, -1 for none."""
        found = np.searchsorted(self.bounds, addresses, "right") - 1
        return np.where((found >= 0) & (addresses < self.ends[found]), found, -1)

    def claim(self, ledger: Ledger, claim: Claim) -> None:
        """Give whole intervals to one owner each; what has an owner keeps it."""
        order = np.argsort(claim.starts, kind="stable")
        starts, ends, owners = claim.starts[order], claim.ends[order], claim.owners[order]
        if not len(starts):
            return
        found = np.searchsorted(starts, self.bounds, "right") - 1
        known = np.maximum(found, 0)
        reaches = (self.bounds < ends[known]) | (self.bounds == starts[known])
        some = np.flatnonzero((found >= 0) & reaches & (self.owner < 0))
        self._give(ledger, some, owners[known[some]])

    def share(self, ledger: Ledger, places: Numbers, owners: Numbers) -> None:
        """Split each interval that has no owner yet among those that refer to its beginning."""
        at = self.at(places)
        free = (at >= 0) & (self.owner[at] < 0)
        at, owners = at[free], owners[free]
        if not len(at):
            return
        count = np.bincount(at, minlength=len(self.bounds))
        amounts = self.lengths[at] / count[at]
        for number, part in enumerate(self._ranges):
            mine = self.inside[at] == number
            if mine.any():
                ledger.write(part.section, owners[mine], amounts[mine])
        self.owner[at[::-1]] = owners[::-1]

    def follow(self, ledger: Ledger, places: Numbers, targets: Numbers) -> None:
        """From pointer to pointer: the data that owned data points at belongs to its owner."""
        source, target = self.around(places), self.at(targets)
        real = (source >= 0) & (target >= 0) & (source != target)
        source, target = source[real], target[real]
        for _ in range(_ROUNDS):
            new = (self.owner[source] >= 0) & (self.owner[target] < 0)
            if not new.any():
                return
            found, first = np.unique(target[new], return_index=True)
            self._give(ledger, found, self.owner[source[new][first]])
            source, target = source[~new], target[~new]

    def leave(self, ledger: Ledger) -> None:
        free = self.owner < 0
        for number, part in enumerate(self._ranges):
            mine = free & (self.inside == number)
            ledger.leave(part.section, float(self.lengths[mine].sum()))

    def _give(self, ledger: Ledger, some: Numbers, owners: Numbers) -> None:
        self.owner[some] = owners
        for number, part in enumerate(self._ranges):
            mine = self.inside[some] == number
            if mine.any():
                ledger.write(part.section, owners[mine], self.lengths[some[mine]])
