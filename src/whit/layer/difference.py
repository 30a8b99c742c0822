"""A layer directory and the view below it in, what a layer has to say out.

    upper/etc/app.conf       changed or new        a file, with its parents
    upper/etc/old            whiteout              removed, where the view had it
    upper/srv (opaque)       emptied and refilled  its files, and a removal for each name missing
    upper/etc, upper/same    copied up, unchanged  nothing

A door. The rules are those of BuildKit's differ for overlayfs: no opaque markers, no sockets, of
the extended attributes only capabilities, and a file that equals the one below is not said again.
"""

import hashlib
import os
import stat
from collections.abc import Iterator

import msgspec

from whit.layer.stack import Found, Stack, is_opaque, is_whiteout
from whit.model.names import Digest
from whit.model.tree import Dir, File, Link, Node, Stored, Tree, parents_of

CAPABILITY = "security.capability"
_CHUNK_BYTES = 1 << 18


class Difference(msgspec.Struct, frozen=True):
    """`removed` are paths of lower layers; `foreign` are pipes and devices, which are left out."""

    tree: Tree
    removed: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()


def difference(upper: str, below: Stack) -> Difference:
    """What the layer directory `upper` changes in `below`."""
    return _Walk(upper, below).result()


class _Walk:
    def __init__(self, upper: str, below: Stack) -> None:
        self._upper, self._below = upper, below
        self._nodes: dict[str, Node] = {}
        self._removed: set[str] = set()
        self._foreign: list[str] = []
        self._inodes: dict[int, str] = {}

    def result(self) -> Difference:
        self._directory("", self._below.find("/") is not None)
        for path in (*self._nodes, *self._removed):
            for parent in parents_of(path):
                if parent not in self._nodes:
                    self._nodes[parent] = directory_node(os.lstat(self._upper + parent))
        return Difference(
            Tree.of(self._nodes), tuple(sorted(self._removed)), tuple(sorted(self._foreign))
        )

    def _directory(self, path: str, is_below: bool) -> None:
        """Look at a directory's entries; `is_below` is whether the view has it too."""
        host = f"{self._upper}{path}"
        entries = sorted(os.scandir(host), key=lambda entry: entry.name)
        if is_below and path and is_opaque(host):
            there = {entry.name for entry in entries}
            self._removed.update(
                f"{path}/{name}" for name in self._below.names(path) if name not in there
            )
        for entry in entries:
            self._entry(f"{path}/{entry.name}", entry, is_below)

    def _entry(self, path: str, entry: "os.DirEntry[str]", is_below: bool) -> None:
        status = entry.stat(follow_symlinks=False)
        before = self._below.find(path) if is_below else None
        if is_whiteout(status):
            if before is not None:
                self._removed.add(path)
            return
        if stat.S_ISDIR(status.st_mode):
            was_directory = before is not None and before.is_directory
            if not was_directory or not _is_same_directory(status, before):
                self._nodes[path] = directory_node(status)
            self._directory(path, was_directory)
        elif stat.S_ISREG(status.st_mode):
            if before is None or not _is_same_file(entry.path, status, before):
                self._nodes[path] = self._file(path, entry.path, status)
        elif stat.S_ISLNK(status.st_mode):
            target = os.readlink(entry.path)
            if before is None or not _is_same_link(target, status, before):
                self._nodes[path] = Link(
                    target, uid=status.st_uid, gid=status.st_gid, mtime=int(status.st_mtime)
                )
        elif not stat.S_ISSOCK(status.st_mode):
            self._foreign.append(path)

    def _file(self, path: str, host: str, status: os.stat_result) -> Node:
        if status.st_nlink > 1:
            first = self._inodes.setdefault(status.st_ino, path)
            if first != path:
                return Link(first, is_hard=True)
        return file_node(host, status)


def file_node(host: str, status: os.stat_result) -> File:
    """A regular file on the host as a node; it is read once for its digest."""
    return File(
        Stored(host, status.st_size, digest_of_file(host)),
        stat.S_IMODE(status.st_mode),
        status.st_uid,
        status.st_gid,
        int(status.st_mtime),
        capability_of(host),
    )


def directory_node(status: os.stat_result) -> Dir:
    return Dir(stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid, int(status.st_mtime))


def capability_of(host: str) -> tuple[tuple[str, bytes], ...]:
    try:
        return ((CAPABILITY, os.getxattr(host, CAPABILITY, follow_symlinks=False)),)
    except OSError:
        return ()


def digest_of_file(host: str) -> Digest:
    state = hashlib.sha256()
    for chunk in _chunks(host):
        state.update(chunk)
    return Digest("sha256:" + state.hexdigest())


def _chunks(host: str) -> Iterator[bytes]:
    descriptor = os.open(host, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        while chunk := os.read(descriptor, _CHUNK_BYTES):
            yield chunk
    finally:
        os.close(descriptor)


def _is_same_directory(status: os.stat_result, before: Found | None) -> bool:
    """Its time does not count, as with BuildKit: whoever touches a file in it changes that."""
    return before is not None and (status.st_mode, status.st_uid, status.st_gid) == (
        before.status.st_mode,
        before.status.st_uid,
        before.status.st_gid,
    )


def _looks_same(one: os.stat_result, other: os.stat_result) -> bool:
    return (one.st_mode, one.st_uid, one.st_gid, one.st_mtime_ns) == (
        other.st_mode,
        other.st_uid,
        other.st_gid,
        other.st_mtime_ns,
    )


def _is_same_file(host: str, status: os.stat_result, before: Found) -> bool:
    same = _looks_same(status, before.status) and status.st_size == before.status.st_size
    if not same or capability_of(host) != capability_of(before.host):
        return False
    # A layer's times are whole seconds: equal ones prove nothing, so the bytes are compared.
    if status.st_mtime_ns % 1_000_000_000:
        return True
    return all(a == b for a, b in zip(_chunks(host), _chunks(before.host), strict=False))


def _is_same_link(target: str, status: os.stat_result, before: Found) -> bool:
    return (
        before.is_link and _looks_same(status, before.status) and os.readlink(before.host) == target
    )
