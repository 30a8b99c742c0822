"""Elf in, Dynamic out: what a program or library asks of the loader, and what it offers. Pure.

The loader reads the dynamic segment, not sections; so does this.
"""

from collections.abc import Callable, Iterator

import msgspec

from whit.binary import elf as fields
from whit.binary.elf import Elf
from whit.errors.binary import BrokenProgram

MAX_VERSIONS = 4096
VER_FLG_BASE, VER_FLG_WEAK = 1, 2


class Dynamic(msgspec.Struct, frozen=True):
    """`versions` pairs a library with a symbol version it must define: libc.so.6, GLIBC_2.34;
    `weak_versions` are those that may be missing. `definitions` are the versions that the file
    itself defines; `flags` is DT_FLAGS_1; `tags` holds the first value of every tag.
    """

    interpreter: str = ""
    libraries: tuple[str, ...] = ()
    rpath: tuple[str, ...] = ()
    runpath: tuple[str, ...] = ()
    versions: tuple[tuple[str, str], ...] = ()
    is_dynamic: bool = False
    soname: str = ""
    weak_versions: tuple[tuple[str, str], ...] = ()
    definitions: tuple[str, ...] = ()
    flags: int = 0
    tags: dict[int, int] = {}

    @property
    def is_library(self) -> bool:
        """Whether the file is made to be loaded, not started: it has a name and no loader."""
        return bool(self.soname) and not self.interpreter and not self.flags & fields.DF_1_PIE


class Wanted(msgspec.Struct, frozen=True):
    """One version that must be defined by `library`; symbols carry its `index` (Vernaux)."""

    library: str
    version: str
    index: int
    is_weak: bool


def read_dynamic(program: Elf) -> Dynamic:
    """An empty value for a static program. Errors: BrokenProgram."""
    interpreter = ""
    tags: list[tuple[int, int]] = []
    for segment in program.segments:
        if segment.kind == fields.PT_INTERP:
            limit = min(segment.file_size, fields.MAX_STRING_BYTES)
            interpreter = program.text(segment.offset, limit)
        elif segment.kind == fields.PT_DYNAMIC and segment.file_size:
            tags = _tags(program, segment.offset, segment.file_size)
    if not tags:
        return Dynamic(interpreter)
    first = dict(reversed(tags))
    string = string_reader(program, first)

    def paths(tag: int) -> tuple[str, ...]:
        return tuple(string(first[tag]).split(":")) if tag in first else ()

    wanted = read_wanted(program, first)
    return Dynamic(
        interpreter=interpreter,
        libraries=tuple(string(value) for tag, value in tags if tag == fields.DT_NEEDED),
        rpath=paths(fields.DT_RPATH),
        runpath=paths(fields.DT_RUNPATH),
        versions=tuple((w.library, w.version) for w in wanted if not w.is_weak),
        is_dynamic=True,
        soname=string(first[fields.DT_SONAME]) if fields.DT_SONAME in first else "",
        weak_versions=tuple((w.library, w.version) for w in wanted if w.is_weak),
        definitions=tuple(_definitions(program, first, string)),
        flags=first.get(fields.DT_FLAGS_1, 0),
        tags=first,
    )


def place_of(program: Elf, tags: dict[int, int], tag: int) -> int | None:
    """Where in the file the table of a tag lies. Address 0 is a place; a tag that is not there
    is none.
    """
    return program.offset_of(tags[tag]) if tag in tags else None


def string_reader(program: Elf, first: dict[int, int]) -> Callable[[int], str]:
    """A reader of the dynamic string table, by offset."""
    strings = place_of(program, first, fields.DT_STRTAB)

    def string(at: int) -> str:
        if strings is None or at > first.get(fields.DT_STRSZ, 0):
            raise BrokenProgram("the program's dynamic strings are damaged", hint=fields.TRUNCATED)
        return program.text(strings + at)

    return string


def _tags(program: Elf, offset: int, size: int) -> list[tuple[int, int]]:
    found = []
    step = 2 * program.word
    for at in range(offset, offset + min(size, fields.MAX_DYNAMIC * step) - step + 1, step):
        tag = program.pointer(at)
        if tag == 0:
            break
        found.append((tag, program.pointer(at + program.word)))
    return found


def read_wanted(program: Elf, first: dict[int, int]) -> tuple[Wanted, ...]:
    """Verneed (gABI "Symbol Version Requirements"): a list of lists, linked by offsets.

    Verneed   u16 version, u16 members, u32 file, u32 to the members, u32 to the next
    Vernaux   u32 hash, u16 flags, u16 index, u32 name, u32 to the next
    """
    string = string_reader(program, first)
    found: list[Wanted] = []
    starts = _chain(program, first, fields.DT_VERNEED, fields.DT_VERNEEDNUM, 12)
    for at in starts:
        members, library = program.unsigned(at + 2, 2), string(program.unsigned(at + 4, 4))
        member = at + program.unsigned(at + 8, 4)
        for _ in range(members):
            if len(found) >= MAX_VERSIONS:
                return tuple(found)
            flags, index = program.unsigned(member + 4, 2), program.unsigned(member + 6, 2)
            version = string(program.unsigned(member + 8, 4))
            found.append(Wanted(library, version, index & 0x7FFF, bool(flags & VER_FLG_WEAK)))
            step = program.unsigned(member + 12, 4)
            if not step:
                break
            member += step
    return tuple(found)


def _definitions(
    program: Elf, first: dict[int, int], string: Callable[[int], str]
) -> Iterator[str]:
    """Verdef: u16 version, flags, index, members; u32 hash, to the members, to the next. The
    first member names the version; the one with VER_FLG_BASE is the file itself.
    """
    for at in _chain(program, first, fields.DT_VERDEF, fields.DT_VERDEFNUM, 16):
        if not program.unsigned(at + 2, 2) & VER_FLG_BASE:
            yield string(program.unsigned(at + program.unsigned(at + 12, 4), 4))


def _chain(
    program: Elf, first: dict[int, int], table: int, number: int, next_at: int
) -> Iterator[int]:
    at = place_of(program, first, table)
    for _ in range(min(first.get(number, 0), MAX_VERSIONS)):
        if at is None:
            return
        yield at
        step = program.unsigned(at + next_at, 4)
        if not step:
            return
        at += step
