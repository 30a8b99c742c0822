"""Content in, a stream of its bytes out. A door: this is where files on the host are opened.

What a tree says about a file was true when it was looked at; here it is checked again while the
bytes flow, because a program that is rebuilt under our hands must not become half of an image.
"""

import hashlib
import io
import os
import stat
from collections.abc import Callable

from whit.errors import WhitError
from whit.errors.layer import ContentChanged, ContentUnreadable
from whit.model.tree import Bytes, Content, Stored


def open_content(content: Content) -> io.BufferedIOBase:
    """A stream of exactly `content.size` bytes; close it after use.

    Errors: ContentUnreadable when the file is gone, no regular file or not readable;
    ContentChanged when its size, or at the end its digest, is not what the tree says.
    """
    if isinstance(content, Bytes):
        return io.BytesIO(content.data)
    return CheckedStream(content, _unreadable, _changed)


def _unreadable(path: str, why: str) -> WhitError:
    return ContentUnreadable(
        f"cannot read {path}: {why}",
        hint="the file was there when the plan was made; build again",
    )


def _changed(path: str, how: str) -> WhitError:
    return ContentChanged(
        f"{path} changed while the image was made: {how}",
        hint="build again once nothing writes to it",
    )


# What a failure is depends on whose file it is: (path, why) -> the error to raise.
Blame = Callable[[str, str], WhitError]


class CheckedStream(io.BufferedIOBase):
    """One slice of a file, hashed on the way. The read that reaches the end compares digests, so
    that whoever reads all bytes without an error has the right ones.
    """

    def __init__(self, content: Stored, unreadable: Blame, changed: Blame) -> None:
        self._content, self._unreadable, self._changed = content, unreadable, changed
        self._left = content.size
        self._hash = hashlib.sha256()
        try:
            # O_NONBLOCK: opening a FIFO must not wait for a writer; regular files ignore it.
            descriptor = os.open(content.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except (OSError, ValueError) as error:
            raise unreadable(content.path, getattr(error, "strerror", None) or str(error)) from None
        try:
            self._check_file(descriptor)
            self._file = os.fdopen(descriptor, "rb", buffering=0)
        except BaseException:
            os.close(descriptor)
            raise
        if not content.size:
            try:
                self._finish()
            except BaseException:
                self._file.close()
                raise

    def _check_file(self, descriptor: int) -> None:
        content, found = self._content, os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise self._unreadable(content.path, "it is no regular file")
        end = content.offset + content.size
        if found.st_size < end or (content.offset == 0 and found.st_size != end):
            how = f"it has {found.st_size} bytes where {end} were expected"
            raise self._changed(content.path, how)
        if content.offset:
            os.lseek(descriptor, content.offset, os.SEEK_SET)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        with memoryview(buffer) as view, view[: min(len(view), self._left)] as wanted:
            if not len(wanted):
                return 0
            try:
                count = self._file.readinto(wanted) or 0
            except OSError as error:
                raise self._unreadable(self._content.path, error.strerror or "") from error
            if not count:
                raise self._changed(self._content.path, "it became shorter")
            self._hash.update(wanted[:count])
        self._left -= count
        if not self._left:
            self._finish()
        return count

    def read(self, size: int | None = -1, /) -> bytes:
        wanted = self._left if size is None or size < 0 else min(size, self._left)
        buffer = bytearray(wanted)
        with memoryview(buffer) as view:
            filled = 0
            while filled < wanted:
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
            raise self._changed(self._content.path, "its bytes are not those that were looked at")
