"""Bytes of a file in, Elf out: headers, segments, sections, the dynamic section. Pure.

    0        e_ident   magic, class (32/64), byte order
    16       header    type, machine, entry, where the two tables lie
    e_phoff  segments  what the kernel maps: file offset -> address
    e_shoff  sections  what the linker called things; may be missing
    PT_DYNAMIC         libraries, search paths, symbol versions; for the loader

Rule: every offset is checked before it is used; a file that lies is BrokenProgram, never a
traceback, and nothing is read that the file does not have.
"""

import struct
from collections.abc import Iterator

import msgspec

from whit.errors.binary import BrokenProgram, NotAProgram
from whit.model.names import Platform

PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3
PF_X, PF_W = 1, 2
SHT_NOBITS = 8
ET_EXEC, ET_DYN = 2, 3
# DT_* of the dynamic section (gABI).
DT_NEEDED, DT_STRTAB, DT_STRSZ, DT_SONAME, DT_RPATH, DT_RUNPATH = 1, 5, 10, 14, 15, 29
DT_HASH, DT_SYMTAB, DT_GNU_HASH, DT_VERSYM = 4, 6, 0x6FFFFEF5, 0x6FFFFFF0
DT_FLAGS_1, DT_VERDEF, DT_VERDEFNUM = 0x6FFFFFFB, 0x6FFFFFFC, 0x6FFFFFFD
DT_VERNEED, DT_VERNEEDNUM = 0x6FFFFFFE, 0x6FFFFFFF
DF_1_NODEFLIB, DF_1_PIE = 0x800, 0x08000000

# e_machine, bits, byte order -> GOARCH. 32-bit PowerPC and the like have no Go for Linux.
MACHINES = {
    (3, 32, "<"): "386",
    (40, 32, "<"): "arm",
    (62, 64, "<"): "amd64",
    (183, 64, "<"): "arm64",
    (21, 64, "<"): "ppc64le",
    (243, 64, "<"): "riscv64",
    (22, 64, ">"): "s390x",
}
# What else says ELF in front: named, so that the user sees what was handed over.
OTHER_MACHINES = {
    2: "SPARC", 4: "m68k", 8: "MIPS", 18: "SPARC", 20: "32-bit PowerPC", 21: "big-endian PowerPC",
    42: "SuperH", 43: "SPARC", 50: "Itanium", 62: "x32 (amd64 with 32-bit pointers)",
    243: "32-bit RISC-V", 247: "BPF", 258: "LoongArch", 0x9026: "Alpha",
}  # fmt: skip
# EI_OSABI of systems that are not Linux; 0 (none said), 3 (GNU) and 97 (ARM) are used on Linux.
OTHER_SYSTEMS = {2: "NetBSD", 6: "Solaris", 9: "FreeBSD", 12: "OpenBSD", 255: "no system at all"}
OTHER_FORMATS = (
    (b"#!", "a script", "name the program that the script runs"),
    (b"MZ", "a Windows program (PE)", "build it for Linux: GOOS=linux"),
    (b"\xcf\xfa\xed\xfe", "a macOS program (Mach-O)", "build it for Linux: GOOS=linux"),
    (b"\xce\xfa\xed\xfe", "a macOS program (Mach-O)", "build it for Linux: GOOS=linux"),
    (b"\xfe\xed\xfa", "a macOS program (Mach-O)", "build it for Linux: GOOS=linux"),
    (b"\xca\xfe\xba\xbe", "a macOS program (Mach-O)", "build it for Linux: GOOS=linux"),
    (b"\xca\xfe\xba\xbf", "a macOS program (Mach-O)", "build it for Linux: GOOS=linux"),
    (b"BC\xc0\xde", "LLVM bitcode", "link it to a program"),
    (b"\xfd7zXZ\0", "an xz file", "unpack it first"),
    (b"\x28\xb5\x2f\xfd", "a zstd file", "unpack it first"),
    (b"!<arch>", "an archive of object files", "the package is no program: name one with main"),
    (b"\x1f\x8b", "a gzip file", "unpack it first"),
    (b"PK\x03\x04", "a zip file", "unpack it first"),
    (b"\0asm", "a WebAssembly module", "build it for Linux: GOOS=linux"),
)
UPX = b"UPX!"
PAGE_BYTES = 4096
MAX_SEGMENTS = 512
MAX_SECTIONS = 4096
MAX_DYNAMIC = 4096
MAX_STRING_BYTES = 4096


