"""Module data in, the types of a Go program with their packages out. Pure.

abi.Type     0 size, 8 pointer bytes, 16 hash, 20 flags, 21 align, 22 field align, 23 kind,
             24 equal, 32 GC data, 40 name (i32 from `types`), 44 type of the pointer (i32)
by kind     48 element (pointer, slice, array, channel), or package path (struct, interface)
uncommon     behind that, where flag 1 is set: package path (i32), methods u16, exported u16,
             offset of the methods u32; a method is four i32: name, type, two entries
name         flags, varint length, bytes
"""

import msgspec
import numpy as np

from whit.binary.elf import Elf
from whit.binary.ledger import Numbers
from whit.binary.targets import distinct, relocated

# Bytes in front of the uncommon part, by kind (internal/abi/type.go); maps changed and rarely
# have methods, so they are known by their elements.
_BODY_BYTES = {17: 72, 18: 64, 19: 56, 20: 80, 22: 56, 23: 56, 25: 80}
_ELEMENT = (17, 18, 22, 23)
_MAP, _STRUCT, _INTERFACE = 21, 25, 20
_KINDS = 26
_MAX_NAME = 4096


class Types(msgspec.Struct, frozen=True):
    """Sorted by address; `packages` is "" for what no package declares (func(), []byte).
    `name_places` and `name_owners` pair the address of a name with the index of a type that has it.
    """

    addresses: Numbers
    kinds: Numbers
    hashes: Numbers
    names: list[str]
    packages: list[str]
    name_places: Numbers
    name_owners: Numbers


