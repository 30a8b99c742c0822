"""Facts in, Sizes out: every byte of a program, by section, module, package and symbol. Pure.

    headers             of ELF
    code                by the function table; what lies around it is C
    pclntab             names, files, line tables, records: see `binary.tables`
    data, types         by symbols where there are any, else by who refers to them: see
                        `binary.intervals`
    debug, symbols      what -s and -w leave out

A stripped program is read in the same way as one with symbols; symbols only make data exact.
"""

from collections import Counter
from collections.abc import Callable

import msgspec
import numpy as np

from whit.binary.datasizes import book_data
from whit.binary.elf import PF_X, SHT_NOBITS, Elf
from whit.binary.facts import Facts
from whit.binary.intervals import Range
from whit.binary.ledger import ROUNDING, Ledger, Numbers, Part
from whit.binary.moduledata import Landmarks, read_landmarks
from whit.binary.packages import ASSEMBLY, C_CODE, Modules, package_of, packages_of
from whit.binary.symtab import STT_FUNC, Symbols, read_symbols
from whit.binary.tables import SECTION, Records, book_tables, function_names, read_records

RELOCATIONS = "(relocations)"
PACKED = "(packed by UPX)"
_CGO = "runtime/cgo"
# Sections that are nobody's: what they are for is all there is to say.
_PURPOSES = (
    (".debug", "(debug information)"),
    (".zdebug", "(debug information)"),
    (".gdb_index", "(debug information)"),
    (".symtab", "(symbol table)"),
    (".strtab", "(symbol table)"),
    (".shstrtab", "(ELF headers)"),
    (".rel", RELOCATIONS),
    (".dyn", "(dynamic linking)"),
    (".gnu.version", "(dynamic linking)"),
    (".gnu.hash", "(dynamic linking)"),
    (".hash", "(dynamic linking)"),
    (".interp", "(dynamic linking)"),
    (".got", "(dynamic linking)"),
    (".plt", "(dynamic linking)"),
    (".note", "(build info)"),
    (".go.buildinfo", "(build info)"),
    (".go.fipsinfo", "(build info)"),
    (".comment", "(build info)"),
    (".eh_frame", C_CODE),
    (".gcc_except_table", C_CODE),
    (".init", C_CODE),
    (".fini", C_CODE),
    (".typelink", "(type tables)"),
    (".itablink", "(type tables)"),
)


class Sizes(msgspec.Struct, frozen=True):
    """`parts` add up to `total` exactly. `is_by_symbols` says that data was read from symbols."""

    total: int
    parts: tuple[Part, ...]
    is_by_symbols: bool
    modules: dict[str, str]
    go_version: str = ""

    @property
    def relocations(self) -> int:
        """Bytes that only tell the loader how to move a program that may lie anywhere."""
        return sum(part.size for part in self.parts if part.package == RELOCATIONS)

    @property
    def unknown(self) -> int:
        """Bytes that nothing accounts for."""
        return sum(part.size for part in self.parts if not part.package)

    def by(self, key: Callable[[Part], str]) -> Counter[str]:
        found: Counter[str] = Counter()
        for part in self.parts:
            found[key(part)] += part.size
        return found

    def module_of(self, part: Part) -> str:
        return self.modules[part.package]


def sizes_of(facts: Facts, records: Records | None = None, *, by_symbol: bool = True) -> Sizes:
    """Without symbols `parts` are packages in sections, which takes half of the time. `records` are
    those of its function table, where they were read.

    Errors: none; a program whose tables cannot be read is booked by sections only.
    """
    if facts.is_packed:
        part = Part("packed", PACKED, "", facts.size)
        return Sizes(facts.size, (part,), is_by_symbols=False, modules={PACKED: PACKED})
    elf, table = facts.elf, facts.table
    symbols = read_symbols(elf)
    if records is None and table is not None:
        records = read_records(table)
    main = facts.go.path if facts.go else ""
    names: list[str] = []
    if table is not None and records is not None:
        names = function_names(table, records)
    ledger = Ledger(names, packages_of(names))
    landmarks = None
    if table is not None and records is not None:
        landmarks = read_landmarks(table, records)
        book_tables(ledger, table, records, main)
    ranges = _book_sections(ledger, elf, records, landmarks, symbols)
    book_data(ledger, elf, ranges, records, landmarks, symbols)
    if _CGO not in ledger.packages:  # then what names no package is assembly
        ledger.packages = [ASSEMBLY if p == C_CODE else p for p in ledger.packages]
    parts = tuple(ledger.parts(facts.size, by_symbol=by_symbol))
    modules = Modules(facts.go, is_obfuscated=facts.is_obfuscated)
    return Sizes(
        total=facts.size,
        parts=parts,
        is_by_symbols=symbols is not None,
        modules={name: modules.of(name) for name in {*ledger.packages, ROUNDING, ""}},
        go_version=facts.go.version if facts.go else "",
    )


