"""Elf in, Dynamic out: what a program asks of the loader. Pure.

The loader reads the dynamic segment, not sections; so does this.
"""

from collections.abc import Callable

import msgspec

from whit.binary import elf as fields
from whit.binary.elf import Elf
from whit.errors import BrokenProgram

MAX_VERSIONS = 4096


class Dynamic(msgspec.Struct, frozen=True):
    """`versions` pairs a library with a symbol version it must define: libc.so.6, GLIBC_2.34."""

    interpreter: str = ""
    libraries: tuple[str, ...] = ()
    rpath: tuple[str, ...] = ()
    runpath: tuple[str, ...] = ()
    versions: tuple[tuple[str, str], ...] = ()
    is_dynamic: bool = False


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
    strings = program.offset_of(first.get(fields.DT_STRTAB, 0))

    def string(at: int) -> str:
        if strings is None or at > first.get(fields.DT_STRSZ, 0):
            raise BrokenProgram("the program's dynamic strings are damaged", hint=fields.TRUNCATED)
        return program.text(strings + at)

    def paths(tag: int) -> tuple[str, ...]:
        return tuple(string(first[tag]).split(":")) if tag in first else ()

    return Dynamic(
        interpreter=interpreter,
        libraries=tuple(string(value) for tag, value in tags if tag == fields.DT_NEEDED),
        rpath=paths(fields.DT_RPATH),
        runpath=paths(fields.DT_RUNPATH),
        versions=_versions(program, first, string),
        is_dynamic=True,
    )


def _tags(program: Elf, offset: int, size: int) -> list[tuple[int, int]]:
    found = []
    step = 2 * program.word
    for at in range(offset, offset + min(size, fields.MAX_DYNAMIC * step) - step + 1, step):
        tag = program.pointer(at)
        if tag == 0:
            break
        found.append((tag, program.pointer(at + program.word)))
    return found


def _versions(
    program: Elf, first: dict[int, int], string: Callable[[int], str]
) -> tuple[tuple[str, str], ...]:
    """Verneed (gABI "Symbol Version Requirements"): a list of lists, linked by offsets."""
    at = program.offset_of(first.get(fields.DT_VERNEED, 0))
    count = min(first.get(fields.DT_VERNEEDNUM, 0), MAX_VERSIONS)
    found: list[tuple[str, str]] = []
    for _ in range(count):
        if at is None:
            break
        members, file = program.unsigned(at + 2, 2), program.unsigned(at + 4, 4)
        aux, following = program.unsigned(at + 8, 4), program.unsigned(at + 12, 4)
        library, member = string(file), at + aux
        for _ in range(members):
            found.append((library, string(program.unsigned(member + 8, 4))))
            step = program.unsigned(member + 12, 4)
            if not step or len(found) > MAX_VERSIONS:
                break
            member += step
        if not following or len(found) > MAX_VERSIONS:
            break
        at += following
    return tuple(found)
