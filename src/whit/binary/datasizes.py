"""Ranges of data in, each booked: symbols, types, interface tables, embedded files, the rest. Pure.

    embed file  name (pointer, length), data (pointer, length), 16 bytes of a hash
It proves itself: the hash is its content's, as the compiler counts it.
"""

import hashlib

import numpy as np

from whit.binary.elf import Elf
from whit.binary.intervals import Claim, Intervals, Range
from whit.binary.itabs import itabs_among
from whit.binary.ledger import Ledger, Numbers
from whit.binary.moduledata import Landmarks
from whit.binary.packages import GENERATED, package_of
from whit.binary.symtab import STT_FUNC, Symbols
from whit.binary.tables import Records
from whit.binary.targets import References, code_references, data_references, words_at
from whit.binary.typedata import TypeBytes, Types, read_types

EMBEDDED = "(embedded files)"
RUNTIME = "runtime"
# A hash of 16 bytes has fewer different ones in a case of a million; tables of numbers have less.
_DISTINCT_BYTES = 9


def book_data(
    ledger: Ledger,
    elf: Elf,
    ranges: list[Range],
    records: Records | None,
    landmarks: Landmarks | None,
    symbols: Symbols | None,
) -> None:
    """Book all of the ranges; what nothing accounts for is left."""
    if not ranges:
        return
    low, high = min(r.low for r in ranges), max(r.high for r in ranges)
    words = data_references(elf, [(r.low, r.high) for r in ranges])
    none = np.zeros(0, np.int64)
    code = References(none, none)
    users = none
    claims: list[Claim] = [_symbol_claim(ledger, symbols)] if symbols is not None else []
    extra: list[Numbers] = []
    edges = words
    if records is not None and landmarks is not None:
        code, users = _uses(elf, records, landmarks, low, high)
        if landmarks.types[1]:
            region = TypeBytes(elf, *landmarks.types)
            types = read_types(region, np.concatenate([words.targets, code.targets]))
            claims += [_type_claim(ledger, types), _itab_claim(ledger, elf, types, words)]
            edges = _with_names(words, types)
            extra.append(types.name_places)
        claims += [_embedded_claim(ledger, elf, words), _own_claim(ledger, landmarks)]
        if landmarks.gofunc:
            at, functions = records.funcdata
            code = References(code.places, np.concatenate([code.targets, at + landmarks.gofunc]))
            users = np.concatenate([users, functions])
    bounds = [words.targets, code.targets, *extra]
    for claim in claims:
        bounds += [claim.starts, claim.ends]
    intervals = Intervals(ranges, bounds)
    for claim in claims:
        intervals.claim(ledger, claim)
    intervals.share(ledger, code.targets, users)
    intervals.follow(ledger, edges.places, edges.targets)
    intervals.leave(ledger)


def _uses(
    elf: Elf, records: Records, landmarks: Landmarks, low: int, high: int
) -> tuple[References, Numbers]:
    """References of the code, and the function that each is in."""
    offset = elf.offset_of(landmarks.text)
    size = int(records.starts[-1])
    if offset is None or offset + size > len(elf.data):
        none = np.zeros(0, np.int64)
        return References(none, none), none
    found = code_references(elf, landmarks.text, elf.data[offset : offset + size], low, high)
    # Places ascend, so functions are looked up among them: there are ten times fewer.
    first = np.searchsorted(found.places, records.starts[:-1] + landmarks.text)
    counts = np.diff(np.append(first, len(found.places)))
    counts[0] += first[0]
    return found, np.repeat(np.arange(len(counts)), counts)


def _symbol_claim(ledger: Ledger, symbols: Symbols) -> Claim:
    """Symbols that are one thing; `type:*` and the like stand for whole regions."""
    owners, some = [], []
    for index, (name, kind) in enumerate(zip(symbols.names, symbols.kinds.tolist(), strict=True)):
        if kind == STT_FUNC or name.endswith("*") or name in _REGIONS:
            continue
        if name.startswith(_TYPES):
            continue  # type data says whose it is
        some.append(index)
        owners.append(ledger.own(package_of(name), name))
    chosen = np.array(some, np.int64)
    starts = symbols.addresses[chosen]
    return Claim(starts, starts + symbols.sizes[chosen], np.array(owners, np.int64))


_REGIONS = frozenset(
    {"runtime.pclntab", "runtime.types", "runtime.rodata", "runtime.text", "go:funcdesc"}
)