def _book_sections(
    ledger: Ledger,
    elf: Elf,
    records: Records | None,
    landmarks: Landmarks | None,
    symbols: Symbols | None,
) -> list[Range]:
    """Book what is not data; return the ranges that are."""
    ranges: list[Range] = []
    at = 0
    for name, first, length, start in _pieces(elf):
        skip = max(0, at - first)  # a section that overlaps another would count bytes twice
        offset, size, address = first + skip, length - skip, start + skip if start else 0
        if size <= 0:
            continue
        if offset > at:
            ledger.write_one("headers", "(ELF headers)", "headers and alignment", offset - at)
        at = offset + size
        purpose = next((p for prefix, p in _PURPOSES if name.startswith(prefix)), "")
        if purpose and not name.startswith((".data", ".rodata")):
            ledger.write_one(name, purpose, name, size)
        elif _is_code(elf, address):
            _book_code(ledger, name, address, size, records, landmarks, symbols)
        elif address == 0:
            ledger.leave(name, size)
        else:
            ranges += _without_tables(name, address, address + size, landmarks, records)
    ledger.write_one("headers", "(ELF headers)", "headers and alignment", len(elf.data) - at)
    return ranges


def _pieces(elf: Elf) -> list[tuple[str, int, int, int]]:
    """(name, offset, size, address) by offset: sections, or segments where there are none."""
    found = [
        (s.name, s.offset, s.size, s.address)
        for s in elf.sections.values()
        if s.kind not in (0, SHT_NOBITS) and s.size
    ]
    if not found:
        found = [
            (f"segment {number}", s.offset, s.file_size, s.address)
            for number, s in enumerate(elf.loads)
        ]
    return sorted(found, key=lambda piece: piece[1])


def _is_code(elf: Elf, address: int) -> bool:
    return address > 0 and any(
        s.flags & PF_X and s.address <= address < s.address + s.file_size for s in elf.loads
    )


def _without_tables(
    name: str, low: int, high: int, landmarks: Landmarks | None, records: Records | None
) -> list[Range]:
    """A range, without the function table that is booked already."""
    if landmarks is None or records is None:
        return [Range(name, low, high)]
    first, last = landmarks.tables
    if high <= first or low >= last:
        return [Range(name, low, high)]
    pieces = [Range(name, low, first), Range(SECTION if first <= low else name, last, high)]
    return [piece for piece in pieces if piece.low < piece.high]


def _book_code(
    ledger: Ledger,
    name: str,
    low: int,
    size: int,
    records: Records | None,
    landmarks: Landmarks | None,
    symbols: Symbols | None,
) -> None:
    high = low + size
    first = last = low
    if records is not None and landmarks is not None:
        starts, ends = landmarks.text + records.starts[:-1], landmarks.text + records.ends
        sizes = np.clip(ends, low, high) - np.clip(starts, low, high)
        ledger.write(name, np.arange(len(starts)), sizes.astype(np.float64))
        first = min(max(int(starts[0]), low), high)
        last = min(max(int(ends[-1]), low), high)
    for start, end in ((low, first), (last, high)):
        _book_foreign(ledger, name, start, end, symbols, is_c=records is not None)


def _book_foreign(
    ledger: Ledger, name: str, low: int, high: int, symbols: Symbols | None, *, is_c: bool
) -> None:
    """Code that the function table does not know, by its symbols where there are any: C where
    there is a table, else nobody knows.
    """
    if high <= low:
        return
    rest = high - low
    if symbols is not None and len(symbols):
        inside: Numbers = np.flatnonzero(
            (symbols.kinds == STT_FUNC) & (symbols.addresses >= low) & (symbols.addresses < high)
        )
        at = low
        for index in inside.tolist():
            start, size = int(symbols.addresses[index]), int(symbols.sizes[index])
            size = min(start + size, high) - max(start, at)
            if size > 0:
                at = max(start, at) + size
                rest -= size
                symbol = symbols.names[index]
                ledger.write_one(name, package_of(symbol), symbol, size)
    if is_c:
        ledger.write_one(name, C_CODE, "(C code without symbols)", rest)
    else:
        ledger.leave(name, rest)
