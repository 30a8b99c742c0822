"""Bytes from elsewhere in, a blob of the store out: checked as they pass, kept when they break off.

    STORE/partial/<hex>    what has come of the blob with this digest, locked by who receives it

Another process that wants the same blob waits for the lock and then finds the blob.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager

from whit.errors.registry import BadAnswer
from whit.model.names import Digest
from whit.oci.layout import blob_path
from whit.store.files import writing

_CHUNK_BYTES = 1 << 20


class Receiver:
    """A blob that is being received; `offset` bytes of it are there."""

    def __init__(self, descriptor: int, digest: Digest, size: int) -> None:
        self._descriptor, self._digest, self._size = descriptor, digest, size
        self._hash = hashlib.sha256()
        self.offset = 0

    def resume(self) -> None:
        """Take up what an earlier receiver left."""
        if os.fstat(self._descriptor).st_size > self._size:
            os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        while data := os.read(self._descriptor, _CHUNK_BYTES):
            self._hash.update(data)
            self.offset += len(data)

    def write(self, data: memoryview) -> int:
        self._hash.update(data)
        done = 0
        while done < len(data):
            done += os.write(self._descriptor, data[done:])
        self.offset += done
        return done

    def restart(self) -> None:
        """Forget what has come: the other side cannot go on from there."""
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        self._hash = hashlib.sha256()
        self.offset = 0

    @property
    def is_right(self) -> bool:
        return self.offset == self._size and f"sha256:{self._hash.hexdigest()}" == self._digest


@contextmanager
def incoming(directory: str, digest: Digest, size: int) -> Iterator[Receiver]:
    """A Receiver whose bytes become the blob `digest` at the end.

    When the caller fails, what has come is kept for the next try. Errors: BadAnswer when the
    bytes are not the digest's (they are thrown away); StoreFull, StoreUnwritable.
    """
    with writing(directory):
        yield from _incoming(directory, digest, size)


def _incoming(directory: str, digest: Digest, size: int) -> Iterator[Receiver]:
    final, path = blob_path(directory, digest), f"{directory}/partial/{digest[7:]}"
    descriptor = _open_locked(path)
    try:
        if os.path.isfile(final) and os.stat(final).st_size == size:
            yield _Finished(size)
            return
        receiver = Receiver(descriptor, digest, size)
        receiver.resume()
        yield receiver
        if not receiver.is_right:
            os.unlink(path)
            raise BadAnswer(
                f"the blob {digest} came with other bytes than its digest says",
                hint="do not trust where it came from; nothing of it was kept",
            )
        os.rename(path, final)
    finally:
        if os.path.lexists(path) and not os.fstat(descriptor).st_size:
            os.unlink(path)
        os.close(descriptor)


class _Finished(Receiver):
    """Another process brought the blob while this one waited."""

    def __init__(self, size: int) -> None:
        super().__init__(-1, Digest(""), size)
        self.offset = size


def _open_locked(path: str) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        try:
            if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                return descriptor
        except FileNotFoundError:
            pass  # renamed or swept between open and flock
        os.close(descriptor)