class Segment(msgspec.Struct, frozen=True):
    kind: int
    flags: int
    offset: int
    address: int
    file_size: int
    memory_size: int


class Section(msgspec.Struct, frozen=True):
    name: str
    kind: int
    address: int
    offset: int
    size: int


class Elf(msgspec.Struct, frozen=True):
    """`order` is struct's byte order mark; `word` is 4 or 8 bytes; `start` is the entry point."""

    data: memoryview
    order: str
    word: int
    kind: int
    platform: Platform
    segments: tuple[Segment, ...]
    sections: dict[str, Section]
    start: int = 0

    @property
    def loads(self) -> tuple[Segment, ...]:
        return tuple(s for s in self.segments if s.kind == PT_LOAD and s.file_size)

    def unsigned(self, offset: int, size: int) -> int:
        """An unsigned number of `size` bytes at a file offset."""
        if offset < 0 or offset + size > len(self.data):
            raise BrokenProgram("the program points outside of its own file", hint=TRUNCATED)
        value: int = struct.unpack_from(self.order + CODES[size], self.data, offset)[0]
        return value

    def pointer(self, offset: int) -> int:
        return self.unsigned(offset, self.word)

    def offset_of(self, address: int) -> int | None:
        """Where in the file the byte that is mapped at `address` lies."""
        for segment in self.loads:
            if segment.address <= address < segment.address + segment.file_size:
                return segment.offset + address - segment.address
        return None

    def address_of(self, offset: int) -> int | None:
        for segment in self.loads:
            if segment.offset <= offset < segment.offset + segment.file_size:
                return segment.address + offset - segment.offset
        return None

    def text(self, offset: int, limit: int = MAX_STRING_BYTES) -> str:
        """A NUL-terminated string; one that does not end within `limit` is BrokenProgram."""
        raw = bytes(self.data[offset : offset + limit]) if offset >= 0 else b""
        end = raw.find(b"\0")
        if end < 0:
            raise BrokenProgram("a string in the program has no end", hint=TRUNCATED)
        return raw[:end].decode("utf-8", "replace")

    def section_bytes(self, name: str) -> memoryview | None:
        section = self.sections.get(name)
        if section is None or section.kind == SHT_NOBITS:
            return None
        return self.data[section.offset : section.offset + section.size]


TRUNCATED = "the file may be truncated or damaged: build or copy it again"
CODES = {1: "B", 2: "H", 4: "I", 8: "Q"}


