"""Units in, the graph that Go's linker walks out. Pure.

Symbols are numbered once: what several packages define alike is one symbol, found by its hash or
its name. Debug information is left out, and so are weak references, which keep nothing.
"""

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np

from whit.binary.goobj import (
    BUILTIN,
    GO_TYPE,
    HASHED,
    HASHED64,
    ITAB,
    NONE,
    REFLECT_METHOD,
    SELF,
    USED_IN_INTERFACE,
    Rows,
    Unit,
)
from whit.binary.ledger import Numbers
from whit.binary.linkgraph import Edges, Graph, Kinds, Marks, Methods

_ABIS = 2  # the assembler's and Go's; symbols that only their own object knows have 0xFFFF
_FUNCDATA = 2  # AuxFuncdata
_SLOT = 8  # bytes of a pointer: 32-bit objects are not read


def read_graph(units: Sequence[Unit], kinds: Kinds) -> Graph:
    """The graph of all units of a program."""
    return _Reading(units, kinds).graph()


class _Reading:
    """Local symbols are numbered through all units; `owner` maps each to the one that counts."""

    def __init__(self, units: Sequence[Unit], kinds: Kinds) -> None:
        self.units, self.kinds = tuple(units), kinds
        lengths = [len(unit.symbols) for unit in units]
        self.base = np.cumsum([0, *lengths])
        self.starts = [np.cumsum([0, *unit.counts]).tolist() for unit in units]
        self.rows: Rows = np.concatenate([unit.symbols for unit in units])
        self.unit_of = np.repeat(np.arange(len(units)), lengths)
        defined = np.array([unit.defined for unit in units])
        self.is_defined = np.arange(len(self.rows)) < np.repeat(self.base[:-1] + defined, lengths)
        self.is_kept = self.is_defined & ~np.isin(self.rows["kind"], list(kinds.debug))
        self.owner: Numbers = np.arange(len(self.rows))
        self.names: tuple[dict[bytes, int], dict[bytes, int]] = ({}, {})  # of each ABI
        self._method_names: dict[str, int] = {}
        self._signatures: dict[int, int] = {}
        self._join_hashed()
        self._join_named()
        self._bases = self._packages()
        known = [self._named(name.encode(), abi) for name, abi in kinds.builtins]
        self._builtins = np.array(known or [-1], np.int64)

    def name(self, symbol: int) -> bytes:
        unit = int(self.unit_of[symbol])
        return self.units[unit].raw_name(symbol - int(self.base[unit]))

    def _named(self, name: bytes, abi: int) -> int:
        return self.names[abi].get(name, -1) if abi < _ABIS else -1

    def _packages(self) -> dict[str, int]:
        """Where the symbols of a package begin; a dot in the last part of a path is written %2e.
        Objects of the assembler have the package's name as well, and come behind.
        """
        found: dict[str, int] = {}
        for unit, base in zip(self.units, self.base.tolist(), strict=False):
            head, slash, last = unit.package.rpartition("/")
            found.setdefault(unit.package, base)
            found.setdefault(head + slash + last.replace(".", "%2e"), base)
        return found

    def _span(self, group: int) -> Numbers:
        """The local symbols of one of the four groups, in all units."""
        parts = [
            np.arange(unit.counts[group]) + base + starts[group]
            for unit, base, starts in zip(self.units, self.base.tolist(), self.starts, strict=False)
        ]
        return np.concatenate(parts)

    def _join_hashed(self) -> None:
        """Symbols with the same content are one; of two lengths the longer counts."""
        for group, hashes in (
            (1, np.concatenate([u.hashes64 for u in self.units])),
            (2, np.concatenate([u.hashes for u in self.units])),
        ):
            some = self._span(group)
            if len(some):
                # Half of 16 bytes of SHA-256 is as good as all of them.
                keys = hashes.reshape(len(some), -1)[:, 0]
                chosen = self.is_kept[some]
                some, keys = some[chosen], keys[chosen]
                order = np.lexsort((-self.rows["size"][some].astype(np.int64), keys))
                ranked = keys[order]
                is_new = np.append(True, ranked[1:] != ranked[:-1])
                first = order[is_new][np.cumsum(is_new) - 1]
                self.owner[some[order]] = some[first]

    def _join_named(self) -> None:
        """Those without a package are one for each name. The first counts, unless it only takes
        room for what another one defines, as a variable does whose content is the assembler's.
        """
        is_empty = np.isin(self.rows["kind"], list(self.kinds.empty))
        is_named = self.is_kept & (self.rows["abi"] < _ABIS) & (self.rows["length"] > 0)
        for group in (0, 3):
            for unit, base, starts in zip(
                self.units, self.base.tolist(), self.starts, strict=False
            ):
                first = base + starts[group]
                some = np.flatnonzero(is_named[first : first + unit.counts[group]]) + first
                for symbol, abi, name in self._spelled(unit, some):
                    known = self.names[abi].setdefault(name, symbol)
                    if known == symbol:
                        continue
                    if is_empty[known] and not is_empty[symbol]:
                        self.owner[known] = self.names[abi][name] = symbol
                    else:
                        self.owner[symbol] = known
        self.owner = self.owner[self.owner]

    def _spelled(self, unit: Unit, some: Numbers) -> Iterator[tuple[int, int, bytes]]:
        """(symbol, ABI, name) of symbols of a unit."""
        rows = self.rows[some]
        at, text = rows["name"].astype(np.int64), unit.text
        ends = (at + rows["length"]).tolist()
        for symbol, abi, first, last in zip(
            some.tolist(), rows["abi"].tolist(), at.tolist(), ends, strict=True
        ):
            yield symbol, abi, text[first:last]

    # ---- references -----------------------------------------------------------------------------

    def _targets(self, unit_number: int, rows: Rows) -> Numbers:
        """The local symbols that references of a unit mean; -1 where there is none."""
        unit, base = self.units[unit_number], int(self.base[unit_number])
        starts = self.starts[unit_number]
        packages, symbols = rows["package"].astype(np.int64), rows["symbol"].astype(np.int64)
        bases = np.full(len(unit.packages) + 6, -1, np.int64)
        bases[: len(unit.packages)] = [self._bases.get(name, -1) for name in unit.packages]
        bases[:1] = -1
        # The special packages count down from the largest number: they go behind the others.
        special = NONE - packages
        index = np.where(special < 5, len(unit.packages) + special, packages)
        index = np.where(index < len(bases), index, len(bases) - 1)
        for number, group in ((NONE, 3), (HASHED64, 1), (HASHED, 2), (SELF, 0)):
            bases[len(unit.packages) + NONE - number] = starts[group] + base
        begin = bases[index]
        found = np.where(begin >= 0, begin + symbols, -1)
        some = packages == BUILTIN
        found[some] = self._builtins[np.minimum(symbols[some], len(self._builtins) - 1)]
        found[found >= len(self.owner)] = -1
        return found

    def _resolve(self, found: Numbers) -> Numbers:
        """References by name to what defines it."""
        some = found >= 0
        for symbol in np.unique(found[some & ~self.is_defined[found]]).tolist():
            self.owner[symbol] = self._named(self.name(symbol), int(self.rows["abi"][symbol]))
        return np.where(some, self.owner[found], -1)

    def _relocations(self, *, is_aux: bool) -> tuple[Numbers, Rows, Numbers]:
        """(sources in order, rows, targets) of what the symbols that count refer to."""
        counts = self.is_kept & (self.owner == np.arange(len(self.owner)))
        sources, chosen, targets = [], [], []
        for number, unit in enumerate(self.units):
            base = int(self.base[number])
            index, rows = (
                (unit.aux_index, unit.aux) if is_aux else (unit.relocation_index, unit.relocations)
            )
            length: Numbers = index[1:].astype(np.int64) - index[:-1]
            some = np.repeat(counts[base : base + unit.defined], length)
            rows = rows[: len(some)]
            # A weak relocation keeps nothing.
            some &= rows["kind"] == _FUNCDATA if is_aux else rows["kind"] >= 0
            sources.append(np.repeat(np.arange(base, base + unit.defined), length)[some])
            chosen.append(rows[some])
            targets.append(self._targets(number, rows[some]))
        source, target = np.concatenate(sources), self._resolve(np.concatenate(targets))
        rows = np.concatenate(chosen)
        # Methods stand in threes, whatever becomes of one of them.
        some = (target >= 0) | (not is_aux and rows["kind"] == self.kinds.method)
        return source[some], rows[some], target[some]

    # ---- the graph ------------------------------------------------------------------------------

    def graph(self) -> Graph:
        kinds, rows = self.kinds, self.rows
        source, found, target = self._relocations(is_aux=False)
        kind = found["kind"].copy()
        self._source, self._target = source, target
        self._places = source << 32 | found["at"]
        is_type = (rows["flag"] & GO_TYPE) != 0
        is_method = kind == kinds.method
        marker = (kinds.use_type, kinds.use_interface, kinds.use_interface_method)
        is_plain = ~is_method & ~np.isin(kind, (*marker, kinds.use_named_method))
        uses = kind == kinds.use_interface
        children = is_plain & is_type[source] & is_type[target]
        methods = self._methods(np.flatnonzero(is_method)[::3])
        calls = np.flatnonzero(kind == kinds.use_interface_method)
        called = found["add"][calls]
        asks = np.flatnonzero(kind == kinds.use_named_method)
        del found, kind  # the largest that is there
        aux_source, _, aux_target = self._relocations(is_aux=True)
        chosen = np.flatnonzero(self.is_kept & (self.owner == np.arange(len(self.owner))))
        number = np.full(len(self.owner) + 1, -1, np.int64)
        number[chosen] = np.arange(len(chosen))

        def edges(some: Numbers | Marks, targets: Numbers) -> Edges:
            return _edges(number[source[some]], targets, len(chosen))

        kept = rows[chosen]
        empty = np.isin(kept["kind"], list(kinds.empty))
        return Graph(
            units=self.units,
            unit_of=self.unit_of[chosen],
            place_of=chosen - self.base[self.unit_of[chosen]],
            sizes=np.where(empty, 0, kept["size"]).astype(np.int64),
            is_type=is_type[chosen],
            is_text=np.isin(kept["kind"], list(kinds.text)),
            reflects=(kept["flag"] & REFLECT_METHOD) != 0,
            is_used=self._used()[chosen],
            plain=_edges(
                number[np.concatenate([source[is_plain], aux_source])],
                number[np.concatenate([target[is_plain], aux_target])],
                len(chosen),
            ),
            uses=edges(uses, number[self._type_of_itabs(target[uses])]),
            children=edges(children, number[target[children]]),
            calls=edges(calls, self._signatures_of(target[calls], called)),
            asks=edges(asks, self._names_of(target[asks])),
            methods=msgspec.structs.replace(
                methods, owner=number[methods.owner], kept=number[methods.kept]
            ),
            symbols=(_renumbered(self.names[0], number), _renumbered(self.names[1], number)),
        )

    def _used(self) -> Marks:
        """Types that are in interfaces whoever is reached."""
        used = (self.rows["flag2"] & USED_IN_INTERFACE) != 0
        found = np.flatnonzero(used)
        marks = np.zeros(len(used) + 1, np.bool_)
        marks[self.owner[found]] = True
        for number, unit in enumerate(self.units):
            flagged = unit.flags[(unit.flags["flag2"] & USED_IN_INTERFACE) != 0]
            marks[self._resolve(self._targets(number, flagged))] = True
        return marks[:-1]

    def _type_of_itabs(self, targets: Numbers) -> Numbers:
        """An interface table stands for the type in its second word."""
        is_itab = (self.rows["flag2"][targets] & ITAB) != 0
        found = targets.copy()
        found[is_itab] = self._at_offsets(targets[is_itab], np.full(int(is_itab.sum()), _SLOT))
        return found

    def _at_offsets(self, symbols: Numbers, offsets: Numbers) -> Numbers:
        """What the relocations of symbols at these offsets refer to; -1 where there is none."""
        if not len(self._source):
            return np.full(len(symbols), -1, np.int64)
        keys, wanted = self._places, symbols << 32 | offsets
        at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        return np.where(keys[at] == wanted, self._target[at], -1)

    def _signatures_of(self, symbols: Numbers, offsets: Numbers) -> Numbers:
        """The methods of interfaces at these offsets."""
        names = self._at_offsets(symbols, offsets)
        return self._sign(names, self._at_offsets(symbols, offsets + 4))[0]

    def _sign(self, names: Numbers, kinds: Numbers) -> tuple[Numbers, Numbers]:
        """(number of name and type together, number of the name)."""
        distinct, index = np.unique(names, return_inverse=True)
        numbers = [self._number(self._text(symbol)) for symbol in distinct.tolist()]
        name = np.array(numbers, np.int64)[index] if len(names) else names
        pairs = (name << 32 | kinds & 0xFFFFFFFF).tolist()
        known = self._signatures
        return np.array([known.setdefault(p, len(known)) for p in pairs], np.int64), name

    def _number(self, name: str) -> int:
        return self._method_names.setdefault(name, len(self._method_names))

    def _names_of(self, symbols: Numbers) -> Numbers:
        texts = [self._bytes(symbol).decode("utf-8", "replace") for symbol in symbols.tolist()]
        return np.array([self._number(text) for text in texts], np.int64)

    def _methods(self, first: Numbers) -> Methods:
        """Three relocations in a row, behind the one of the name."""
        owner, kept = self._source[first], self._target[first[:, None] + np.arange(3)]
        names = self._target[first - 1]
        signature, name = self._sign(names, kept[:, 0])
        exported = {text: text[:1].isupper() for text in self._method_names}
        by_number = np.array(list(exported.values()) or [False])
        return Methods(owner, kept.reshape(-1, 3), signature, name, by_number[name])

    def _text(self, symbol: int) -> str:
        """The name in a symbol of type data: flags, varint length, bytes."""
        data = self._bytes(symbol)
        if len(data) < 2:
            return ""
        length, at = data[1], 2
        if length & 128 and len(data) > 2:
            length, at = length & 127 | data[2] << 7, 3
        return data[at : at + length].decode("utf-8", "replace")

    def _bytes(self, symbol: int) -> bytes:
        if symbol < 0:
            return b""
        unit = int(self.unit_of[symbol])
        return self.units[unit].content(symbol - int(self.base[unit]))


def _renumbered(names: dict[bytes, int], number: Numbers) -> dict[bytes, int]:
    old = np.fromiter(names.values(), np.int64, len(names))
    return dict(zip(names, number[old].tolist(), strict=True))


def _edges(source: Numbers, target: Numbers, count: int) -> Edges:
    """Sources are in order, as relocations are."""
    some = (source >= 0) & (target >= 0)
    source, target = source[some], target[some]
    order = np.argsort(source, kind="stable")
    first = np.searchsorted(source[order], np.arange(count + 1))
    return Edges(first, target[order].astype(np.int32))
