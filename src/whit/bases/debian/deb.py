r"""The bytes of a .deb in, its control paragraph, its md5sums and its entries out. Pure; nothing of
it is ever run.

    !<arch>\\n                                   deb(5), ar(5)
    debian-binary     2.0\\n
    control.tar.xz    ./control  ./md5sums  ./postinst …
    data.tar.xz       ./usr/lib/…

The rule of the room: names come from strangers. A path is written as `./path` or `path`; a link
that leaves the root, a device or a pipe refuses the package, and so does a bomb.
"""

import io
import lzma
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

import msgspec

from whit.errors import WhitError
from whit.errors.bases import BrokenPackage
from whit.layer.inflate import Limits
from whit.layer.read import Entry, Kind, LayerReader

_MAGIC = b"!<arch>\n"
_HEADER_BYTES = 60
MAX_CONTROL_BYTES = 16 << 20
# 128 MiB is more than any package of Debian's unpacks from one megabyte.
MAX_RATIO = 128
FREE_BYTES = 64 << 20
MAX_BYTES = 8 << 30
_XZ_MEMORY_BYTES = 256 << 20
_CHUNK_BYTES = 1 << 18


class Control(msgspec.Struct, frozen=True):
    """`paragraph` and `md5sums` are the files of these names, as they are."""

    paragraph: bytes
    md5sums: bytes


class Deb:
    """`file` is a whole package of `size` bytes, read from its beginning; `name` is for errors."""

    def __init__(self, file: BinaryIO, size: int, name: str) -> None:
        self._file, self._size, self._name = file, size, name
        self._members = dict(self._read_members())

    def control(self) -> Control:
        """Errors: BrokenPackage."""
        found = {"/control": b"", "/md5sums": b""}
        for entry, content in self._entries("control.tar", MAX_CONTROL_BYTES):
            if entry.path in found and entry.kind is Kind.FILE:
                found[entry.path] = b"".join(content)
        if not found["/control"]:
            raise BrokenPackage(f"{self._name} has no control file")
        return Control(found["/control"], found["/md5sums"])

    def data(self) -> Iterator[tuple[Entry, Iterator[memoryview]]]:
        """What it installs: each entry, and its content, which is read before the next one."""
        size = self._member("data.tar")[2]
        limit = min(MAX_BYTES, max(FREE_BYTES, size * MAX_RATIO))
        for entry, content in self._entries("data.tar", limit):
            if entry.kind in (Kind.REMOVED, Kind.OPAQUE):
                raise BrokenPackage(f"{self._name} holds a whiteout: {entry.path}")
            _refuse_leaving(entry, self._name)
            yield entry, content

    # ---- the outer archive ------------------------------------------------------------------

    def _read_members(self) -> Iterator[tuple[str, tuple[int, int]]]:
        if self._file.read(len(_MAGIC)) != _MAGIC:
            raise BrokenPackage(f"{self._name} is no Debian package")
        at = len(_MAGIC)
        while at < self._size:
            self._file.seek(at)
            header = self._file.read(_HEADER_BYTES)
            size = header[48:58].strip()
            if len(header) != _HEADER_BYTES or header[58:] != b"`\n" or not size.isdigit():
                raise BrokenPackage(f"{self._name} is a damaged package")
            if at + _HEADER_BYTES + int(size) > self._size:
                raise BrokenPackage(f"{self._name} is a truncated package")
            name = header[:16].rstrip(b" /").decode("ascii", "replace")
            yield name, (at + _HEADER_BYTES, int(size))
            at += _HEADER_BYTES + int(size) + int(size) % 2

    def _member(self, stem: str) -> tuple[str, int, int]:
        for name, (start, size) in self._members.items():
            if name == stem or name.startswith(stem + "."):
                return name, start, size
        raise BrokenPackage(f"{self._name} holds no {stem}")

    # ---- the inner ones ---------------------------------------------------------------------

    def _entries(self, stem: str, limit: int) -> Iterator[tuple[Entry, Iterator[memoryview]]]:
        name, start, size = self._member(stem)
        window = _Window(self._file, start, size)
        is_xz = name.endswith((".xz", ".lzma"))
        raw = _Unxz(window, limit, self._name) if is_xz else window
        limits = Limits(tar_bytes=limit, ratio=MAX_RATIO, free_bytes=FREE_BYTES)
        reader = LayerReader(cast("BinaryIO", raw), limits, refuses_absolute=True)
        with self._refusals():
            for entry in reader:
                yield entry, self._content(reader)

    def _content(self, reader: LayerReader) -> Iterator[memoryview]:
        with self._refusals():
            yield from reader.content()

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        """What a layer is refused for refuses a package."""
        try:
            yield
        except BrokenPackage:
            raise
        except WhitError as error:
            said = error.message.replace("the layer's", "its").replace("the layer", "it")
            raise BrokenPackage(
                f"{self._name} was refused: {said}", hint="no package of Debian's is like that"
            ) from None


def _refuse_leaving(entry: Entry, name: str) -> None:
    """A symbolic link is followed from where it lies; an absolute one begins at the root."""
    if entry.kind is not Kind.SYMLINK:
        return
    depth = 0 if entry.target.startswith("/") else entry.path.count("/") - 1
    for part in entry.target.split("/"):
        depth += -1 if part == ".." else part not in ("", ".")
        if depth < 0:
            raise BrokenPackage(
                f"{name} was refused: {entry.path} is a link to {entry.target[:200]}, out of the "
                "root",
                hint="no package of Debian's is like that",
            )


class _Window(io.RawIOBase):
    """`size` bytes of a file from `start` on."""

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        super().__init__()
        self._file, self._at, self._end = file, start, start + size

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        left = self._end - self._at
        self._file.seek(self._at)
        data = self._file.read(left if size < 0 else min(size, left))
        self._at += len(data)
        return data


class _Unxz(io.RawIOBase):
    """xz or lzma decompressed, a bounded piece at a time and `limit` bytes in all."""

    def __init__(self, source: _Window, limit: int, name: str) -> None:
        super().__init__()
        self._source, self._left, self._name = source, limit, name
        self._decompressor = lzma.LZMADecompressor(memlimit=_XZ_MEMORY_BYTES)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        wanted = _CHUNK_BYTES if size < 0 else min(size, _CHUNK_BYTES)
        made = b""
        try:
            while not made and not self._decompressor.eof:
                data = self._source.read(_CHUNK_BYTES) if self._decompressor.needs_input else b""
                if self._decompressor.needs_input and not data:
                    raise BrokenPackage(f"{self._name} is a truncated package")
                made = self._decompressor.decompress(data, wanted)
        except (lzma.LZMAError, EOFError) as error:
            raise BrokenPackage(f"{self._name} holds damaged xz data: {error}") from None
        self._left -= len(made)
        if self._left < 0:
            raise BrokenPackage(
                f"{self._name} was refused: it unpacks to more than any honest package would"
            )
        return made
