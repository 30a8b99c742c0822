"""Layer streams in, an Inventory out: what stands in an image, counted. Pure.

    programs   executable files (ELF, or scripts with #!) that are no shared libraries, and links to
               them where PATH looks: each is a name that something can be started by
    shells     those of them that are shells by name
    packages   what a list of packages says is installed

Contents pass by once; only lists of packages are kept.
"""

from typing import BinaryIO

import msgspec

from whit.layer.inflate import Limits
from whit.layer.origins import LISTS, packages_in
from whit.layer.read import DEFAULT_LIMITS, Entry, Kind, LayerReader
from whit.model.comparison import Inventory, resolved
from whit.model.tree import parents_of

_SHELLS = frozenset(
    ("sh", "ash", "bash", "busybox", "csh", "dash", "fish", "ksh", "mksh", "rbash", "tcsh", "zsh")
)
_PATH = frozenset(
    f"{place}/{name}" for place in ("", "/usr", "/usr/local") for name in ("bin", "sbin")
)
_MAX_LIST_BYTES = 64 << 20
_SETUID = 0o6000
_EXECUTABLE = 0o111


class _Node(msgspec.Struct):
    kind: Kind
    layer: int
    mode: int = 0
    is_program: bool = False


class Shelf:
    """Takes layers from the lowest up. Errors: as LayerReader."""

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._nodes: dict[str, _Node] = {}
        self._links: dict[str, str] = {}
        self._lists: dict[str, bytes] = {}
        self._parents: set[str] = set()
        self._layers = self._disk = 0

    def add(self, stream: BinaryIO) -> None:
        self._layers += 1
        reader = LayerReader(stream, self._limits)
        for entry in reader:
            if entry.kind is Kind.REMOVED:
                self._remove(self._real(entry.path), itself=True)
            elif entry.kind is Kind.OPAQUE:
                self._remove(self._real(entry.path), itself=False)
            elif entry.path != "/":
                self._place(entry, reader)

    def inventory(self) -> Inventory:
        files = [node for node in self._nodes.values() if node.kind is Kind.FILE]
        programs = [path for path, node in self._nodes.items() if self._starts(path, node)]
        return Inventory(
            disk=self._disk,
            files=len(files),
            programs=len(programs),
            setuid=sum(bool(node.mode & _SETUID) for node in files),
            shells=tuple(sorted(p for p in programs if p.rpartition("/")[2] in _SHELLS)),
            packages=packages_in(self._lists),
            paths=tuple(sorted(self._nodes)),
            links=self._links,
        )

    def _place(self, entry: Entry, reader: LayerReader) -> None:
        path = self._real(entry.path)
        known = self._nodes.get(path)
        if entry.kind is not Kind.DIRECTORY and path in self._parents:
            self._remove(path, itself=True, own=True)
        elif known is not None and known.kind is entry.kind is Kind.DIRECTORY:
            return
        self._drop(path)
        self._parents.update(parents_of(path))
        node = self._nodes[path] = _Node(entry.kind, self._layers, entry.mode)
        if entry.kind is Kind.FILE:
            self._disk += entry.size
            node.is_program = self._read(path, entry, reader)
        elif entry.kind is Kind.SYMLINK:
            self._links[path] = entry.target
        elif entry.kind is Kind.HARD_LINK:
            first = self._nodes.get(self._real(entry.target))
            node.is_program = first is not None and first.is_program

    def _read(self, path: str, entry: Entry, reader: LayerReader) -> bool:
        """Keep a list of packages; whether the file is a program."""
        pieces = reader.content()
        first = bytes(next(pieces, b""))
        if path.startswith(LISTS) and entry.size <= _MAX_LIST_BYTES:
            self._lists[path] = b"".join((first, *map(bytes, pieces)))
        if not entry.mode & _EXECUTABLE or ".so" in path.rpartition("/")[2]:
            return False
        return first.startswith((b"\x7fELF", b"#!"))

    def _remove(self, path: str, *, itself: bool, own: bool = False) -> None:
        """What lower layers have there; with `own` what this layer wrote as well."""
        below = path.rstrip("/") + "/"
        for name in [n for n in self._nodes if (itself and n == path) or n.startswith(below)]:
            if own or self._nodes[name].layer < self._layers:
                self._drop(name)

    def _drop(self, path: str) -> None:
        for known in (self._nodes, self._links, self._lists):
            known.pop(path, None)

    def _real(self, path: str) -> str:
        """Where `path` comes to lie, links on the way followed."""
        above, _, name = path.rpartition("/")
        return f"{resolved(above, self._links).rstrip('/')}/{name}" if self._links else path

    def _starts(self, path: str, node: _Node) -> bool:
        if node.kind is Kind.FILE:
            return node.is_program
        if path.rpartition("/")[0] not in _PATH:
            return False
        if node.kind is Kind.SYMLINK:
            end = self._nodes.get(resolved(path, self._links))
            return end is not None and end.is_program
        return node.is_program
