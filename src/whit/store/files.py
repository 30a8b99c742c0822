"""The store's directory: whole files by rename, locks, and the errors of a disk that refuses.

    STORE/oci-layout, index.json, blobs/sha256/   an OCI layout, which other tools can open
    STORE/partial/<pid>-<n>                       what is being written, locked by its writer
    STORE/partial/<hex>                           what has come of a blob from elsewhere
    STORE/steps/<key>                             what earlier builds found out
    STORE/locks/index                             held while index.json is replaced
    STORE/locks/use                               shared by builds, exclusive to prune

A writer that is killed leaves at most a file in partial/ that nobody has locked: the next writer
removes it. Nothing is synced to the disk: after a power cut a blob may be torn, and reading it
says so, since every read compares digests.
"""

import errno
import fcntl
import itertools
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

from whit.errors import WhitError
from whit.errors.images import StoreFull, StoreUnwritable

DIRECTORIES = ("blobs/sha256", "partial", "steps", "locks")
OWN_NAMES = frozenset({"oci-layout", "index.json", "blobs", "partial", "steps", "locks"})

# How long half a blob waits for the pull that completes it.
RESUME_SECONDS = 86_400
_NUMBERS = itertools.count()  # with the process id: a name no other writer has


def refusal(directory: str, error: OSError, what: str = "store") -> WhitError:
    """Say what an OSError means for whoever wanted to write into the store, or the `cache`."""
    variable = f"WHIT_{what.upper()}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreFull(
            f"the disk under the {what} {directory} is full",
            hint="free some space (`whit images --prune` removes what no name points to), "
            f"or name another place with {variable}",
        )
    reason = error.strerror or str(error)
    at = f" ({error.filename})" if isinstance(error.filename, str) else ""
    return StoreUnwritable(
        f"cannot write the {what} {directory}: {reason}{at}",
        hint=f"name a directory that you can write with {variable}",
    )


@contextmanager
def writing(directory: str, what: str = "store") -> Iterator[None]:
    """Turn every OSError inside into StoreFull or StoreUnwritable."""
    try:
        yield
    except OSError as error:
        raise refusal(directory, error, what) from error


@contextmanager
def locked(path: str, operation: int = fcntl.LOCK_EX) -> Iterator[int]:
    """Hold a lock on the file `path`. With LOCK_NB: BlockingIOError when it is taken."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(descriptor, operation)
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def partial_file(directory: str) -> Iterator[tuple[BinaryIO, str]]:
    """A new file that is gone afterwards, unless it was renamed to where it belongs."""
    path = f"{directory}/partial/{os.getpid()}-{next(_NUMBERS)}"
    descriptor = -1
    while descriptor < 0:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if not os.fstat(descriptor).st_nlink:  # swept between open and flock
            os.close(descriptor)
            descriptor = -1
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file, path
    finally:
        with suppress(FileNotFoundError):
            os.unlink(path)


def settle(file: BinaryIO, partial: str, final: str) -> None:
    """Give a partial file its final name, once all its bytes have left this process."""
    file.flush()
    os.rename(partial, final)


def sweep(directory: str) -> int:
    """Remove what killed writers left behind; how many bytes that freed."""
    freed = 0
    for entry in os.scandir(f"{directory}/partial"):
        try:
            if len(entry.name) == 64 and entry.stat().st_mtime > time.time() - RESUME_SECONDS:
                continue  # the next pull goes on from there
            with locked(entry.path, fcntl.LOCK_EX | fcntl.LOCK_NB) as descriptor:
                freed += os.fstat(descriptor).st_size
                os.unlink(entry.path)
        except OSError:
            continue  # its writer lives, or another sweeper was faster
    return freed
