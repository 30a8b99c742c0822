"""A layer blob in, checked entries out; or a Tree, or what the layer weighs.

The rule of the room: names come from strangers. A path is inside the root or the layer is
refused; a hard link names a file of the same layer; devices and pipes do not belong into an
image of a program; no path is said twice (OCI image-spec, layer.md: a layer must not).
"""

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import BinaryIO

import msgspec

from whit.errors.layer import BrokenLayer, HostileLayer, LayerTooLarge
from whit.errors.names import BadPath
from whit.layer.inflate import Limits, TarBytes
from whit.layer.tar import RawEntry, raw_entries
from whit.model.names import Digest
from whit.model.tree import Bytes, Dir, File, Link, Node, Tree

_MAX_PATH_BYTES = 4096
# What almost all names are: short, not too deep, and without empty parts, dots in front and NULs.
_NORMAL = re.compile(r"(?:[^/.\0][^/\0]{0,80}/){0,20}[^/.\0][^/\0]{0,80}").fullmatch
_MAX_DEPTH = 256
_WHITEOUT, _OPAQUE, _AUFS = ".wh.", ".wh..wh..opq", ".wh..wh."
# Linux keeps uids and gids in 32 bits, and -1 means "leave as it is".
_MAX_ID = 0xFFFFFFFE
DEFAULT_LIMITS = Limits()


class Kind(StrEnum):
    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symlink"
    HARD_LINK = "hard link"
    REMOVED = "removed"  # a whiteout: the path of a lower layer goes
    SPECIAL = "special"  # a device or a pipe, which takes no room
    OPAQUE = "opaque"  # all that lower layers have in this directory goes


_KINDS = {b"0": Kind.FILE, b"1": Kind.HARD_LINK, b"2": Kind.SYMLINK, b"5": Kind.DIRECTORY}
_REFUSED = {b"3": "a character device", b"4": "a block device", b"6": "a pipe"}


class Entry(msgspec.Struct, frozen=True):
    """One checked entry. `path` is absolute and normal; the root itself is `/`. `target` is a
    symbolic link's text, or the absolute path that a hard link means.
    """

    kind: Kind
    path: str
    mode: int = 0
    uid: int = 0
    gid: int = 0
    mtime: int = 0
    size: int = 0
    target: str = ""
    xattrs: tuple[tuple[str, bytes], ...] = ()


class LayerReader:
    """Iterate over the entries of a layer; `content` gives the bytes of the current one.

    With `as_engines` it takes what engines take of other people's layers: of a path that is said
    twice the last counts, and devices and pipes are passed over, since nothing here makes them.
    With `names_special` they are named instead, for who makes nothing.
    `refuses_absolute` is for archives of which nobody says that `/` means their root.
    """

    def __init__(
        self,
        stream: BinaryIO,
        limits: Limits = DEFAULT_LIMITS,
        *,
        as_engines: bool = False,
        names_special: bool = False,
        refuses_absolute: bool = False,
        is_hashed: bool = True,
    ) -> None:
        self.source = TarBytes(stream, limits, is_hashed=is_hashed)
        self._as_engines, self._refuses_absolute = as_engines, refuses_absolute
        self._names_special = names_special
        self._left = 0

    def __iter__(self) -> Iterator[Entry]:
        """Errors: BrokenLayer, HostileLayer, LayerTooLarge."""
        seen: dict[str, Kind] = {}
        for raw in raw_entries(self.source):
            if self._as_engines and raw.kind in _REFUSED:
                if self._names_special:
                    yield Entry(Kind.SPECIAL, _path(raw.name))
                continue
            if self._refuses_absolute and (raw.name[:1] == b"/" or _is_absolute_link(raw)):
                raise HostileLayer(f"the layer holds an absolute path: {raw.name[:200]!r}")
            entry = _checked(raw)
            if entry is None:
                continue
            if not self._as_engines:
                _check_once(entry, seen)
            self._left = entry.size
            yield entry
        self.source.drain()

    def content(self) -> Iterator[memoryview]:
        """The current file's bytes, in pieces; once."""
        size, self._left = self._left, 0
        return self.source.pieces(size)


def _is_absolute_link(raw: RawEntry) -> bool:
    return raw.kind == b"1" and raw.link[:1] == b"/"


def _checked(raw: RawEntry) -> Entry | None:
    path = _path(raw.name)
    if raw.kind in _REFUSED:
        raise HostileLayer(
            f"the layer holds {_REFUSED[raw.kind]}, {path}",
            hint="an image of a program needs none: engines make /dev themselves",
        )
    kind = _KINDS.get(raw.kind)
    if kind is None:
        raise BrokenLayer(f"{path} has the unknown tar type {raw.kind!r}")
    if max(raw.uid, raw.gid) > _MAX_ID:
        raise BrokenLayer(f"{path} belongs to {raw.uid}:{raw.gid}, which no system has")
    if path == "/" and kind is not Kind.DIRECTORY:
        raise HostileLayer("the layer replaces the root directory")
    parent, _, name = path.rpartition("/")
    if name.startswith(_WHITEOUT):
        return _whiteout(parent, name, path)
    target = ""
    if kind is Kind.HARD_LINK:
        target = _path(raw.link)
    elif kind is Kind.SYMLINK:
        target = raw.link.decode("utf-8", "surrogateescape")
        if not target or len(raw.link) > _MAX_PATH_BYTES or "\0" in target:
            raise BrokenLayer(f"{path} is a link to nothing that can be named")
    return Entry(kind, path, raw.mode, raw.uid, raw.gid, raw.mtime, raw.size, target, raw.xattrs)


