"""Small ELF files with a real dynamic section, made byte by byte for the loader's rules.

0      header, program headers (PT_LOAD over everything, PT_INTERP, PT_DYNAMIC)
0x200  strings   symbols   versions of symbols   verneed   verdef   dynamic section
"""

import struct
from collections.abc import Mapping, Sequence

MACHINES = {
    "amd64": (62, "<", 8),
    "arm64": (183, "<", 8),
    "386": (3, "<", 4),
    "s390x": (22, ">", 8),
}
AMD64_LOADER = "/lib64/ld-linux-x86-64.so.2"


class _Strings:
    def __init__(self) -> None:
        self.data = b"\0"

    def add(self, text: str) -> int:
        at = len(self.data)
        self.data += text.encode() + b"\0"
        return at


def elf_file(
    needed: Sequence[str] = (),
    *,
    soname: str = "",
    interpreter: str = "",
    rpath: str | None = None,
    runpath: str | None = None,
    wants: Mapping[str, Sequence[str]] | None = None,
    weak: Sequence[str] = (),
    defines: Sequence[str] = (),
    imports: Mapping[str, str] | None = None,
    weakly: Sequence[str] = (),
    exports: Sequence[str] = (),
    flags: int = 0,
    machine: str = "amd64",
    held: bytes = b"",
) -> bytes:
    """`wants` maps a library to versions, those in `weak` weakly; `imports` maps a symbol to its
    version ("" for none), those in `weakly` weakly; `held` is put among the bytes.
    """
    number, mark, word = MACHINES[machine]
    strings = _Strings()
    tags: list[tuple[int, int]] = [(1, strings.add(name)) for name in needed]
    for tag, text in ((14, soname or None), (15, rpath), (29, runpath)):
        if text is not None:
            tags.append((tag, strings.add(text)))
    indexes: dict[str, int] = {}
    need = b""
    libraries = list((wants or {}).items())
    for place, (library, versions) in enumerate(libraries):
        more = 0 if place == len(libraries) - 1 else 16 + 16 * len(versions)
        need += struct.pack(mark + "HHIII", 1, len(versions), strings.add(library), 16, more)
        for at, version in enumerate(versions):
            indexes[version] = len(indexes) + 2
            kind = 2 if version in weak else 0
            last = 0 if at == len(versions) - 1 else 16
            need += struct.pack(
                mark + "IHHII", 0, kind, indexes[version], strings.add(version), last
            )
    definition = b""
    for at, version in enumerate(defines):
        more = 0 if at == len(defines) - 1 else 28
        definition += struct.pack(mark + "HHHHIII", 1, 0, at + 2, 1, 0, 20, more)
        definition += struct.pack(mark + "II", strings.add(version), 0)
    symbols = _symbol(mark, word, 0, 0, 0)
    versions_of = struct.pack(mark + "H", 0)
    for name, version in (imports or {}).items():
        info = 0x20 if name in weakly else 0x10
        symbols += _symbol(mark, word, strings.add(name), info, 0)
        versions_of += struct.pack(mark + "H", indexes.get(version, 1))
    for name in exports:
        symbols += _symbol(mark, word, strings.add(name), 0x10, 1)
        versions_of += struct.pack(mark + "H", 1)
    return _file(
        number, mark, word, strings.data, symbols, versions_of, need, definition,
        (len(libraries), len(defines)), tags, interpreter, flags, held,
    )  # fmt: skip


def _symbol(mark: str, word: int, name: int, info: int, section: int) -> bytes:
    if word == 8:
        return struct.pack(mark + "IBBHQQ", name, info, 0, section, 0, 0)
    return struct.pack(mark + "IIIBBH", name, 0, 0, info, 0, section)


def _file(
    number: int, mark: str, word: int, strings: bytes, symbols: bytes, versions_of: bytes,
    need: bytes, definition: bytes, counts: tuple[int, int], tags: list[tuple[int, int]],
    interpreter: str, flags: int, held: bytes,
) -> bytes:  # fmt: skip
    # The symbols stand before the strings: that is how a reader without sections counts them.
    at = 0x200
    body = b""
    places = []
    for part in (symbols, strings, versions_of, need, definition, held):
        places.append(at + len(body))
        body += part + bytes(-len(part) % 8)
    tags += [(6, places[0]), (5, places[1]), (10, len(strings)), (0x6FFFFFF0, places[2])]
    if counts[0]:
        tags += [(0x6FFFFFFE, places[3]), (0x6FFFFFFF, counts[0])]
    if counts[1]:
        tags += [(0x6FFFFFFC, places[4]), (0x6FFFFFFD, counts[1])]
    if flags:
        tags.append((0x6FFFFFFB, flags))
    code = "QQ" if word == 8 else "II"
    dynamic_at = at + len(body)
    dynamic = b"".join(struct.pack(mark + code, *tag) for tag in [*tags, (0, 0)])
    body += dynamic
    interpreter_at = at + len(body)
    body += interpreter.encode() + b"\0"
    total = at + len(body)
    segments = [(1, 0, total), (2, dynamic_at, len(dynamic))]
    if interpreter:
        segments.append((3, interpreter_at, len(interpreter) + 1))
    rows = b""
    for kind, start, size in segments:
        if word == 8:
            rows += struct.pack(mark + "IIQQQQQQ", kind, 6, start, start, start, size, size, 8)
        else:
            rows += struct.pack(mark + "IIIIIIII", kind, start, start, start, size, size, 6, 4)
    ident = b"\x7fELF" + bytes((2 if word == 8 else 1, 1 if mark == "<" else 2, 1)) + bytes(9)
    size, row = (64, 56) if word == 8 else (52, 32)
    layout = "HHIQQQIHHHHHH" if word == 8 else "HHIIIIIHHHHHH"
    head = ident + struct.pack(
        mark + layout, 3, number, 1, 1 if interpreter else 0, size, 0, 0,
        size, row, len(segments), 40, 0, 0,
    )  # fmt: skip
    return (head + rows).ljust(at, b"\0") + body


def loader_file(*directories: str, soname: str = "ld-linux-x86-64.so.2") -> bytes:
    """A loader that holds its list of directories, as glibc's does."""
    listed = b"\0" + b"".join(d.encode() + b"/\0" for d in directories)
    return elf_file(soname=soname, held=listed)
