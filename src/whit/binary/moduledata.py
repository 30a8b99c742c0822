"""FunctionTable in, Landmarks out: the addresses that the module data of a program states. Pure.

    word 0 pcHeader; 1 names, 4 cutab, 7 files, 10 pctab, 13 records, 16 functab: slices of three
    19 findfunctab, 20 minpc, 21 maxpc, 22 text, 23 etext, then starts and ends of data and bss,
    of counters since Go 1.20, end, gcdata, gcbss, types, etypes, rodata, gofunc
Since Go 1.27 types have a section, and gofunc stands further on: it is found by trying.
"""

import msgspec
import numpy as np

from whit.binary.elf import Elf
from whit.binary.functions import FunctionTable
from whit.binary.ledger import Numbers
from whit.binary.tables import Records
from whit.binary.targets import relocated
from whit.binary.text import TEXT_WORD, module_data_of

_GCDATA = {18: 33, 20: 35}
_TYPES = {18: 35, 20: 37}
_FINDFUNCTAB = 19
_WORDS = 64  # of the module data that are read
_MAX_HITS = 64
_TREE_NAME = {18: 12, 20: 4}  # where a record of an inline tree has its function's name


class Landmarks(msgspec.Struct, frozen=True):
    """Addresses; 0 for what was not found. `place` is that of the module data itself."""

    place: int
    text: int
    tables: tuple[int, int]
    types: tuple[int, int]
    gofunc: int
    findfunctab: int
    gcdata: int
    gcbss: int


def read_landmarks(table: FunctionTable, records: Records) -> Landmarks | None:
    """None where there is no module data; of a program of 32 bits only code and tables."""
    elf = table.elf
    address = elf.address_of(table.offset)
    if address is None:
        return None
    tables = address, address + records.end - table.offset
    code = elf.sections.get(".text")
    if elf.word != 8:
        return Landmarks(0, code.address, tables, (0, 0), 0, 0, 0, 0) if code else None
    relocations = _near(elf, address)
    at = module_data_of(elf, table, relocations)
    if at is None:
        return None
    raw = [elf.pointer(at + 8 * i) for i in range(_WORDS)]
    here = elf.address_of(at) or 0
    words = [value or relocations.get(here + 8 * i, 0) for i, value in enumerate(raw)]
    types = words[_TYPES[table.layout]], words[_TYPES[table.layout] + 1]
    section = elf.sections.get(".go.type")
    if section is not None:
        types = section.address, section.address + section.size
    if not 0 < types[0] < types[1] <= types[0] + len(elf.data):
        types = 0, 0
    gcdata = _GCDATA[table.layout]
    return Landmarks(
        place=here,
        text=words[TEXT_WORD],
        tables=tables,
        types=types,
        gofunc=_gofunc(elf, table, records, words),
        findfunctab=words[_FINDFUNCTAB],
        gcdata=words[gcdata],
        gcbss=words[gcdata + 1],
    )


def _near(elf: Elf, address: int) -> dict[int, int]:
    """What the loader writes at and behind each word that is to hold `address`."""
    places, addends = relocated(elf)
    order = np.argsort(places, kind="stable")
    places, addends = places[order], addends[order]
    found: dict[int, int] = {}
    for hit in places[addends == address][:_MAX_HITS].tolist():
        low, high = np.searchsorted(places, [hit, hit + 8 * _WORDS])
        found |= zip(places[low:high].tolist(), addends[low:high].tolist(), strict=True)
    return found


def _gofunc(elf: Elf, table: FunctionTable, records: Records, words: list[int]) -> int:
    """The word from which the inline trees of all functions make sense."""
    trees: Numbers = np.unique(records.trees)
    trees = trees[:: max(1, len(trees) // 200)]
    raw = np.frombuffer(elf.data, "u1", table.names[1] - table.names[0], table.names[0])
    for address in words[TEXT_WORD + 10 : TEXT_WORD + 30]:
        offset = elf.offset_of(address) if address else None
        if offset is None or not len(trees):
            continue
        at = offset + trees + _TREE_NAME[table.layout]
        if int(at.max()) + 4 > len(elf.data):
            continue
        names = [elf.unsigned(place, 4) for place in at.tolist()]
        if all(0 < n < len(raw) and raw[n] and not raw[n - 1] for n in names):
            return address
    return 0
