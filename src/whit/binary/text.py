"""FunctionTable in, Text out: the machine code of a Go program as functions. Pure.

A stripped program still says where each function begins (functab) and, in its module data, where
the text begins.
"""

import re
import struct
from bisect import bisect_right

import msgspec

from whit.binary.elf import PF_W, Elf
from whit.binary.functions import FunctionTable

ARCHITECTURES = ("amd64", "arm64")
# Words of the module data (runtime/symtab.go): six slices after pcHeader, then findfunctab,
# minpc, maxpc, text.
TEXT_WORD = 22
RELATIVE = {"amd64": 8, "arm64": 1027}  # R_*_RELATIVE
MAX_RELOCATIONS = 1 << 22
MAX_TEXT_BYTES = 1 << 30


class Text(msgspec.Struct, frozen=True):
    """`start` is the address of the first instruction, `offset` where it lies in the file.

    `entries[i]` is the distance of function i from `start`; one more closes the last. `places[i]`
    is the file offset of its _func record, and none closes. `code` is a copy of the instructions.
    """

    elf: Elf
    table: FunctionTable
    start: int
    offset: int
    entries: list[int]
    places: list[int]
    code: bytes
    names: bytes
    module_data: int
    relocations: dict[int, int]

    def name(self, index: int) -> str:
        at = self.elf.unsigned(self.places[index] + 4, 4)
        return self.names[at : self.names.find(b"\0", at)].decode("utf-8", "replace")

    def function_at(self, distance: int) -> int:
        return bisect_right(self.entries, distance) - 1

    def word(self, offset: int) -> int:
        """A pointer in the file, or what the loader will put there."""
        value = self.elf.pointer(offset)
        if value or not self.relocations:
            return value
        return self.relocations.get(self.elf.address_of(offset) or 0, 0)

    def offsets_of(self, names: set[bytes]) -> dict[int, bytes]:
        """Where these names stand in the table of names: a wrapper repeats its function's."""
        found = {}
        for name in names:
            if self.names.startswith(name + b"\0"):
                found[0] = name
            at = self.names.find(b"\0" + name + b"\0")
            while at >= 0:
                found[at + 1] = name
                at = self.names.find(b"\0" + name + b"\0", at + 1)
        return found


def read_text(table: FunctionTable) -> Text | None:
    """None where the layout is not known here: the caller then knows nothing of calls."""
    elf = table.elf
    if elf.platform.architecture not in ARCHITECTURES or not table.is_relative:
        return None
    relocations = _relocations(elf)
    place = module_data_of(elf, table, relocations)
    if place is None:
        return None
    start = elf.pointer(place + TEXT_WORD * 8) or relocations.get(
        elf.address_of(place + TEXT_WORD * 8) or 0, 0
    )
    offset = elf.offset_of(start)
    if offset is None:
        return None
    size = (2 * table.count + 1) * 4
    pairs = elf.data[table.functab : table.functab + size].cast("I")
    entries, records = pairs[0::2].tolist(), pairs[1::2].tolist()
    length = entries[-1]
    in_order = entries == sorted(entries)
    if not in_order or not 0 < length <= MAX_TEXT_BYTES or offset + length > len(elf.data):
        return None
    places = [table.functab + record for record in records]
    if places and max(places) + 64 > len(elf.data):
        return None
    return Text(
        elf=elf,
        table=table,
        start=start,
        offset=offset,
        entries=entries,
        places=places,
        code=bytes(elf.data[offset : offset + length]),
        names=table.name_bytes(),
        module_data=place,
        relocations=relocations,
    )


def _relocations(elf: Elf) -> dict[int, int]:
    """Address -> what the loader writes there, of a program that relocates itself."""
    raw = elf.section_bytes(".rela.dyn")
    if raw is None or len(raw) > 24 * MAX_RELOCATIONS:
        return {}
    kind = RELATIVE[elf.platform.architecture]
    rows = struct.iter_unpack("<QQq", raw[: len(raw) // 24 * 24])
    return {at: addend for at, info, addend in rows if info & 0xFFFFFFFF == kind}


def module_data_of(elf: Elf, table: FunctionTable, relocations: dict[int, int]) -> int | None:
    """File offset of the module data: its first word is the address of the function table."""
    section = elf.sections.get(".go.module")
    if section is not None and _fits(elf, table, section.offset):
        return section.offset
    address = elf.address_of(table.offset)
    if address is None:
        return None
    for at, value in relocations.items():
        if value == address:
            offset = elf.offset_of(at)
            if offset is not None and _fits(elf, table, offset):
                return offset
    pattern = re.compile(re.escape(struct.pack("<Q", address)))
    for segment in elf.loads:
        if not segment.flags & PF_W:
            continue
        window = elf.data[segment.offset : segment.offset + segment.file_size]
        for match in pattern.finditer(window):
            offset = segment.offset + match.start()
            if offset % 8 == segment.offset % 8 and _fits(elf, table, offset):
                return offset
    return None


def _fits(elf: Elf, table: FunctionTable, offset: int) -> bool:
    """The slice of names in the module data is as long as the table says."""
    if offset + 64 * 8 > len(elf.data):
        return False
    length, capacity = elf.pointer(offset + 16), elf.pointer(offset + 24)
    return length == capacity and 0 <= table.names[1] - table.names[0] - length < 64
