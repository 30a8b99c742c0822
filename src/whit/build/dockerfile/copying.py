"""Picked sources and a destination in, a layer directory out: COPY, ADD and WORKDIR (a door).

    below   the view that the step starts from, read only
    upper   the layer directory: what is written, and each directory on the way to it

The rules are those of BuildKit's file operations (fsutil's copy): contents of directories go to
the destination, links at the top are followed and those below are kept, a destination directory
that exists keeps its mode and owner, one below it takes the source's.
"""

import os
import stat
from contextlib import suppress

import msgspec

from whit.build.dockerfile.sources import Picked
from whit.dockerfile.modes import changed_mode, is_octal
from whit.errors.dockerfile import CannotCopy
from whit.errors.layer import ContentChanged
from whit.layer.difference import CAPABILITY, capability_of
from whit.layer.stack import Found, Stack

_CHUNK_BYTES = 1 << 20
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_READ_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Manner(msgspec.Struct, frozen=True):
    """How to copy. `owner` and `mode` (the text of --chmod) go over what the source says; a source
    whose files may be shared with the layer `is_settled`: it never changes. `epoch` is the time
    of directories that are made.
    """

    owner: tuple[int, int] | None = None
    mode: str = ""
    is_context: bool = False
    is_settled: bool = False
    epoch: int = 0


