"""Content in, a stream of its bytes out. A door: this is where files on the host are opened.

What a tree says about a file was true when it was looked at; here it is checked again while the
bytes flow, because a program that is rebuilt under our hands must not become half of an image.
"""

import hashlib
import io
import os
import stat

from whit.errors import ContentChanged, ContentUnreadable
from whit.model.tree import Bytes, Content, Stored


def open_content(content: Content) -> io.BufferedIOBase:
    """A stream of exactly `content.size` bytes; close it after use.

    Errors: ContentUnreadable when the file is gone, no regular file or not readable;
    ContentChanged when its size, or at the end its digest, is not what the tree says.
    """
    if isinstance(content, Bytes):
        return io.BytesIO(content.data)
    return _StoredStream(content)


class _StoredStream(io.BufferedIOBase):
    """Reads one slice of a file, hashing on the way; the last read compares."""

    def __init__(self, content: Stored) -> None:
        self._content = content
        self._left = content.size
        self._hash = hashlib.sha256()
        try:
            # O_NONBLOCK: opening a FIFO must not wait for a writer; regular files ignore it.
            descriptor = os.open(content.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except (OSError, ValueError) as error:
            raise ContentUnreadable(
                f"cannot read {content.path}: {getattr(error, 'strerror', error)}",
                hint="the file was there when the plan was made; build again",
            ) from None
        self._file = os.fdopen(descriptor, "rb", buffering=0)
        try:
            self._check_file()
        except BaseException:
            self._file.close()
            raise

    def _check_file(self) -> None:
        content, found = self._content, os.fstat(self._file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise ContentUnreadable(
                f"{content.path} is no regular file", hint="only regular files have content"
            )
        end = content.offset + content.size
        if found.st_size < end or (content.offset == 0 and found.st_size != end):
            raise self._changed(f"it has {found.st_size} bytes where {end} were expected")
        if content.offset:
            self._file.seek(content.offset)
        if not content.size:
            self._finish()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        with memoryview(buffer) as view, view[: min(len(view), self._left)] as wanted:
            if not len(wanted):
                return 0
            try:
                count = self._file.readinto(wanted) or 0
            except OSError as error:
                raise ContentUnreadable(
                    f"cannot read {self._content.path}: {error.strerror}"
                ) from error
            if not count:
                raise self._changed("it became shorter")
            self._hash.update(wanted[:count])
        self._left -= count
        if not self._left:
            self._finish()
        return count

    def read(self, size: int | None = -1, /) -> bytes:
        wanted = self._left if size is None or size < 0 else min(size, self._left)
        buffer = bytearray(wanted)
        filled = 0
        while filled < wanted:
            with memoryview(buffer) as view:
                filled += self.readinto(view[filled:])
        return bytes(buffer)

    def read1(self, size: int = -1, /) -> bytes:
        return self.read(size)

    def close(self) -> None:
        if hasattr(self, "_file"):
            self._file.close()
        super().close()

    def _finish(self) -> None:
        if "sha256:" + self._hash.hexdigest() != self._content.digest:
            raise self._changed("its bytes are not those that were looked at")

    def _changed(self, how: str) -> ContentChanged:
        return ContentChanged(
            f"{self._content.path} changed while the image was made: {how}",
            hint="build again once nothing writes to it",
        )