def _whiteout(parent: str, name: str, path: str) -> Entry | None:
    if name == _OPAQUE:
        return Entry(Kind.OPAQUE, parent or "/")
    if name.startswith(_AUFS):
        return None  # the bookkeeping of a file system long gone
    removed = name.removeprefix(_WHITEOUT)
    if removed in ("", ".", ".."):
        raise HostileLayer(f"{path} removes no file that can be named")
    return Entry(Kind.REMOVED, f"{parent}/{removed}")


def _check_once(entry: Entry, seen: dict[str, Kind]) -> None:
    if entry.kind in (Kind.REMOVED, Kind.OPAQUE):
        return
    before = seen.get(entry.path)
    if before is not None and not before is entry.kind is Kind.DIRECTORY:
        raise BrokenLayer(f"the layer holds {entry.path} twice")
    seen[entry.path] = entry.kind


def _path(name: bytes) -> str:
    """An absolute, normal path inside the root; a leading slash means the root, as for engines."""
    text = name.decode("utf-8", "surrogateescape")
    if _NORMAL(text):
        return "/" + text
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise HostileLayer(
            f"the layer reaches out of its root with {text[:200]!r}",
            hint="no honest tool writes such a name; do not use this image",
        )
    if not name or "\0" in text or len(name) > _MAX_PATH_BYTES or len(parts) > _MAX_DEPTH:
        raise BrokenLayer(f"the layer holds a path that no system takes: {text[:200]!r}")
    return "/" + "/".join(parts)


# ---- what is made of it ---------------------------------------------------------------------


class Changes(msgspec.Struct, frozen=True):
    """A layer as a value: what it adds, and which paths of lower layers it takes away.
    `implied` are directories of `tree` that the layer does not state: lower ones keep theirs.
    """

    tree: Tree
    removed: tuple[str, ...] = ()
    opaque: tuple[str, ...] = ()
    implied: tuple[str, ...] = ()


def read_layer(stream: BinaryIO, limits: Limits = DEFAULT_LIMITS) -> Changes:
    """Hold a whole layer in memory, up to `limits.held_bytes`.

    Errors: BrokenLayer, HostileLayer (also for paths that go through a link), LayerTooLarge.
    """
    nodes: dict[str, Node] = {}
    removed: list[str] = []
    opaque: list[str] = []
    held = 0
    reader = LayerReader(stream, limits)
    for entry in reader:
        if entry.kind is Kind.REMOVED:
            removed.append(entry.path)
        elif entry.kind is Kind.OPAQUE:
            opaque.append(entry.path)
        elif entry.path != "/":
            held += entry.size
            if held > limits.held_bytes:
                raise LayerTooLarge(f"the layer's files are more than {limits.held_bytes} bytes")
            nodes[entry.path] = _node(entry, reader)
    try:
        tree = Tree.of(nodes)
    except BadPath as error:
        raise HostileLayer(f"the layer contradicts itself: {error.message}") from None
    implied = tuple(path for path, _ in tree if path not in nodes)
    return Changes(tree, tuple(sorted(removed)), tuple(sorted(opaque)), implied)


def _node(entry: Entry, reader: LayerReader) -> Node:
    owner = (entry.uid, entry.gid, entry.mtime)
    if entry.kind is Kind.FILE:
        data = b"".join(reader.content())
        return File(Bytes(data), entry.mode, *owner, entry.xattrs)
    if entry.kind is Kind.DIRECTORY:
        return Dir(entry.mode, *owner)
    return Link(entry.target, entry.kind is Kind.HARD_LINK, *owner)


def applied(lower: Tree, upper: Changes) -> Tree:
    """`lower` with a layer on top: whiteouts first, then what the layer adds.

    Errors: HostileLayer when the layer writes through a file or link of `lower`.
    """
    gone = {*upper.removed, *upper.opaque}
    opaque = set(upper.opaque)
    nodes: dict[str, Node] = {}
    for path, node in lower:
        hidden = path in gone and path not in opaque
        above = path.rpartition("/")[0]
        while above and not hidden:
            hidden = above in gone
            above = above.rpartition("/")[0]
        if not hidden and "/" not in opaque:
            nodes[path] = node
    implied = set(upper.implied)
    for path, node in upper.tree:
        if path in implied and path in nodes:
            continue
        if isinstance(nodes.get(path), Dir) and not isinstance(node, Dir):
            for below in [name for name in nodes if name.startswith(path + "/")]:
                del nodes[below]
        nodes[path] = node
    try:
        return Tree.of(nodes)
    except BadPath as error:
        raise HostileLayer(f"the layer does not fit on those below: {error.message}") from None


class Survey(msgspec.Struct, frozen=True):
    """What a layer's bytes say about themselves; sizes in bytes."""

    digest: Digest
    size: int
    diff_id: Digest
    tar_bytes: int
    file_bytes: int
    file_count: int


def survey_layer(stream: BinaryIO, limits: Limits = DEFAULT_LIMITS) -> Survey:
    """Read a layer to its end and weigh it. Errors: as `read_layer`."""
    reader = LayerReader(stream, limits, as_engines=True)
    sizes = [entry.size for entry in reader if entry.kind is Kind.FILE]
    source = reader.source
    return Survey(
        digest=source.blob_digest,
        size=source.blob_bytes,
        diff_id=source.tar_digest,
        tar_bytes=source.tar_bytes,
        file_bytes=sum(sizes),
        file_count=len(sizes),
    )
