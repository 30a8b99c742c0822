r"""Where compressed data begins in, what it unpacks to out; fed piece by piece, and bounded.

The rule of the room: a beginning is only a guess. What is no member says so within a few bytes and
costs as little; what is one is followed to its end, whatever lies around it.

    1f 8b 08      gzip        "BZh"            bzip2       fd "7zXZ" 00   xz
    28 b5 2f fd   zstd        "PK" 03 04       zip entry   78 01|5e|9c|da zlib (git objects, PNG)
    "H4sI"        base64 of gzip
"""

import base64
import bz2
import lzma
import struct
import zlib
from collections.abc import Iterator
from typing import Protocol

# What a call of a decompressor may make at once, and what xz and zstd may hold.
OUTPUT_BYTES = 1 << 20
_XZ_BYTES = 96 << 20
_ZSTD_WINDOW_BYTES = 64 << 20
_ZSTD_INPUT_BYTES = 2 << 10
_ZIP_HEADER = struct.Struct("<4sHHHHHIIIHH")
_DEFLATED = 8
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_="
_BREAKS = b" \t\r\n\\"
_URL_FORM = bytes.maketrans(b"-_", b"+/")

# Regular expressions of the multi-pattern search, and what each begins. In zlib's third byte the
# block type is "stored" (00) or 11, an error, for half of all values: those are left out.
MAGICS: tuple[tuple[bytes, str], ...] = (
    (rb"\x1f\x8b\x08", "gzip"),
    (rb"BZh[1-9]1AY&SY", "bzip2"),
    (rb"\xfd7zXZ\x00", "xz"),
    (rb"\x28\xb5\x2f\xfd", "zstd"),
    (rb"PK\x03\x04", "zip"),
    (rb"\x78[\x01\x5e\x9c\xda]", "zlib"),
    (rb"H4sI", "base64 of gzip"),
)


class Over(Exception):
    """The member has ended, or never was one."""


class Member(Protocol):
    """One compressed stream: `feed` gives what a piece of input unpacks to, in bounded pieces.

    Errors: Over, after the last piece.
    """

    def feed(self, data: bytes) -> Iterator[bytes]: ...


def open_member(kind: str) -> Member:
    if kind == "base64 of gzip":
        return _Base64()
    if kind == "zip":
        return _ZipEntry()
    if kind == "zstd":
        return _Zstd()
    if kind in ("bzip2", "xz"):
        return _Pulled(kind)
    return _Inflated(31 if kind == "gzip" else 15)


class _Inflated:
    def __init__(self, window_bits: int) -> None:
        self._member = zlib.decompressobj(wbits=window_bits)

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._member.eof:
                raise Over
            try:
                yield self._member.decompress(data, OUTPUT_BYTES)
            except zlib.error:
                raise Over from None
            data = self._member.unconsumed_tail


class _Pulled:
    """bzip2 and xz share an interface."""

    def __init__(self, kind: str) -> None:
        self._member = (
            bz2.BZ2Decompressor()
            if kind == "bzip2"
            else lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_BYTES)
        )

    def feed(self, data: bytes) -> Iterator[bytes]:
        while True:
            if self._member.eof:
                raise Over
            try:
                yield self._member.decompress(data, OUTPUT_BYTES)
            except (OSError, ValueError, EOFError, lzma.LZMAError, MemoryError):
                raise Over from None
            data = b""
            if self._member.needs_input:
                return


class _Zstd:
    def __init__(self) -> None:
        import zstandard  # noqa: PLC0415 - most scans meet none

        self._error = zstandard.ZstdError
        decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES)
        self._member = decompressor.decompressobj()

    def feed(self, data: bytes) -> Iterator[bytes]:
        for at in range(0, len(data), _ZSTD_INPUT_BYTES):
            if self._member.eof:
                raise Over
            try:
                yield self._member.decompress(data[at : at + _ZSTD_INPUT_BYTES])
            except self._error:
                raise Over from None


class _ZipEntry:
    """The local header says how long the name is; deflated data ends by itself. What is stored
    stands in the clear and was searched already.
    """

    def __init__(self) -> None:
        self._head = b""
        self._data: _Inflated | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        if self._data is None:
            self._head += data
            if len(self._head) < _ZIP_HEADER.size:
                return
            fields = _ZIP_HEADER.unpack_from(self._head)
            flags, method = fields[2], fields[3]
            if method != _DEFLATED or flags & 1:
                raise Over
            begin = _ZIP_HEADER.size + fields[9] + fields[10]
            if len(self._head) < begin:
                return
            data, self._head = self._head[begin:], b""
            self._data = _Inflated(-15)
        yield from self._data.feed(data)


class _Base64:
    """A run of base64, wrapped or not, whose content is a gzip stream."""

    def __init__(self) -> None:
        self._rest = b""
        self._inner = _Inflated(31)

    def feed(self, data: bytes) -> Iterator[bytes]:
        text = data.translate(None, _BREAKS)
        end = len(text) - len(text.lstrip(_BASE64))
        run = self._rest + text[:end].translate(_URL_FORM).rstrip(b"=")
        is_over = end < len(text)
        usable = len(run) if is_over and len(run) % 4 != 1 else len(run) // 4 * 4
        run, self._rest = run[:usable], run[usable:]
        yield from self._inner.feed(base64.b64decode(run + b"=" * (-len(run) % 4)))
        if is_over:
            raise Over
