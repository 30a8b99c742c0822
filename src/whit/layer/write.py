"""A Tree in, the bytes of a layer out, and a Layer that says what they are.

One pass: each block of the tar is read, hashed, compressed and hashed again while it is held, so
memory does not grow with the tree. Equal trees give equal bytes: order, times and owners come
from the tree, nothing from the host.
"""

import hashlib
from typing import BinaryIO

from whit.layer.compress import Earlier, compressor_name, make_compressor
from whit.layer.content import open_content
from whit.layer.header import END_OF_TAR, header_of, padding, whiteout_header
from whit.model.image import Compression, Layer
from whit.model.names import Digest
from whit.model.tree import File, Link, Tree


def write_layer(
    tree: Tree,
    compression: Compression,
    out: BinaryIO,
    comment: str = "",
    removed: tuple[str, ...] = (),
    earlier: Earlier | None = None,
) -> Layer:
    """Write `tree` to `out`, and a whiteout for each path of lower layers that is `removed`. The
    bytes are the same with and without the parts of an `earlier` layer.

    Errors: UnwritableNode, ContentUnreadable, ContentChanged.

    An OSError comes from `out`; it is the caller's to name. After any error what `out` holds is
    worth nothing.
    """
    entries = _entries_of(tree, removed)
    tar_bytes = len(END_OF_TAR) + sum(len(header) + _padded(file) for header, file in entries)
    stream = _Stream(compression, tar_bytes, out, earlier)
    try:
        for header, file in entries:
            stream.write(header)
            if file is not None:
                stream.copy(file)
        stream.write(END_OF_TAR)
        stream.finish()
    finally:
        stream.close()
    return Layer(
        media_type=compression.format.media_type,
        digest=Digest("sha256:" + stream.blob_hash.hexdigest()),
        size=stream.blob_bytes,
        diff_id=Digest("sha256:" + stream.tar_hash.hexdigest()),
        tar_bytes=tar_bytes,
        file_bytes=tree.file_bytes,
        file_count=tree.file_count,
        compressor=stream.compressor.name,
        comment=comment,
    )


def layer_inputs(
    tree: Tree, compression: Compression, removed: tuple[str, ...] = ()
) -> tuple[bytes, ...]:
    """Everything the bytes of `write_layer` depend on, without reading a file: a key's parts."""
    parts: list[bytes] = [compression.format.encode()]
    tar_bytes = len(END_OF_TAR)
    for header, file in _entries_of(tree, removed):
        parts.append(header)
        tar_bytes += len(header) + _padded(file)
        if file is not None:
            parts.append(_digest_of(file).encode())
    return (compressor_name(compression, tar_bytes).encode(), *parts)


def _entries_of(tree: Tree, removed: tuple[str, ...]) -> list[tuple[bytes, File | None]]:
    """Headers in writing order: hard links last, since a reader must have met their target."""
    known = tree.as_dict()
    first: list[tuple[bytes, File | None]] = []
    last: list[tuple[bytes, File | None]] = []
    for path, node in tree:
        if isinstance(node, Link) and node.is_hard:
            target = known.get(node.target)
            linked = target if isinstance(target, File) else None
            last.append((header_of(path, node, linked), None))
        else:
            first.append((header_of(path, node), node if isinstance(node, File) else None))
    gone: list[tuple[bytes, File | None]] = [(whiteout_header(path), None) for path in removed]
    return first + gone + last


def _padded(file: File | None) -> int:
    return file.content.size + padding(file.content.size) if file is not None else 0


def _digest_of(file: File) -> str:
    content = file.content
    data = getattr(content, "data", None)
    return hashlib.sha256(data).hexdigest() if data is not None else content.digest  # type: ignore[union-attr]


class _Stream:
    """Cuts the tar into the compressor's blocks; hashes both sides."""

    def __init__(
        self, compression: Compression, tar_bytes: int, out: BinaryIO, earlier: Earlier | None
    ) -> None:
        self.tar_hash, self.blob_hash = hashlib.sha256(), hashlib.sha256()
        self.blob_bytes = 0
        self._out = out
        self._left = tar_bytes
        self.compressor = make_compressor(compression, tar_bytes, self._sink, earlier)
        self._start()

    def write(self, data: bytes) -> None:
        at = 0
        while at < len(data):
            count = min(len(data) - at, len(self._block) - self._filled)
            self._block[self._filled : self._filled + count] = data[at : at + count]
            self._advance(count)
            at += count

    def copy(self, file: File) -> None:
        left = file.content.size
        with open_content(file.content) as source:
            while left:
                end = min(len(self._block), self._filled + left)
                with memoryview(self._block) as view, view[self._filled : end] as free:
                    count = source.readinto(free)
                left -= count
                self._advance(count)
        self.write(bytes(padding(file.content.size)))

    def finish(self) -> None:
        if self._filled or self._left:
            raise AssertionError("the tar is not as long as was computed")
        self.compressor.finish()

    def close(self) -> None:
        self.compressor.close()

    def _start(self) -> None:
        self._block = bytearray(min(self.compressor.block_bytes, self._left))
        self._filled = 0

    def _advance(self, count: int) -> None:
        self._filled += count
        if self._filled == len(self._block):
            self.tar_hash.update(self._block)
            self._left -= self._filled
            self.compressor.write(self._block)
            self._start()

    def _sink(self, made: bytes | bytearray) -> None:
        self.blob_hash.update(made)
        self.blob_bytes += len(made)
        self._out.write(made)