# Until Go 1.19 with a dot; no package is called by a word of the language.
_TYPES = ("type.", "type:")


def _type_claim(ledger: Ledger, types: Types) -> Claim:
    """Types that a package declares, and those made of them."""
    some = [number for number, package in enumerate(types.packages) if package]
    owners = [ledger.own(types.packages[n], "type " + types.names[n]) for n in some]
    starts = types.addresses[np.array(some, np.int64)]
    return Claim(starts, np.zeros(len(some), np.int64), np.array(owners, np.int64))


def _with_names(words: References, types: Types) -> References:
    """Pointers, and from each type to its names: a name is its type's."""
    return References(
        np.concatenate([words.places, types.addresses[types.name_owners]]),
        np.concatenate([words.targets, types.name_places]),
    )


def _itab_claim(ledger: Ledger, elf: Elf, types: Types, words: References) -> Claim:
    places, interfaces, concretes = itabs_among(
        elf, words, types.addresses, types.kinds, types.hashes
    )
    owners = []
    for interface, concrete in zip(interfaces.tolist(), concretes.tolist(), strict=True):
        name = f"itab {types.names[concrete]}, {types.names[interface]}"
        owners.append(ledger.own(types.packages[concrete] or GENERATED, name))
    return Claim(places, np.zeros(len(places), np.int64), np.array(owners, np.int64))


def _embedded_claim(ledger: Ledger, elf: Elf, words: References) -> Claim:
    """Contents of `//go:embed` directories: a file's entry holds the hash of its content."""
    order = np.argsort(words.places, kind="stable")
    places, targets = words.places[order], words.targets[order]
    at = np.flatnonzero(places[1:] - places[:-1] == 16)
    length, size = words_at(elf, places[at] + 8), words_at(elf, places[at] + 24)
    fits = (length > 0) & (length < 4096) & (size > 0) & (size <= len(elf.data))
    # No word of a hash is a small number or an address, which the words of other tables are.
    for word in (32, 40):
        value = words_at(elf, places[at] + word)
        fits &= (value < 0) | (value > 1 << 40)
    at = at[fits]
    starts, ends, owners = [], [], []
    rows = zip(places[at].tolist(), targets[at].tolist(), targets[at + 1].tolist(), strict=True)
    for place, name_place, start in rows:
        entry = elf.offset_of(place)
        name_at, data_at = elf.offset_of(name_place), elf.offset_of(start)
        if entry is None or name_at is None or data_at is None or entry + 48 > len(elf.data):
            continue
        expected = bytes(elf.data[entry + 32 : entry + 48])
        if len(set(expected)) < _DISTINCT_BYTES:
            continue
        letters, content = elf.pointer(entry + 8), elf.pointer(entry + 24)
        if not _is_hash(elf.data[data_at : data_at + content], expected):
            continue
        name = bytes(elf.data[name_at : name_at + letters]).decode("utf-8", "replace")
        starts.append(start)
        ends.append(start + content)
        owners.append(ledger.own(EMBEDDED, name))
    return Claim(np.array(starts, np.int64), np.array(ends, np.int64), np.array(owners, np.int64))


def _is_hash(content: memoryview, expected: bytes) -> bool:
    """The compiler's hash is SHA-256 made different: up to 1 KiB by its first byte, beyond by a
    byte in front; before Go 1.24 by turning every bit (cmd/internal/hash, notsha256).
    """
    plain = hashlib.sha256(content).digest()[:16]
    if plain[1:] == expected[1:]:
        return True
    if bytes(byte ^ 0xFF for byte in plain) == expected:
        return True
    marked = hashlib.sha256(b"\1")
    marked.update(content)
    return marked.digest()[:16] == expected


def _own_claim(ledger: Ledger, landmarks: Landmarks) -> Claim:
    """What the linker writes for the runtime."""
    named = (
        (landmarks.place, "runtime.firstmoduledata"),
        (landmarks.findfunctab, "runtime.findfunctab"),
        (landmarks.gcdata, "runtime.gcdata"),
        (landmarks.gcbss, "runtime.gcbss"),
    )
    some = [(place, name) for place, name in named if place]
    starts = np.array([place for place, _ in some], np.int64)
    owners = np.array([ledger.own(RUNTIME, name) for _, name in some], np.int64)
    return Claim(starts, np.zeros(len(some), np.int64), owners)
