"""Layer directories in, one merged view of them out: what overlayfs would show, without a mount.

    layers, highest first      a directory each, in overlayfs's own form
    character device 0:0       a path that lower layers had is gone (a whiteout)
    overlay.opaque = y         a directory of which lower layers show nothing

A door. The rule of the room: no component is followed by the kernel. A path is looked up name by
name, only through what is a real directory in its layer, and links are resolved here, so that
they end at the root as for a process inside. Layers must not change meanwhile.
"""

import errno
import os
import stat
from collections.abc import Iterator

import msgspec

from whit.errors.layer import HostileLayer

OPAQUE_NAMES = ("trusted.overlay.opaque", "user.overlay.opaque")
_MAX_HOPS = 40  # links on one path, as in Linux (path_resolution(7))


class Found(msgspec.Struct, frozen=True):
    """One path of the view: where it lies on the host, and what it is."""

    host: str
    status: os.stat_result

    @property
    def is_directory(self) -> bool:
        return stat.S_ISDIR(self.status.st_mode)

    @property
    def is_link(self) -> bool:
        return stat.S_ISLNK(self.status.st_mode)

    @property
    def is_file(self) -> bool:
        return stat.S_ISREG(self.status.st_mode)


def is_whiteout(status: os.stat_result) -> bool:
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def is_opaque(directory: str) -> bool:
    """Whether lower layers show nothing in this directory."""
    for name in OPAQUE_NAMES:
        try:
            if os.getxattr(directory, name, follow_symlinks=False) == b"y":
                return True
        except OSError as error:
            if error.errno not in (errno.ENODATA, errno.EPERM, errno.EACCES, errno.ENOTSUP):
                raise
    return False


class Stack:
    """The view. `layers` are host directories, the highest first; none is an empty root."""

    def __init__(self, layers: tuple[str, ...]) -> None:
        self.layers = layers
        # Directory of the view -> the host directories that it consists of, highest first.
        self._parts: dict[str, tuple[str, ...]] = {"/": layers}

    def find(self, path: str) -> Found | None:
        """What lies at an absolute, normal path; links on the way are not followed."""
        if path == "/":
            return Found(self.layers[0], os.lstat(self.layers[0])) if self.layers else None
        above, _, name = path.rpartition("/")
        parts = self._directory(above or "/")
        return _first(parts, name)[0] if parts else None

    def resolve(self, path: str, *, last: bool = True) -> str:
        """`path` with all links followed inside the root, the last one only where `last`; what
        does not exist stays as it is written. Errors: HostileLayer for a circle of links.
        """
        waiting = [part for part in reversed(path.split("/")) if part]
        at: list[str] = []
        hops = 0
        while waiting:
            part = waiting.pop()
            if part in (".", ".."):
                at = at[:-1] if part == ".." else at
                continue
            here = "/" + "/".join((*at, part))
            found = self.find(here) if waiting or last else None
            if found is None or not found.is_link:
                at.append(part)
                continue
            hops += 1
            if hops > _MAX_HOPS:
                raise HostileLayer(f"{path} leads through a circle of links")
            target = os.readlink(found.host)
            at = [] if target.startswith("/") else at
            waiting += [name for name in reversed(target.split("/")) if name]
        return "/" + "/".join(at)

    def names(self, path: str) -> list[str]:
        """The sorted names in a directory of the view; none when it is no directory."""
        names: set[str] = set()
        hidden: set[str] = set()
        for part in self._directory(path):
            for entry in os.scandir(part):
                if entry.name not in hidden and entry.name not in names:
                    gone = not (entry.is_dir(follow_symlinks=False) or entry.is_file()) and (
                        is_whiteout(entry.stat(follow_symlinks=False))
                    )
                    (hidden if gone else names).add(entry.name)
        return sorted(names)

    def walk(self, path: str) -> Iterator[tuple[str, Found]]:
        """`path` and all below it, parents first, names sorted; links are not followed."""
        found = self.find(path)
        if found is None:
            return
        yield path, found
        if found.is_directory:
            prefix = path.rstrip("/")
            for name in self.names(path):
                yield from self.walk(f"{prefix}/{name}")

    def read(self, path: str, limit_bytes: int = 1 << 20) -> bytes:
        """A regular file, links followed; b"" when it is missing, too large or no file."""
        found = self.find(self.resolve(path))
        if found is None or not found.is_file or found.status.st_size > limit_bytes:
            return b""
        with open(found.host, "rb") as file:
            return file.read(limit_bytes)

    def _directory(self, path: str) -> tuple[str, ...]:
        """The host directories of a directory of the view; none when it is not one."""
        known = self._parts.get(path)
        if known is None:
            above, _, name = path.rpartition("/")
            parts = self._directory(above or "/")
            known = self._parts[path] = _first(parts, name)[1]
        return known


def _first(parts: tuple[str, ...], name: str) -> tuple[Found | None, tuple[str, ...]]:
    """The highest entry `name` of these directories, and all that a directory consists of."""
    found: Found | None = None
    merged: list[str] = []
    for part in parts:
        host = f"{part}/{name}"
        try:
            status = os.lstat(host)
        except (FileNotFoundError, NotADirectoryError):
            continue
        if is_whiteout(status):
            break
        is_directory = stat.S_ISDIR(status.st_mode)
        found = found or Found(host, status)
        if not is_directory:
            break
        merged.append(host)
        if is_opaque(host):
            break
    return found, tuple(merged)
