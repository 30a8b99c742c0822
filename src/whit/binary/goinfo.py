r"""Elf in, GoInfo out: what `go build` wrote into the program about itself. Pure.

    .go.buildinfo, aligned to 16
    0   \xff " Go buildinf:"
    14  size of a pointer           (before Go 1.18)
    15  flags: 1 big endian, 2 strings follow inline
    16  two pointers to Go strings  (before Go 1.18)
    32  varint length + version, varint length + module text   (flag 2)

The module text stands between two 16-byte markers (cmd/go/internal/modload/build.go).
"""

from typing import Self

import msgspec

from whit.binary.elf import PF_W, Elf

MAGIC = b"\xff Go buildinf:"
MARKER_BYTES = 16
MAX_TEXT_BYTES = 16 << 20


class Module(msgspec.Struct, frozen=True):
    path: str
    version: str
    sum: str = ""
    replaced_by: Self | None = None


class GoInfo(msgspec.Struct, frozen=True):
    """`version` is "go1.26.8"; `path` the main package; `settings` are -tags, vcs.revision …"""

    version: str
    path: str = ""
    main: Module | None = None
    modules: tuple[Module, ...] = ()
    settings: tuple[tuple[str, str], ...] = ()

    def setting(self, key: str) -> str:
        """A build setting, "" when it was not recorded."""
        return next((value for name, value in self.settings if name == key), "")

    @property
    def minor(self) -> int:
        """26 of go1.26.8; 0 for a version that says none, such as a development build."""
        digits = ""
        for letter in self.version.partition("go1.")[2]:
            if not letter.isdigit():
                break
            digits += letter
        return int(digits or 0)


def read_goinfo(elf: Elf) -> GoInfo | None:
    """None when no build info is there: not Go, or Go before 1.13."""
    at = _place(elf)
    if at is None or at + 32 > len(elf.data):
        return None
    if elf.data[at + 15] & 2:
        version, after = _inline(elf, at + 32)
        text, _ = _inline(elf, after)
    else:
        version = _pointed(elf, elf.pointer(at + 16))
        text = _pointed(elf, elf.pointer(at + 16 + elf.word))
    if not version.startswith((b"go", b"devel")):
        return None
    if len(text) >= 2 * MARKER_BYTES + 1 and text[-MARKER_BYTES - 1 : -MARKER_BYTES] == b"\n":
        text = text[MARKER_BYTES:-MARKER_BYTES]
    return parse_modules(version.decode("utf-8", "replace"), text.decode("utf-8", "replace"))


def parse_modules(version: str, text: str) -> GoInfo:
    """Lines of tab-separated words: path, mod, dep, =>, build."""
    path, main = "", None
    modules: list[Module] = []
    settings: list[tuple[str, str]] = []
    for line in text.split("\n"):
        word, _, rest = line.partition("\t")
        if word == "path":
            path = rest
        elif word == "mod":
            main = _module(rest)
        elif word == "dep":
            modules.append(_module(rest))
        elif word == "=>" and modules:
            modules[-1] = msgspec.structs.replace(modules[-1], replaced_by=_module(rest))
        elif word == "build":
            key, _, value = rest.partition("=")
            settings.append((_unquoted(key), _unquoted(value)))
    return GoInfo(version, path, main, tuple(modules), tuple(settings))


def _module(rest: str) -> Module:
    path, version, total, *_ = (*rest.split("\t"), "", "", "")
    return Module(path, version, total)


def _unquoted(text: str) -> str:
    """Go quotes a value that has spaces or quotes (strconv.Quote); backquotes stand for raw."""
    if len(text) >= 2 and text[0] == text[-1] == "`":
        return text[1:-1]
    if len(text) >= 2 and text[0] == text[-1] == '"':
        try:
            return str(msgspec.json.decode(text.encode()))
        except msgspec.DecodeError:
            return text[1:-1]
    return text


def _place(elf: Elf) -> int | None:
    """The section when it is named, else the writable segments (the name can be stripped)."""
    section = elf.sections.get(".go.buildinfo")
    if section is not None and bytes(elf.data[section.offset : section.offset + 14]) == MAGIC:
        return section.offset
    # Read in pieces: the segment of a large program must not be copied whole.
    for segment in elf.loads:
        if not segment.flags & PF_W:
            continue
        end = segment.offset + segment.file_size
        for start in range(segment.offset, end, 1 << 20):
            piece = bytes(elf.data[start : min(start + (1 << 20) + len(MAGIC), end)])
            at = piece.find(MAGIC)
            while at >= 0:
                if (start + at) % 16 == 0:
                    return start + at
                at = piece.find(MAGIC, at + 1)
    return None


def _inline(elf: Elf, at: int) -> tuple[bytes, int]:
    length = shift = 0
    for index in range(10):
        byte = elf.unsigned(at + index, 1)
        length |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            at += index + 1
            break
    if length > MAX_TEXT_BYTES or at + length > len(elf.data):
        return b"", at
    return bytes(elf.data[at : at + length]), at + length


def _pointed(elf: Elf, address: int) -> bytes:
    """The Go string whose header (pointer, length) is at `address`."""
    header = elf.offset_of(address)
    if header is None:
        return b""
    start, length = elf.offset_of(elf.pointer(header)), elf.pointer(header + elf.word)
    if start is None or length > MAX_TEXT_BYTES or start + length > len(elf.data):
        return b""
    return bytes(elf.data[start : start + length])
