"""Elf in, FunctionTable out: the names of all functions in a Go program, stripped or not. Pure.

The runtime needs `pclntab` to walk stacks, so no linker flag removes it. It names every function
that is linked and every function that was inlined anywhere: a name that is absent is proof.

    0    magic     fffffffb Go 1.2, fffffffa 1.16, fffffff0 1.18, fffffff1 1.20 and later
    6    quantum of instructions, 7 size of a pointer
    8    nfunc, nfiles, [textStart since 1.18], offsets of: names, cutab, files, pctab, functab
    functab   pairs (entry, offset of _func), 32 bits relative to the text since 1.18,
              pointers before
    _func     entry, name offset, args, deferreturn, pcsp, pcfile, pcln, npcdata, cuOffset, …
"""

import struct
from functools import cached_property

import msgspec

from whit.binary.elf import SHT_NOBITS, Elf

MAGICS = {0xFFFFFFF1: 20, 0xFFFFFFF0: 18, 0xFFFFFFFA: 16}
MAX_FUNCTIONS = 1 << 23
MAX_NAMES_BYTES = 256 << 20
SECTIONS = (".gopclntab", ".data.rel.ro.gopclntab")


class FunctionTable(msgspec.Struct, frozen=True):
    """Where the table lies and what its parts are, as file offsets.

    `layout` is 16, 18 or 20: the Go release whose form it has. `text_start` is what the header
    says; since Go 1.27, and in PIE, that is 0 and the module data knows. `is_masked` says that
    the magic is none of Go's: garble writes another one, into the section that Go has for it.
    """

    elf: Elf
    offset: int
    layout: int
    count: int
    text_start: int
    names: tuple[int, int]
    functab: int
    is_masked: bool = False

    @property
    def is_relative(self) -> bool:
        return self.layout >= 18

    @property
    def entry_bytes(self) -> int:
        """Size of one number of functab."""
        return 4 if self.is_relative else self.elf.word

    def name_bytes(self) -> bytes:
        """All names, NUL-terminated, in one copy."""
        return bytes(self.elf.data[self.names[0] : self.names[1]])


class Functions:
    """The names of a program's functions. Asking for one is exact; nothing is guessed."""

    def __init__(self, table: FunctionTable | None = None) -> None:
        """No table, no names. The names are read when the first is asked for."""
        self._table = table
        self.count = table.count if table else 0

    @cached_property
    def _names(self) -> frozenset[bytes]:
        return frozenset(self._table.name_bytes().split(b"\0")) if self._table else frozenset()

    def __contains__(self, name: str) -> bool:
        return name.encode() in self._names

    def __len__(self) -> int:
        return len(self._names)

    def __bool__(self) -> bool:
        return self.count > 0

    def starting(self, prefix: str) -> tuple[str, ...]:
        """All names with this beginning, sorted."""
        wanted = prefix.encode()
        return tuple(
            sorted(n.decode("utf-8", "replace") for n in self._names if n.startswith(wanted))
        )

    def packages(self) -> frozenset[str]:
        """Import paths of the packages that any code comes from."""
        found = set()
        for name in self._names:
            head, slash, tail = name.partition(b"[")[0].rpartition(b"/")
            package = head + slash + tail.partition(b".")[0]
            if package and b":" not in package:
                found.add(package.decode("utf-8", "replace").replace("%2e", "."))
        return frozenset(found)


def read_functions(elf: Elf, minor: int) -> FunctionTable | None:
    """The table of a program built by Go 1.`minor` (0 when unknown); None when there is none."""
    for name in SECTIONS:
        section = elf.sections.get(name)
        if section is not None and section.kind != SHT_NOBITS:
            table = _table_at(elf, section.offset, is_section=True)
            if table is not None:
                return table
    return _searched(elf, minor)


def _searched(elf: Elf, minor: int) -> FunctionTable | None:
    """Look for the magic where sections were merged or stripped, data before code."""
    expected = next((m for m, since in MAGICS.items() if minor >= since), 0xFFFFFFF1)
    section = elf.sections.get(".data.rel.ro")
    places = [(section.offset, section.size)] if section and section.kind != SHT_NOBITS else []
    loads = sorted(elf.loads, key=lambda s: (s.flags & 1, -(s.flags & 2)))
    places += [(s.offset, s.file_size) for s in loads]
    for magic in sorted(MAGICS, key=lambda m: m != expected):
        pattern = struct.pack(elf.order + "I", magic) + b"\0\0"
        for start, size in places:
            for piece_at in range(start, start + size, 1 << 22):
                end = min(piece_at + (1 << 22) + len(pattern), start + size)
                piece = bytes(elf.data[piece_at:end])
                at = piece.find(pattern)
                while at >= 0:
                    table = _table_at(elf, piece_at + at)
                    if table is not None:
                        return table
                    at = piece.find(pattern, at + 1)
    return None


def _table_at(elf: Elf, offset: int, *, is_section: bool = False) -> FunctionTable | None:
    """The table whose header is at `offset`, or None when its numbers do not fit together."""
    if offset + 8 + 8 * elf.word > len(elf.data):
        return None
    magic = elf.unsigned(offset, 4)
    layout = MAGICS.get(magic, max(MAGICS.values()) if is_section else None)
    head = bytes(elf.data[offset + 4 : offset + 8])
    if layout is None or head[:2] != b"\0\0" or head[2] not in (1, 2, 4) or head[3] != elf.word:
        return None
    words = [elf.pointer(offset + 8 + i * elf.word) for i in range(8)]
    text_start = words.pop(2) if layout >= 18 else 0
    count, _, names, cutab, files, pctab, functab = words[:7]
    size = len(elf.data) - offset
    in_order = 0 < names < cutab <= files <= pctab <= functab < size
    if not (0 < count <= MAX_FUNCTIONS and in_order and cutab - names <= MAX_NAMES_BYTES):
        return None
    table = FunctionTable(
        elf=elf,
        offset=offset,
        layout=layout,
        count=count,
        text_start=text_start,
        names=(offset + names, offset + cutab),
        functab=offset + functab,
        is_masked=magic not in MAGICS,
    )
    if table.functab + (2 * count + 1) * table.entry_bytes > len(elf.data):
        return None
    return table
