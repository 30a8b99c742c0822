"""Elf in, Symbols out: the symbol table of a program that was not stripped. Pure.

64 bit: u32 name, u8 info, u8 other, u16 section, u64 value, u64 size   (24 bytes)
32 bit: u32 name, u32 value, u32 size, u8 info, u8 other, u16 section   (16 bytes)
"""

import msgspec
import numpy as np
import numpy.typing as npt

from whit.binary.elf import Elf

MAX_SYMBOLS = 1 << 23
STT_OBJECT, STT_FUNC = 1, 2
_MIN_TABLE_BYTES = 24_000  # a thousand symbols: fewer are those that other libraries have
Numbers = npt.NDArray[np.int64]


class Symbols(msgspec.Struct, frozen=True):
    """Sorted by address; `kinds` are STT_*. Symbols without a size are left out."""

    names: list[str]
    addresses: Numbers
    sizes: Numbers
    kinds: Numbers

    def __len__(self) -> int:
        return len(self.names)


def read_symbols(elf: Elf) -> Symbols | None:
    """None for a program without a table; a damaged row is left out. A program that C linked with
    -rdynamic tells its symbols to the loader, and keeps them when it is stripped.
    """
    for table, text in ((".symtab", ".strtab"), (".dynsym", ".dynstr")):
        raw, strings = elf.section_bytes(table), elf.section_bytes(text)
        if raw is not None and strings is not None and len(raw) > _MIN_TABLE_BYTES:
            return _read(elf, raw, strings)
    return None


def _read(elf: Elf, raw: memoryview, strings: memoryview) -> Symbols:
    mark = elf.order
    name, byte, half, word = mark + "u4", "u1", mark + "u2", mark + f"u{elf.word}"
    fields = [("name", name), ("info", byte), ("other", byte), ("section", half)]
    place = [("value", word), ("size", word)]
    layout = np.dtype(fields + place if elf.word == 8 else [fields[0], *place, *fields[1:]])
    count = min(len(raw) // layout.itemsize, MAX_SYMBOLS)
    rows = np.frombuffer(raw[: count * layout.itemsize], layout)
    rows = rows[(rows["section"] != 0) & (rows["section"] < 0xFF00) & (rows["size"] > 0)]
    rows = rows[rows["size"] < np.array(1 << 40, rows["size"].dtype)] if elf.word == 8 else rows
    rows = rows[rows["name"] < len(strings)]
    rows = rows[np.argsort(rows["value"], kind="stable")]
    text = bytes(strings)
    names = [
        text[at : text.find(b"\0", at)].decode("utf-8", "replace") for at in rows["name"].tolist()
    ]
    return Symbols(
        names,
        rows["value"].astype(np.int64),
        rows["size"].astype(np.int64),
        (rows["info"] & 15).astype(np.int64),
    )