def read_elf(data: memoryview) -> Elf:
    """Errors: NotAProgram for anything but a Linux program, BrokenProgram for a damaged one."""
    check_magic(data)
    bits = {1: 32, 2: 64}.get(data[4])
    order = {1: "<", 2: ">"}.get(data[5])
    if bits is None or order is None or len(data) < (64 if bits == 64 else 52):
        raise BrokenProgram("the ELF header is damaged", hint=TRUNCATED)
    if data[7] in OTHER_SYSTEMS:
        what = OTHER_SYSTEMS[data[7]]
        raise NotAProgram(f"the program is for {what}, not Linux", hint="build it for Linux")
    layout = order + ("HHIQQQIHHHHHH" if bits == 64 else "HHIIIIIHHHHHH")
    head = struct.unpack_from(layout, data, 16)
    kind, machine = head[0], head[1]
    if kind not in (ET_EXEC, ET_DYN):
        what = {1: "an object file", 4: "a core dump"}.get(kind, "no program")
        raise NotAProgram(f"the file is {what}, not a program", hint="name a linked program")
    architecture = MACHINES.get((machine, bits, order))
    if architecture is None:
        known = OTHER_MACHINES.get(machine)
        raise NotAProgram(
            f"the program is for {known or f'an unknown machine (ELF machine {machine})'}, "
            "which whit does not know",
            hint="whit knows " + ", ".join(sorted(set(MACHINES.values()))),
        )
    elf = Elf(data, order, bits // 8, kind, Platform("linux", architecture), (), {}, head[3])
    segments = tuple(_segments(elf, head[4], head[8], head[9]))
    elf = msgspec.structs.replace(elf, segments=segments)
    sections = _sections(elf, head[5], head[10], head[11], head[12])
    return msgspec.structs.replace(elf, sections=sections)


def check_magic(data: memoryview) -> None:
    """Errors: NotAProgram, which says what the file is instead."""
    start = bytes(data[:8])
    if start[:4] == b"\x7fELF" and len(data) >= 20:
        return
    for magic, what, hint in OTHER_FORMATS:
        if start.startswith(magic):
            raise NotAProgram(f"the file is {what}, not a Linux program", hint=hint)
    raise NotAProgram("the file is no ELF program", hint="whit takes Linux programs")


def _segments(elf: Elf, offset: int, size: int, count: int) -> Iterator[Segment]:
    wanted = 56 if elf.word == 8 else 32
    if count == 0 or count > MAX_SEGMENTS or size < wanted:
        raise BrokenProgram("the program has no usable segments", hint=TRUNCATED)
    if offset + size * count > len(elf.data):
        raise BrokenProgram("the program's segment table lies outside of the file", hint=TRUNCATED)
    room = len(elf.data)
    if UPX in bytes(elf.data[:PAGE_BYTES]):
        room = -(-room // PAGE_BYTES) * PAGE_BYTES  # it maps whole pages, as the kernel does
    for at in range(offset, offset + size * count, size):
        if elf.word == 8:
            row = struct.unpack_from(elf.order + "IIQQQQQQ", elf.data, at)
            kind, flags, start, address, in_file, in_memory = *row[:4], *row[5:7]
        else:
            row = struct.unpack_from(elf.order + "IIIIIIII", elf.data, at)
            kind, start, address, in_file, in_memory, flags = *row[:3], *row[4:7]
        if kind in (PT_LOAD, PT_DYNAMIC, PT_INTERP) and start + in_file > room:
            raise BrokenProgram("a segment of the program lies outside of the file", hint=TRUNCATED)
        in_file = min(in_file, max(len(elf.data) - start, 0))
        yield Segment(kind, flags, start, address, in_file, in_memory)


def _sections(elf: Elf, offset: int, size: int, count: int, names_at: int) -> dict[str, Section]:
    """Sections by name. They are not needed to run: a damaged table counts as none."""
    wanted = 64 if elf.word == 8 else 40
    end = offset + size * count
    if not offset or size < wanted or not 0 < count <= MAX_SECTIONS or end > len(elf.data):
        return {}
    layout = elf.order + ("IIQQQQIIQQ" if elf.word == 8 else "IIIIIIIIII")
    rows = [struct.unpack_from(layout, elf.data, at) for at in range(offset, end, size)]
    if names_at >= len(rows):
        return {}
    start, length = rows[names_at][4], rows[names_at][5]
    if start + length > len(elf.data) or length > 1 << 24:
        return {}
    names = bytes(elf.data[start : start + length])
    found: dict[str, Section] = {}
    for name_at, kind, _, address, at, length, *_ in rows:
        stop = names.find(b"\0", name_at)
        if stop < 0 or (kind != SHT_NOBITS and at + length > len(elf.data)):
            continue
        name = names[name_at:stop].decode("latin-1")
        found.setdefault(name, Section(name, kind, address, at, length))
    return found