class Target:
    """A layer in the making."""

    def __init__(self, upper: str, below: Stack) -> None:
        self._upper, self._below = upper, below
        self._times: dict[str, int] = {}
        self._linked: dict[tuple[int, int], str] = {}

    def finish(self) -> None:
        """Set the times of directories, deepest first: filling them has changed them."""
        for path, time_ns in sorted(self._times.items(), key=lambda item: -item[0].count("/")):
            os.utime(self._upper + path, ns=(time_ns, time_ns))

    # ---- what is there ----------------------------------------------------------------------

    def find(self, path: str) -> Found | None:
        host = self._upper + path
        with suppress(FileNotFoundError, NotADirectoryError):
            return Found(host, os.lstat(host))
        return self._below.find(path)

    def resolve(self, path: str) -> str:
        """`path` with the links of the view below followed; this layer makes none on its way."""
        return self._below.resolve(path)

    def begin_source(self) -> None:
        """What one source links together, it does not link to files of another."""
        self._linked.clear()

    # ---- directories ------------------------------------------------------------------------

    def make_directory(self, path: str, manner: Manner, mode: int = 0o755) -> None:
        """`path` and its parents, where they are missing. Errors: CannotCopy."""
        if path in ("", "/"):
            return
        found = self.find(path)
        if found is None:
            self.make_directory(path.rpartition("/")[0], manner, mode)
            os.mkdir(self._upper + path, 0o700)
            uid, gid = manner.owner or (0, 0)
            os.chown(self._upper + path, uid, gid)
            os.chmod(self._upper + path, mode)
            self._times[path] = manner.epoch * 1_000_000_000
        elif not found.is_directory:
            raise CannotCopy(
                f"cannot copy into {path}: it is no directory",
                hint="name a directory as the destination, or remove the file first",
            )
        else:
            self._take_up(path)

    def date(self, path: str, time_ns: int) -> None:
        """A directory of this layer gets a time, 0 being that of directories that are made."""
        if path != "/":
            self._times[path] = time_ns or self._times[path]

    def _take_up(self, path: str) -> None:
        """Have a directory of the view in this layer, as it is."""
        if path in ("", "/") or os.path.lexists(self._upper + path):
            return
        self._take_up(path.rpartition("/")[0])
        found = self._below.find(path)
        if found is None:
            raise AssertionError("only what is there is taken up")
        os.mkdir(self._upper + path, 0o700)
        self._describe_directory(path, found.status)

    def _describe_directory(self, path: str, status: os.stat_result) -> None:
        host = self._upper + path
        os.chown(host, status.st_uid, status.st_gid)
        os.chmod(host, stat.S_IMODE(status.st_mode))
        self._times[path] = status.st_mtime_ns

    # ---- copying ----------------------------------------------------------------------------

    def copy(self, source: Stack, picked: Picked, destination: str, manner: Manner) -> None:
        """Copy one source. `destination` is absolute; a slash at its end makes it a directory.

        Errors: CannotCopy, ContentChanged.
        """
        # BuildKit makes directories without the bits of setuid, setgid and sticky.
        made_mode = int(manner.mode, 8) & 0o777 if is_octal(manner.mode) else 0o755
        if destination.endswith(("/", "/.")):
            self.make_directory(self.resolve(destination), manner, made_mode)
        else:
            above = self.resolve(destination.rpartition("/")[0] or "/")
            self.make_directory(above, manner, made_mode)
        place = self.resolve(destination)
        there = self.find(place)
        if picked.root:
            place = self._make_kept(source, picked, place, manner)
            there = self.find(place)
        if not picked.found.is_directory:
            if there is not None and there.is_directory:
                place = f"{place.rstrip('/')}/{picked.name}"
            self._copy_file(picked.path, picked.found, place, manner)
            return
        if picked.root:
            place = f"{place.rstrip('/')}/{picked.name}"
            self._copy_directory(picked.found, place, manner)
        else:
            if there is None and place != "/":
                self.make_directory(place, manner, made_mode)
            elif there is not None and not there.is_directory:
                raise _no_directory(place, picked.path)
            self._take_up(place)
            self._times[place] = picked.found.status.st_mtime_ns
        self._copy_below(source, picked.path, place.rstrip("/"), manner)

    def write_file(self, data: bytes, name: str, destination: str, manner: Manner) -> None:
        """A file that exists nowhere else: a heredoc, a download."""
        self.make_directory(
            self.resolve(
                destination
                if destination.endswith(("/", "/."))
                else destination.rpartition("/")[0] or "/"
            ),
            manner,
        )
        place = self.resolve(destination)
        there = self.find(place)
        if there is not None and there.is_directory:
            place = f"{place.rstrip('/')}/{name}"
        self._clear(place, name)
        descriptor = os.open(self._upper + place, _NEW_FILE, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fchown(descriptor, *(manner.owner or (0, 0)))
            mode = changed_mode(manner.mode, 0o644, is_directory=False) if manner.mode else 0o644
            os.fchmod(descriptor, mode)
            os.utime(descriptor, (manner.epoch, manner.epoch))

    def _make_kept(self, source: Stack, picked: Picked, place: str, manner: Manner) -> str:
        """The directories that --parents keeps, as the source has them; one that exists takes its
        mode only.
        """
        self.make_directory(place, manner)
        at = picked.root
        for name in filter(None, picked.above.split("/")):
            place, at = f"{place.rstrip('/')}/{name}", f"{at.rstrip('/')}/{name}"
            origin, there = source.find(at), self.find(place)
            if origin is None:
                continue
            if there is None or not there.is_directory:
                self._copy_directory(origin, place, manner)
            else:
                self._take_up(place)
                os.chmod(self._upper + place, stat.S_IMODE(origin.status.st_mode))
        return place

    def _copy_below(self, source: Stack, path: str, place: str, manner: Manner) -> None:
        prefix = path.rstrip("/")
        for name in source.names(path):
            found = source.find(f"{prefix}/{name}")
            if found is None or stat.S_ISSOCK(found.status.st_mode):
                continue
            if found.is_directory:
                self._copy_directory(found, f"{place}/{name}", manner)
                self._copy_below(source, f"{prefix}/{name}", f"{place}/{name}", manner)
            else:
                self._copy_file(f"{prefix}/{name}", found, f"{place}/{name}", manner)

    def _copy_directory(self, found: Found, place: str, manner: Manner) -> None:
        """One directory without what is in it; where it exists it becomes like the source."""
        there = self.find(place)
        if there is not None and not there.is_directory:
            raise _no_directory(place, found.host)
        self._take_up(place.rpartition("/")[0])
        host = self._upper + place
        if not os.path.lexists(host):
            os.mkdir(host, 0o700)
        self._own(host, found.status, manner, is_directory=True)
        self._times[place] = found.status.st_mtime_ns

    def _copy_file(self, path: str, found: Found, place: str, manner: Manner) -> None:
        """Anything but a directory."""
        self._clear(place, path)
        host, status = self._upper + place, found.status
        key = (status.st_dev, status.st_ino)
        if status.st_nlink > 1 and found.is_file and key in self._linked:
            os.link(self._linked[key], host)
            return
        if found.is_file:
            if manner.is_settled and manner.owner is None and not manner.mode:
                with suppress(OSError):
                    os.link(found.host, host, follow_symlinks=False)
                    return
            _copy_bytes(found, host, path)
        elif found.is_link:
            os.symlink(os.readlink(found.host), host)
        elif stat.S_ISFIFO(status.st_mode):
            os.mkfifo(host)
        else:
            os.mknod(host, status.st_mode, status.st_rdev)
        self._own(host, status, manner, is_directory=False)
        if found.is_file:
            for _, value in capability_of(found.host):
                os.setxattr(host, CAPABILITY, value)
            if status.st_nlink > 1:
                self._linked[key] = host
        times = (status.st_mtime_ns, status.st_mtime_ns)
        os.utime(host, ns=times, follow_symlinks=False)

    def _own(
        self, host: str, status: os.stat_result, manner: Manner, *, is_directory: bool
    ) -> None:
        owner = (0, 0) if manner.is_context else (status.st_uid, status.st_gid)
        os.lchown(host, *(manner.owner or owner))
        if not stat.S_ISLNK(status.st_mode):
            mode = stat.S_IMODE(status.st_mode)
            if manner.mode:
                mode = changed_mode(manner.mode, mode, is_directory=is_directory)
            os.chmod(host, mode)

    def _clear(self, place: str, source: str) -> None:
        """Make way for a file."""
        there = self.find(place)
        if there is not None and there.is_directory:
            raise CannotCopy(
                f"cannot copy the file {source} to {place}: there is a directory",
                hint="end the destination with a slash to copy into the directory",
            )
        self._take_up(place.rpartition("/")[0])
        with suppress(FileNotFoundError):
            os.unlink(self._upper + place)


def _no_directory(place: str, source: str) -> CannotCopy:
    return CannotCopy(
        f"cannot copy the directory {source} to {place}: there is a file",
        hint="name another destination, or remove the file first",
    )


def _copy_bytes(found: Found, host: str, path: str) -> None:
    """The bytes of a regular file, which must be the one that was looked at."""
    source = os.open(found.host, _READ_FILE)
    try:
        target = os.open(host, _NEW_FILE, 0o600)
        try:
            if found.status.st_size > _CHUNK_BYTES:
                with suppress(OSError):  # lets the kernel share blocks where it can
                    while os.copy_file_range(source, target, 1 << 30):
                        pass
            while data := os.read(source, _CHUNK_BYTES):
                view = memoryview(data)
                while view:
                    view = view[os.write(target, view) :]
        finally:
            os.close(target)
        after = os.fstat(source)
        looked_at = (found.status.st_ino, found.status.st_size, found.status.st_mtime_ns)
        if (after.st_ino, after.st_size, after.st_mtime_ns) != looked_at:
            raise ContentChanged(
                f"{path} changed while it was copied", hint="build again once nothing writes to it"
            )
    finally:
        os.close(source)
