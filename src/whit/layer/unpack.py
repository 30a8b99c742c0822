"""Layer blobs in, a root file system on the host out. A door.

The rule of the room: nothing is ever opened by a path that the layer could have bent. Each
component is opened relative to the directory above it, without following links; a link on the way
is resolved here, as a process inside the root would see it, so `..` and absolute targets end at
the root. What stands in the way is replaced, never written through.

Owners are set when the caller is root of more than itself, and left alone otherwise. Directories
stay writable until `finish`, so that an unprivileged caller can fill a directory that ends up
read-only. Set-user-id bits are kept: unpack only below a directory that other users cannot enter.
"""

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO, Self

from whit.errors.layer import CannotUnpack, HostileLayer
from whit.layer.inflate import Limits
from whit.layer.read import DEFAULT_LIMITS, Entry, Kind, LayerReader
from whit.model.tree import parents_of

_OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_MAX_HOPS = 40  # links on one path, as in Linux (path_resolution(7))
_BUSY_MODE = 0o700


def may_give_away() -> bool:
    """Whether files can belong to others: root can do that, except of a namespace of one id."""
    if os.geteuid():
        return False
    try:
        with open("/proc/self/uid_map", encoding="ascii") as file:
            rows = [line.split() for line in file]
    except OSError:
        return True
    return sum(int(row[2]) for row in rows) != 1


def unpack_layers(
    layers: Iterable[BinaryIO], root: str | os.PathLike[str], limits: Limits = DEFAULT_LIMITS
) -> dict[str, tuple[int, int]]:
    """Unpack layers, lowest first, into the existing directory `root`. What is returned is whose
    each path is (uid, gid) that is not root's, where this host cannot give it away.

    Errors: BrokenLayer, HostileLayer, LayerTooLarge; CannotUnpack when the host refuses.
    """
    with Unpacker(root) as unpacker:
        for layer in layers:
            unpacker.add(layer, limits)
        unpacker.finish()
        return unpacker.owners


def unpack_layer(
    stream: BinaryIO, root: str | os.PathLike[str], limits: Limits = DEFAULT_LIMITS
) -> None:
    """Unpack one layer; see `unpack_layers`."""
    unpack_layers((stream,), root, limits)


