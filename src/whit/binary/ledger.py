"""Amounts in, Parts out: the account book in which every byte of a program is written once. Pure.

Owners are numbered: first the functions in the order of the function table, then what is found
besides them (data symbols, types, embedded files). Bytes that several owners share are split among
them, so amounts are fractions until the end; what rounding loses is below one byte an owner.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

ROUNDING = "(rounding)"
Numbers = npt.NDArray[np.int64]
Amounts = npt.NDArray[np.float64]


class Part(msgspec.Struct, frozen=True):
    """`size` bytes of a section that `symbol` of `package` accounts for.

    `package` is "" for bytes that nothing accounts for: `symbol` then says what they look like.
    """

    section: str
    package: str
    symbol: str
    size: int


class Ledger:
    """Sections of amounts by owner. `own` makes an owner, `write` books bytes on owners."""

    def __init__(self, names: Sequence[str], packages: Sequence[str]) -> None:
        self.names = list(names)
        self.packages = list(packages)
        self._made: dict[tuple[str, str], int] = {}
        self._amounts: dict[str, Amounts] = {}
        self._single: dict[tuple[str, int], float] = {}
        self._open: dict[str, float] = {}

    def own(self, package: str, symbol: str) -> int:
        """The number of an owner, made when it is new."""
        known = self._made.get((package, symbol))
        if known is None:
            known = self._made[package, symbol] = len(self.names)
            self.names.append(symbol)
            self.packages.append(package)
        return known

    def write(self, section: str, owners: Numbers, amounts: Amounts) -> None:
        counted = np.bincount(owners, weights=amounts, minlength=len(self.names))
        total = counted.astype(np.float64)
        before = self._amounts.get(section)
        if before is not None:
            total[: len(before)] += before
        self._amounts[section] = total

    def write_one(self, section: str, package: str, symbol: str, amount: float) -> None:
        if amount > 0:
            key = section, self.own(package, symbol)
            self._single[key] = self._single.get(key, 0.0) + amount

    def share(
        self, section: str, starts: Numbers, owners: Numbers, end: int, begin: int = 0
    ) -> None:
        """A region [begin, end) of tables, each reaching from where it is referred to up to the
        next; a table that several owners refer to is split among them.
        """
        fits = (starts >= begin) & (starts < end)
        starts, owners = starts[fits], owners[fits]
        if not len(starts):
            self.leave(section, end - begin)
            return
        bounds, index = np.unique(starts, return_inverse=True)
        lengths = np.diff(np.append(bounds, end)).astype(np.float64)
        self.write(section, owners, lengths[index] / np.bincount(index)[index])
        self.leave(section, float(bounds[0] - begin))

    def leave(self, section: str, amount: float) -> None:
        """Bytes that no owner is known for."""
        if amount > 0:
            self._open[section] = self._open.get(section, 0.0) + amount

    def parts(self, total_bytes: int, *, by_symbol: bool = True) -> list[Part]:
        """All amounts, rounded; together exactly `total_bytes`. Without symbols the amounts of a
        package are one Part a section: ten times fewer.
        """
        names, packages, amounts = self.names, self.packages, self._amounts
        if not by_symbol:
            names, packages, amounts = self._by_package()
        found: list[Part] = []
        written = 0
        single: dict[tuple[str, str, str], float] = {}
        for (section, owner), amount in self._single.items():
            key = section, self.packages[owner], self.names[owner] if by_symbol else ""
            single[key] = single.get(key, 0.0) + amount
        for (section, package, name), amount in single.items():
            size = round(amount)
            if size:
                written += size
                found.append(Part(section, package, name, size))
        for section, values in amounts.items():
            # Rounding the running sum loses nothing over the section.
            running = np.rint(np.cumsum(values)).astype(np.int64)
            rounded = np.diff(running, prepend=0)
            some = np.flatnonzero(rounded)
            sizes = rounded[some]
            written += int(sizes.sum())
            found += [
                Part(section, packages[i], names[i], size)
                for i, size in zip(some.tolist(), sizes.tolist(), strict=True)
            ]
        for section, amount in self._open.items():
            size = round(amount)
            if size:
                written += size
                found.append(Part(section, "", "", size))
        if total_bytes != written:
            found.append(Part("rounding", ROUNDING, "", total_bytes - written))
        return found

    def _by_package(self) -> tuple[list[str], list[str], dict[str, Amounts]]:
        """(no names, packages, amounts by package of each section)."""
        number: dict[str, int] = {}
        group = [number.setdefault(package, len(number)) for package in self.packages]
        package_of = np.array(group, np.int64)
        amounts = {
            section: np.bincount(package_of[: len(values)], values, len(number)).astype(np.float64)
            for section, values in self._amounts.items()
        }
        return [""] * len(number), list(number), amounts