class TypeBytes:
    """The region of type data as numbers. `low` and `high` are addresses, `base` is what offsets
    count from.
    """

    def __init__(self, elf: Elf, low: int, high: int) -> None:
        offset = elf.offset_of(low)
        self.low, self.high = low, high
        at = offset if offset is not None else len(elf.data)
        self.window = bytearray(elf.data[at : at + max(0, high - low)])
        self.bytes = np.frombuffer(self.window, "u1")
        self._relocate(elf)
        self._u4 = np.frombuffer(self.window, "<u4", len(self.window) // 4)

    def _relocate(self, elf: Elf) -> None:
        """Put the pointers of a program that relocates itself where they will stand."""
        places, addends = relocated(elf)
        at = places - self.low
        some = (at >= 0) & (at % 8 == 0) & (at + 8 <= len(self.window))
        words = np.frombuffer(self.window, "<i8", len(self.window) // 8)
        words[at[some] // 8] = addends[some]

    def u4(self, at: Numbers) -> Numbers:
        return self._u4[at // 4].astype(np.int64)

    def u8(self, at: Numbers) -> Numbers:
        return self.u4(at) | (self.u4(at + 4) & 0x7FFFFFFF) << 32

    def name(self, at: int) -> str:
        """The name at an offset, "" where none can be."""
        window = self.window
        if not 0 < at < len(window) - 2 or window[at] > 15:
            return ""
        length, at = window[at + 1], at + 2
        if length & 128:
            length = length & 127 | window[at] << 7
            at += 1
        return window[at : at + length].decode("utf-8", "replace") if length < _MAX_NAME else ""


def read_types(region: TypeBytes, candidates: Numbers) -> Types:
    """Those of the `candidates` (addresses) at which a type stands."""
    at, kind, name = _types_at(region, candidates)
    addresses = at + region.low
    declared, places, owners = _uncommon(region, at, kind)
    star = (region.bytes[at + 20] & 2) != 0  # the name has a star in front that is not its own
    names = [
        region.name(n)[1 if s else 0 :] for n, s in zip(name.tolist(), star.tolist(), strict=True)
    ]
    structs = np.flatnonzero((kind == _STRUCT) | (kind == _INTERFACE))
    packages = _packages(region, at, kind, declared, names)
    places.append(name)
    owners.append(np.arange(len(at)))
    places.append(region.u8(at[structs] + 48) - region.low)
    owners.append(structs)
    return Types(
        addresses,
        kind,
        region.u4(at + 16),
        names,
        packages,
        np.concatenate(places) + region.low,
        np.concatenate(owners),
    )


class MethodTables(msgspec.Struct, frozen=True):
    """The types, by address, and of each its methods: the offset of the first and how many are
    exported, which come first; 0 for none.
    """

    addresses: Numbers
    kinds: Numbers
    hashes: Numbers
    first: Numbers
    exported: Numbers


def read_method_tables(region: TypeBytes, candidates: Numbers) -> MethodTables:
    """Those of the types among the candidates."""
    at, kind, _ = _types_at(region, candidates)
    some, uncommon = _uncommon_places(region, at, kind)
    first, count = _tables(region, uncommon)
    exported = region.u4(uncommon + 4) >> 16
    fits = exported <= count
    firsts, numbers = np.zeros((2, len(at)), np.int64)
    firsts[some[fits]], numbers[some[fits]] = first[fits], exported[fits]
    return MethodTables(at + region.low, kind, region.u4(at + 16), firsts, numbers)


def _types_at(region: TypeBytes, candidates: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """(offset, kind, offset of the name) of the types among the candidates."""
    at = distinct(candidates) - region.low
    at = at[(at >= 0) & (at % 8 == 0) & (at + 160 < len(region.window))]
    kind = region.bytes[at + 23].astype(np.int64) & 31
    name = region.u4(at + 40)
    fits = (region.bytes[at + 20] < 64) & (kind >= 1) & (kind <= _KINDS)
    fits &= (region.bytes[at + 21] <= 16) & (region.bytes[at + 22] <= 16)
    fits &= (name > 0) & (name < len(region.window) - 2) & (region.u4(at + 16) != 0)
    at, kind, name = at[fits], kind[fits], name[fits]
    fits = region.bytes[name] <= 15
    return at[fits], kind[fits], name[fits]


def _uncommon_places(region: TypeBytes, at: Numbers, kind: Numbers) -> tuple[Numbers, Numbers]:
    """(which types have an uncommon part, where)."""
    body = np.full(32, 48, np.int64)
    for number, size in _BODY_BYTES.items():
        body[number] = size
    some = np.flatnonzero(((region.bytes[at + 20] & 1) != 0) & (kind != _MAP))
    return some, at[some] + body[kind[some]]


def _tables(region: TypeBytes, uncommon: Numbers) -> tuple[Numbers, Numbers]:
    """(offset, number) of the methods behind these uncommon parts; 0 of what cannot be."""
    count = region.u4(uncommon + 4) & 0xFFFF
    first = uncommon + region.u4(uncommon + 8)
    fits = (count > 0) & (count < 10_000) & (first + 16 * count < len(region.window))
    return first, np.where(fits, count, 0)


def _uncommon(
    region: TypeBytes, at: Numbers, kind: Numbers
) -> tuple[Numbers, list[Numbers], list[Numbers]]:
    """(offset of the package path or 0, places of names, their types)."""
    declared = np.zeros(len(at), np.int64)
    some, uncommon = _uncommon_places(region, at, kind)
    declared[some] = region.u4(uncommon)
    first, count = _tables(region, uncommon)
    fits = count > 0
    count, first, owner = count[fits], first[fits], some[fits]
    owners = np.repeat(owner, count)
    number = np.arange(len(owners)) - np.repeat(np.cumsum(count) - count, count)
    methods = np.repeat(first, count) + 16 * number
    return declared, [declared[some], region.u4(methods)], [some, owners]


def _packages(
    region: TypeBytes, at: Numbers, kind: Numbers, declared: Numbers, names: list[str]
) -> list[str]:
    """By the path that the type states, else its element's, a few levels deep."""
    known: dict[int, str] = {}
    found = []
    for place in declared.tolist():
        if place and place not in known:
            known[place] = region.name(place)
        found.append(known.get(place, "") if place else "")
    element = np.full(len(at), -1, np.int64)
    for kinds, offset in ((_ELEMENT, 48), ((_MAP,), 56)):
        some = np.flatnonzero(np.isin(kind, kinds))
        target = region.u8(at[some] + offset) - region.low
        index = np.searchsorted(at, target)
        index[index == len(at)] = 0
        element[some] = np.where(at[index] == target, index, -1)
    for number in np.flatnonzero((kind == _STRUCT) | (kind == _INTERFACE)).tolist():
        if not found[number]:
            path = int(region.u8(at[number : number + 1] + 48)[0]) - region.low
            found[number] = region.name(path) if 0 < path < len(region.window) else ""
    for _ in range(3):
        for number, below in enumerate(element.tolist()):
            if below >= 0 and not found[number]:
                found[number] = found[below]
    by_short = {
        name: package for name, package in zip(names, found, strict=True) if package and name
    }
    return [
        package or by_short.get(name.lstrip("*[]"), "")
        for name, package in zip(names, found, strict=True)
    ]
