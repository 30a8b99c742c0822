"""A layer blob in, the bytes of its tar out, whatever compressed it; bounded and counted.

The rule of the room: a megabyte from outside must not become a terabyte inside. Output is made
in pieces of bounded size, its total and its ratio to the input are checked after each, and an
input that stops in the middle is an error, not an end.
"""

import hashlib
import zlib
from collections.abc import Iterator
from typing import BinaryIO

import msgspec

from whit.errors.layer import BrokenLayer, LayerTooLarge
from whit.model.names import Digest

_GZIP_MAGIC, _ZSTD_MAGIC = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_INPUT_BYTES = 1 << 18
_OUTPUT_BYTES = 1 << 20
# A zstd block of 4 bytes can stand for 128 KiB, and the decompressor returns all that one call
# makes: 2 KiB of input bound that to 64 MiB.
_ZSTD_INPUT_BYTES = 2 << 10
# zstd -19 uses 8 MiB, --ultra -22 128 MiB: RFC 8878 asks readers for 8 MiB at least.
_ZSTD_WINDOW_BYTES = 1 << 27


class Limits(msgspec.Struct, frozen=True):
    """What a layer may cost its reader.

    `ratio` counts once `free_bytes` came out: a short run of zeros may compress well. `held_bytes`
    bounds contents that are kept in memory.
    """

    tar_bytes: int = 16 << 30
    entries: int = 1_000_000
    extended_bytes: int = 1 << 20
    ratio: int = 400
    free_bytes: int = 128 << 20
    held_bytes: int = 256 << 20


class TarBytes:
    """The decompressed stream: exact reads, with both digests known at the end."""

    def __init__(self, stream: BinaryIO, limits: Limits, *, is_hashed: bool = True) -> None:
        """Who asks for no digests need not wait for them."""
        self.limits = limits
        self._is_hashed = is_hashed
        self.blob_bytes = self.tar_bytes = 0
        self.position = 0  # how much of the tar was handed out
        self._blob_hash, self._tar_hash = hashlib.sha256(), hashlib.sha256()
        self._stream = stream
        self._pieces = self._decompressed()
        self._rest = memoryview(b"")

    @property
    def blob_digest(self) -> Digest:
        return Digest("sha256:" + self._blob_hash.hexdigest())

    @property
    def tar_digest(self) -> Digest:
        return Digest("sha256:" + self._tar_hash.hexdigest())

    def pieces(self, size: int) -> Iterator[memoryview]:
        """The next `size` bytes, in pieces. Errors: BrokenLayer when the tar ends before."""
        while size:
            piece = self._piece(size)
            if not piece:
                raise BrokenLayer("the layer is truncated", hint="fetch or build it again")
            size -= len(piece)
            yield piece

    def skip(self, size: int) -> None:
        """As `pieces`, unread."""
        if size <= len(self._rest):
            self._rest = self._rest[size:]
            self.position += size
            return
        for _ in self.pieces(size):
            pass

    def read(self, size: int) -> bytes:
        return b"".join(self.pieces(size))

    def read_block(self, size: int) -> bytes:
        """`size` bytes, or none at the very end."""
        first = self._piece(size)
        if len(first) in (0, size):
            return bytes(first)
        return bytes(first) + self.read(size - len(first))

    def read_some(self, most: int) -> memoryview:
        """What comes next, up to `most` bytes; none at the very end."""
        return self._piece(most)

    def drain(self) -> None:
        """Read to the end, so that counts and digests are those of the whole."""
        while self._piece(_OUTPUT_BYTES):
            pass

    def _piece(self, most: int) -> memoryview:
        while not len(self._rest):
            made = next(self._pieces, None)
            if made is None:
                return self._rest
            self._count(made)
        piece, self._rest = self._rest[:most], self._rest[most:]
        self.position += len(piece)
        return piece

    def _count(self, made: bytes) -> None:
        self._rest = memoryview(made)
        if self._is_hashed:
            self._tar_hash.update(made)
        self.tar_bytes += len(made)
        limits = self.limits
        if self.tar_bytes > limits.tar_bytes:
            raise LayerTooLarge(f"the layer unpacks to more than {limits.tar_bytes} bytes")
        if self.tar_bytes > max(limits.free_bytes, self.blob_bytes * limits.ratio):
            raise LayerTooLarge(
                f"the layer looks like a bomb: {self.blob_bytes} bytes unpack to {self.tar_bytes}",
                hint="no honest program compresses that well; do not use this image",
            )

    def _input(self, size: int) -> bytes:
        data = self._stream.read(size)
        if self._is_hashed:
            self._blob_hash.update(data)
        self.blob_bytes += len(data)
        return data

    def _decompressed(self) -> Iterator[bytes]:
        head = self._input(_ZSTD_INPUT_BYTES)
        if head.startswith(_GZIP_MAGIC):
            return self._gunzipped(head)
        if head.startswith(_ZSTD_MAGIC):
            return self._unzstd(head)
        return self._plain(head)

    def _plain(self, data: bytes) -> Iterator[bytes]:
        while data:
            yield data
            data = self._input(_INPUT_BYTES)

    def _gunzipped(self, data: bytes) -> Iterator[bytes]:
        """RFC 1952 members, one after the other; zero bytes may pad the end."""
        while data.startswith(_GZIP_MAGIC[: len(data)]) and data:
            member = zlib.decompressobj(wbits=31)
            while not member.eof:
                try:
                    made = member.decompress(data, _OUTPUT_BYTES)
                except zlib.error as error:
                    raise BrokenLayer(f"the layer's gzip data is damaged: {error}") from None
                if made:
                    yield made
                data = member.unconsumed_tail
                if not data and not member.eof:
                    data = self._input(_INPUT_BYTES)
                    if not data:
                        raise BrokenLayer("the layer's gzip data is truncated")
            data = member.unused_data or self._input(_INPUT_BYTES)
            if len(data) < len(_GZIP_MAGIC):
                data += self._input(_INPUT_BYTES)
        while data:
            if data.strip(b"\0"):
                raise BrokenLayer("something that is no gzip data follows the layer's gzip data")
            data = self._input(_INPUT_BYTES)

    def _unzstd(self, data: bytes) -> Iterator[bytes]:
        """RFC 8878 frames, one after the other."""
        import zstandard  # noqa: PLC0415

        decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES)
        while data:
            frame = decompressor.decompressobj()
            while not frame.eof:
                try:
                    made = frame.decompress(data)
                except zstandard.ZstdError as error:
                    raise BrokenLayer(f"the layer's zstd data is damaged: {error}") from None
                if made:
                    yield made
                data = frame.unused_data
                if not frame.eof:
                    data = self._input(_ZSTD_INPUT_BYTES)
                    if not data:
                        raise BrokenLayer("the layer's zstd data is truncated")
            data = data or self._input(_ZSTD_INPUT_BYTES)
