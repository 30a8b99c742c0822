"""Keys in, unpacked layers out: directories in overlayfs's own form that never change again.

    DIR/<id>/fs         the layer's files
    DIR/<id>/note       the whole key, and what it was made from, for people
    DIR/<id>/next       the id of the snapshot that was made later under the same key
    DIR/draft-<pid>-<n> what is being made, its `lock` held by its maker

A snapshot gets its name when it is complete. A maker that is killed leaves a draft that nobody
has locked: the next one removes it. Names are short, since all lower directories of a mount have
to fit on one page of memory.
"""

import fcntl
import itertools
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import msgspec

from whit.store.files import writing

_ID_DIGITS = 20
_NUMBERS = itertools.count()


class Draft(msgspec.Struct, frozen=True):
    """A snapshot in the making. `files` is empty at first; `work` is overlayfs's own."""

    path: str

    @property
    def files(self) -> str:
        return f"{self.path}/fs"

    @property
    def work(self) -> str:
        return f"{self.path}/work"


class Snapshots:
    """The snapshots at a directory, which is made. Several processes may use it at once."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        with writing(directory, "cache"):
            os.makedirs(directory, mode=0o700, exist_ok=True)
            self._sweep()

    def find(self, key: str) -> str | None:
        """The files of the snapshot `key`, and a note that it was used; None without one."""
        place = f"{self.directory}/{key[:_ID_DIGITS]}"
        try:
            with open(f"{place}/note", encoding="utf-8") as file:
                if file.readline().strip() != key:
                    return None
            os.utime(place)
            later = _later(place)
            if later:
                place = f"{self.directory}/{later}"
                os.utime(place)
        except OSError:
            return None
        return f"{place}/fs"

    @contextmanager
    def draft(self) -> Iterator[Draft]:
        """A place to make a snapshot in; gone afterwards unless `settle` was called."""
        place = f"{self.directory}/draft-{os.getpid()}-{next(_NUMBERS)}"
        with writing(self.directory, "cache"):
            os.mkdir(place, 0o700)
            lock = os.open(f"{place}/lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)
            os.mkdir(f"{place}/fs", 0o755)
            os.chmod(f"{place}/fs", 0o755)  # noqa: S103 - it becomes a root directory
            os.mkdir(f"{place}/work", 0o700)
        try:
            yield Draft(place)
        finally:
            os.close(lock)
            remove(place)

    def settle(self, draft: Draft, key: str, said: str = "", *, replaces: bool = False) -> str:
        """Make the draft the snapshot `key`; its files. Another maker may have been faster: then
        its snapshot is taken, or with `replaces` stands back. It stays where it is, since builds
        that found it may stand on it.
        """
        final = f"{self.directory}/{key[:_ID_DIGITS]}"
        with writing(self.directory, "cache"):
            remove(draft.work)
            with open(f"{draft.path}/note", "w", encoding="utf-8", errors="replace") as file:
                file.write(f"{key}\n{said}\n")
            with suppress(FileNotFoundError):
                os.unlink(f"{draft.path}/lock")
            try:
                os.rename(draft.path, final)
            except OSError:
                found = self.find(key)
                if found is None:
                    remove(final)  # the same short name under another key, or damaged
                    os.rename(draft.path, final)
                elif replaces:
                    return self._replace(draft, final)
                else:
                    return found
        return f"{final}/fs"

    def _replace(self, draft: Draft, first: str) -> str:
        name = os.urandom(_ID_DIGITS // 2).hex()
        os.rename(draft.path, f"{self.directory}/{name}")
        with open(f"{first}/next-{name}", "w", encoding="ascii") as file:
            file.write(name)
        os.rename(f"{first}/next-{name}", f"{first}/next")
        return f"{self.directory}/{name}/fs"

    def _sweep(self) -> None:
        for entry in os.scandir(self.directory):
            if entry.name.startswith("draft-") and _is_dead(entry.path):
                remove(entry.path)


def _later(place: str) -> str:
    """The id of the snapshot that replaced the one at `place`."""
    try:
        with open(f"{place}/next", encoding="ascii") as file:
            return file.read(_ID_DIGITS)
    except FileNotFoundError:
        return ""


def size_of(directory: str) -> int:
    """Bytes on the disk below a directory, each inode once."""
    seen: dict[int, int] = {}
    for place, _, names in os.walk(directory):
        for name in names:
            with suppress(OSError):
                status = os.lstat(f"{place}/{name}")
                seen[status.st_ino] = status.st_blocks * 512
    return sum(seen.values())


def remove(path: str) -> None:
    """Remove a tree, read-only directories too; links are not followed."""
    with suppress(FileNotFoundError):
        shutil.rmtree(path)
        return
    if os.path.lexists(path):
        shutil.rmtree(path, ignore_errors=True)


def _is_dead(place: str) -> bool:
    """Whether nobody holds its lock; one that is younger than its lock is given time."""
    try:
        descriptor = os.open(f"{place}/lock", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        with suppress(OSError):
            return os.lstat(place).st_mtime < time.time() - 60
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