class Unpacker:
    """An open root. Directories get their modes and times with `finish`."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self._place = os.fspath(root)
        with self._refusals():
            self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._is_root = may_give_away()
        self._directories: dict[str, Entry] = {}
        self._last: tuple[str, int] | None = None
        self.owners: dict[str, tuple[int, int]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._forget()
        os.close(self._root)

    def add(self, stream: BinaryIO, limits: Limits = DEFAULT_LIMITS) -> None:
        placed: set[str] = set()
        reader = LayerReader(stream, limits, as_engines=True)
        with self._refusals():
            for entry in reader:
                if entry.kind is Kind.REMOVED:
                    if entry.path not in placed:
                        self._remove(entry.path)
                elif entry.kind is Kind.OPAQUE:
                    self._remove_below(entry.path, placed)
                else:
                    self._place_entry(entry, reader)
                    self._note_owner(entry)
                    placed.add(entry.path)
                    placed.update(parents_of(entry.path))

    def finish(self) -> None:
        """Set directory owners, modes and times, deepest first."""
        self._forget()
        with self._refusals():
            for path in sorted(self._directories, key=lambda name: -name.count("/")):
                with suppress(FileNotFoundError, HostileLayer), self._opened(path) as descriptor:
                    self._describe(descriptor, self._directories[path])
        self._directories.clear()

    # ---- one entry --------------------------------------------------------------------------

    def _place_entry(self, entry: Entry, reader: LayerReader) -> None:
        if entry.path == "/":
            self._directories["/"] = entry
            return
        above, name = self._parent(entry.path)
        if entry.kind is Kind.DIRECTORY:
            self._make_directory(above, name, entry)
            return
        target: tuple[int, str] | None = None
        if entry.kind is Kind.HARD_LINK:
            target = self._link_target(entry)
        try:
            self._clear(above, name, entry.path)
            if target is not None:
                os.link(
                    target[1], name, src_dir_fd=target[0], dst_dir_fd=above, follow_symlinks=False
                )
            elif entry.kind is Kind.SYMLINK:
                os.symlink(entry.target, name, dir_fd=above)
                if self._is_root:
                    os.chown(name, entry.uid, entry.gid, dir_fd=above, follow_symlinks=False)
                os.utime(name, (entry.mtime,) * 2, dir_fd=above, follow_symlinks=False)
            else:
                self._write_file(above, name, entry, reader)
        finally:
            if target is not None:
                os.close(target[0])

    def _note_owner(self, entry: Entry) -> None:
        if not self._is_root and (entry.uid or entry.gid):
            self.owners[entry.path] = (entry.uid, entry.gid)
        else:
            self.owners.pop(entry.path, None)

    def _write_file(self, above: int, name: str, entry: Entry, reader: LayerReader) -> None:
        descriptor = os.open(name, _NEW_FILE, 0o600, dir_fd=above)
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(reader.content())
            file.flush()
            self._describe(descriptor, entry)

    def _make_directory(self, above: int, name: str, entry: Entry) -> None:
        try:
            os.mkdir(name, _BUSY_MODE, dir_fd=above)
        except FileExistsError:
            if not stat.S_ISDIR(os.lstat(name, dir_fd=above).st_mode):
                self._clear(above, name, entry.path)
                os.mkdir(name, _BUSY_MODE, dir_fd=above)
        self._directories[entry.path] = entry

    def _link_target(self, entry: Entry) -> tuple[int, str]:
        """The directory, to be closed by the caller, and the name that a hard link means."""
        above, _, name = entry.target.rpartition("/")
        refusal = HostileLayer(f"{entry.path} is a hard link to {entry.target}, which is no file")
        try:
            descriptor = self._walk(above, is_made=False)
        except FileNotFoundError:
            raise refusal from None
        try:
            found = os.lstat(name, dir_fd=descriptor).st_mode
        except (FileNotFoundError, ValueError):
            found = 0
        if entry.target == entry.path or not stat.S_ISREG(found):
            os.close(descriptor)
            raise refusal
        return descriptor, name

    def _describe(self, descriptor: int, entry: Entry) -> None:
        # Owner first: chown takes set-user-id bits and capabilities away.
        if self._is_root:
            os.fchown(descriptor, entry.uid, entry.gid)
        os.fchmod(descriptor, entry.mode)
        for key, value in entry.xattrs:
            # Others speak to the host's own security modules or to overlayfs.
            if key == "security.capability" or key.startswith("user."):
                try:
                    os.setxattr(descriptor, key, value)
                except OSError:
                    if self._is_root:
                        raise
        os.utime(descriptor, (entry.mtime, entry.mtime))

    # ---- removing ---------------------------------------------------------------------------

    def _remove(self, path: str) -> None:
        try:
            above = self._walk(path.rpartition("/")[0], is_made=False)
        except (FileNotFoundError, HostileLayer):
            return  # nothing there to remove
        try:
            self._clear(above, path.rpartition("/")[2], path)
        finally:
            os.close(above)

    def _remove_below(self, path: str, placed: set[str]) -> None:
        """Empty a directory of what lower layers put there."""
        try:
            descriptor = self._walk(path, is_made=False)
        except (FileNotFoundError, HostileLayer):
            return
        prefix = path if path != "/" else ""
        try:
            for name in os.listdir(descriptor):
                child = f"{prefix}/{name}"
                if child not in placed:
                    self._clear(descriptor, name, child)
                elif stat.S_ISDIR(os.lstat(name, dir_fd=descriptor).st_mode):
                    self._remove_below(child, placed)
        finally:
            os.close(descriptor)

    def _clear(self, above: int, name: str, path: str) -> None:
        """Make `name` free; a directory goes with all that is in it."""
        try:
            os.unlink(name, dir_fd=above)
        except FileNotFoundError:
            return
        except (IsADirectoryError, PermissionError):
            if not stat.S_ISDIR(os.lstat(name, dir_fd=above).st_mode):
                raise
            import shutil  # noqa: PLC0415

            shutil.rmtree(name, dir_fd=above)
            for known in [p for p in self._directories if f"{p}/".startswith(f"{path}/")]:
                del self._directories[known]
        # An open directory may be one that is no longer there.
        if self._last is not None and f"{self._last[0]}/".startswith(f"{path}/"):
            self._forget()

    # ---- the way to a directory -------------------------------------------------------------

    def _parent(self, path: str) -> tuple[int, str]:
        """The open directory above `path`, made where missing, and the last name."""
        above, _, name = path.rpartition("/")
        if self._last is None or self._last[0] != above:
            descriptor = self._walk(above, is_made=True)
            self._forget()
            self._last = (above, descriptor)
        return self._last[1], name

    def _forget(self) -> None:
        if self._last is not None:
            os.close(self._last[1])
            self._last = None

    def _walk(self, path: str, *, is_made: bool) -> int:
        """Open the directory that `path` means inside the root; the caller closes it.

        Errors: HostileLayer when a file or a circle of links is on the way; FileNotFoundError.
        """
        stack = [os.dup(self._root)]
        pending = path.split("/")[::-1]
        hops = 0
        try:
            while pending:
                part = pending.pop()
                if part == "..":
                    if len(stack) > 1:
                        os.close(stack.pop())
                elif part not in ("", "."):
                    descriptor = self._step(stack[-1], part, path, is_made=is_made)
                    if isinstance(descriptor, int):
                        stack.append(descriptor)
                        continue
                    hops += 1
                    if hops > _MAX_HOPS:
                        raise HostileLayer(f"{path} leads through a circle of links")
                    if descriptor.startswith("/"):
                        while len(stack) > 1:
                            os.close(stack.pop())
                    pending.extend(descriptor.split("/")[::-1])
            return stack.pop()
        finally:
            for descriptor in stack:
                os.close(descriptor)

    @staticmethod
    def _step(above: int, part: str, path: str, *, is_made: bool) -> int | str:
        """Open `part`, or say where it points to when it is a symbolic link."""
        try:
            return os.open(part, _OPEN_DIRECTORY, dir_fd=above)
        except FileNotFoundError:
            if not is_made:
                raise
            os.mkdir(part, 0o755, dir_fd=above)
            return os.open(part, _OPEN_DIRECTORY, dir_fd=above)
        except OSError as error:
            if error.errno not in (errno.ENOTDIR, errno.ELOOP):
                raise
        try:
            return os.readlink(part, dir_fd=above)
        except OSError:
            raise HostileLayer(f"{path} goes through {part}, which is a file") from None

    @contextmanager
    def _opened(self, path: str) -> Iterator[int]:
        descriptor = self._walk(path, is_made=False)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            at = f" ({error.filename})" if isinstance(error.filename, str) else ""
            raise CannotUnpack(
                f"cannot unpack into {self._place}: {error.strerror or error}{at}",
                hint="is the disk full, or the directory somebody else's?",
            ) from error
