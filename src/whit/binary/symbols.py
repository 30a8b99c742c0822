"""Elf and Dynamic in, names of dynamic symbols out: what a file takes from others. Pure.

.dynsym 64 bit: u32 name, u8 info, u8 other, u16 section, u64 value, u64 size   (24 bytes)
        32 bit: u32 name, u32 value, u32 size, u8 info, u8 other, u16 section   (16 bytes)
.gnu.version: u16 per symbol, the index of its version; bit 15 hides it
"""

import struct

from whit.binary import elf as fields
from whit.binary.dynamic import Dynamic, place_of, read_wanted
from whit.binary.elf import Elf

MAX_SYMBOLS = 1 << 20
MAX_NAME_BYTES = 4096
STB_LOCAL, STB_WEAK = 0, 2


def imported_symbols(program: Elf, dynamic: Dynamic) -> frozenset[str]:
    """Names of the symbols that another file must define; damaged ones are left out."""
    return frozenset(name for _, name, _ in _symbols(program, dynamic, defined=False))


def required_symbols(program: Elf, dynamic: Dynamic) -> frozenset[str]:
    """The same without weak ones, which may stay undefined."""
    found = _symbols(program, dynamic, defined=False)
    return frozenset(name for _, name, info in found if info >> 4 != STB_WEAK)


def defined_symbols(program: Elf, dynamic: Dynamic) -> frozenset[str]:
    """Names of the symbols that the file has for others."""
    found = _symbols(program, dynamic, defined=True)
    return frozenset(name for _, name, info in found if info >> 4 != STB_LOCAL)


def symbols_of_version(program: Elf, dynamic: Dynamic, library: str, version: str) -> list[str]:
    """The symbols that the file wants in `version` of `library`, sorted."""
    table = place_of(program, dynamic.tags, fields.DT_VERSYM)
    wanted = read_wanted(program, dynamic.tags)
    indexes = {w.index for w in wanted if (w.library, w.version) == (library, version)}
    if table is None:
        return []
    return sorted(
        name
        for number, name, _ in _symbols(program, dynamic, defined=False)
        if table + 2 * number + 2 <= len(program.data)
        and program.unsigned(table + 2 * number, 2) & 0x7FFF in indexes
    )


def _symbols(program: Elf, dynamic: Dynamic, *, defined: bool) -> list[tuple[int, str, int]]:
    """(number in the table, name, info) of every symbol that the file defines, or does not."""
    symbols = place_of(program, dynamic.tags, fields.DT_SYMTAB)
    strings = place_of(program, dynamic.tags, fields.DT_STRTAB)
    if symbols is None or strings is None:
        return []
    size = 24 if program.word == 8 else 16
    count = min(_count(program, dynamic, size), (len(program.data) - symbols) // size)
    rows = memoryview(program.data)[symbols : symbols + max(count, 0) * size]
    layout = "IBBHQQ" if program.word == 8 else "IIIBBH"
    section, info = (3, 1) if program.word == 8 else (5, 3)
    length = min(dynamic.tags.get(fields.DT_STRSZ, 0), len(program.data) - strings)
    text = bytes(program.data[strings : strings + max(length, 0)])
    found = []
    for number, row in enumerate(struct.iter_unpack(program.order + layout, rows)):
        if bool(row[section]) is defined and row[0]:
            end = text.find(b"\0", row[0], row[0] + MAX_NAME_BYTES)
            if end > 0:
                found.append((number, text[row[0] : end].decode("latin-1"), row[info]))
    return found


def _count(program: Elf, dynamic: Dynamic, size: int) -> int:
    """No tag says how many symbols there are: the section does, or the old hash table, or the
    strings that every linker puts behind the symbols.
    """
    section = program.sections.get(".dynsym")
    if section is not None:
        return min(section.size // size, MAX_SYMBOLS)
    table = place_of(program, dynamic.tags, fields.DT_HASH)
    if table is not None:
        return min(program.unsigned(table + 4, 4), MAX_SYMBOLS)
    gap = dynamic.tags.get(fields.DT_STRTAB, 0) - dynamic.tags.get(fields.DT_SYMTAB, 0)
    return min(gap // size, MAX_SYMBOLS) if gap > 0 else 0
