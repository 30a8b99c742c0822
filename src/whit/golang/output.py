"""A recipe in, the place where Go leaves its programs out: the same place each time.

<cache>/out/<key>/
    lock          held while Go writes, by Go too
    begun         touched before each build: what is older was not made by this one
    bin/          where Go writes; kept, because the linker leaves an unchanged program alone
                  only where it finds the last one
    kept/<digest>/<name>   a hard link to each program, which no later build replaces
"""

import errno
import mmap
import os
from hashlib import sha256
from time import time

import msgspec

from whit.errors import WhitError
from whit.errors.golang import BuildSpaceFull, CacheUnwritable, GoStopped
from whit.golang.headstart import HeadStart
from whit.golang.places import open_locked
from whit.model.names import Digest, digest_of
from whit.model.program import Recipe

# How long a program stays after a later build replaced it; long enough for whoever reads it.
KEEP_SECONDS = 3600


class Made(msgspec.Struct, frozen=True):
    """A program that a build left: where its bytes stay, under which name and digest."""

    path: str
    name: str
    digest: Digest
    size_bytes: int


class OutputPlace:
    """The place of one recipe, locked until `close`."""

    __slots__ = ("_begun_nanoseconds", "lock", "root")

    def __init__(self, recipe: Recipe, cache: str, head: HeadStart | None = None) -> None:
        """Raises CacheUnwritable, BuildSpaceFull. Waits while another build has the lock."""
        same = msgspec.structs.replace(recipe, offline=False)
        self.root = os.path.join(
            cache, "out", sha256(msgspec.msgpack.encode(same)).hexdigest()[:32]
        )
        self.lock = -1
        try:
            place = head.take_place(self.root) if head else None
            self.lock, self._begun_nanoseconds = place or open_locked(self.root, waits=True)
        except OSError as error:
            self.close()
            raise cache_trouble(error, cache) from error

    @property
    def bin(self) -> str:
        return os.path.join(self.root, "bin")

    def collect(self) -> tuple[Made, ...]:
        """The programs that Go made or confirmed since `begun`, by name."""
        made = []
        try:
            for entry in sorted(self._executables(self.bin), key=lambda entry: entry.name):
                status = entry.stat(follow_symlinks=False)
                # Go sets the time of a program that it finds up to date to now.
                if status.st_mtime_ns >= self._begun_nanoseconds:
                    made.append(self._keep(entry.path, entry.name))
                else:
                    os.unlink(entry.path)
            self._forget({program.digest for program in made})
        except OSError as error:
            raise cache_trouble(error, self.root) from error
        return tuple(made)

    def close(self) -> None:
        if self.lock >= 0:
            os.close(self.lock)
            self.lock = -1

    def _executables(self, directory: str) -> list["os.DirEntry[str]"]:
        found = []
        with os.scandir(directory) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):  # go install: bin/linux_arm64/
                    found += self._executables(entry.path)
                elif entry.is_file(follow_symlinks=False):
                    found.append(entry)
        return found

    def _keep(self, path: str, name: str) -> Made:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            size = os.fstat(descriptor).st_size
            if not size:
                raise GoStopped(f"Go left {path} empty", hint="build again")
            with mmap.mmap(descriptor, size, prot=mmap.PROT_READ) as data:
                digest = digest_of(data)  # type: ignore[arg-type]
        finally:
            os.close(descriptor)
        directory = os.path.join(self.root, "kept", digest.partition(":")[2])
        kept = os.path.join(directory, name)
        try:
            os.makedirs(directory, exist_ok=True)
            if not (os.path.exists(kept) and os.path.samefile(path, kept)):
                fresh = f"{kept}.new"
                if os.path.lexists(fresh):
                    os.unlink(fresh)
                os.link(path, fresh)
                os.rename(fresh, kept)
            os.utime(directory)
        except PermissionError:
            kept = path  # a file system without hard links
        return Made(kept, name, digest, size)

    def _forget(self, wanted: set[Digest]) -> None:
        """Remove what no build of the last hour has given."""
        place = os.path.join(self.root, "kept")
        if not os.path.isdir(place):
            return
        before = time() - KEEP_SECONDS
        with os.scandir(place) as entries:
            for entry in entries:
                if f"sha256:{entry.name}" in wanted or entry.stat().st_mtime > before:
                    continue
                for name in os.listdir(entry.path):
                    os.unlink(os.path.join(entry.path, name))
                os.rmdir(entry.path)


def cache_trouble(error: OSError, place: str) -> WhitError:
    """The error for a cache that refuses to be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return BuildSpaceFull(
            f"the disk is full under {place}", hint="free space, or point WHIT_CACHE elsewhere"
        )
    return CacheUnwritable(
        f"whit's cache cannot be written: {error.strerror}: {error.filename or place}",
        hint="make it writable, or point WHIT_CACHE at a directory that is",
    )
