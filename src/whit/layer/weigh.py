"""Layer streams in, what each file weighs out: kept, overwritten, removed, twice there. Pure.

Contents pass by once and are hashed; only what says which package a file is from is kept, and
programs, which the caller reads further.
"""

import hashlib
from typing import BinaryIO

import msgspec

from whit.layer.inflate import Limits
from whit.layer.origins import LISTS
from whit.layer.read import DEFAULT_LIMITS, Entry, Kind, LayerReader

_ELF = b"\x7fELF"
_MAX_KEPT_BYTES = 64 << 20
_MAX_PROGRAM_BYTES = 1 << 30


class FileWeight(msgspec.Struct):
    """One file of one layer. `gone` says what a later layer did to it, "" while it is there."""

    path: str
    size: int
    layer: int
    mode: int
    digest: bytes
    gone: str = ""


class Weighed(msgspec.Struct, frozen=True):
    """`kept` are the small files that list packages, `programs` ELF files; both by path, as the
    last layer has them.
    """

    files: tuple[FileWeight, ...]
    kept: dict[str, bytes]
    programs: dict[tuple[int, str], bytes]
    links: int


class Scale:
    """Takes layers from the lowest up. Errors: as LayerReader."""

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._files: list[FileWeight] = []
        self._now: dict[str, FileWeight] = {}
        self._kept: dict[str, bytes] = {}
        self._programs: dict[tuple[int, str], bytes] = {}
        self._layers = self._links = 0

    def add(self, stream: BinaryIO) -> None:
        self._layers += 1
        reader = LayerReader(stream, self._limits)
        before = dict(self._now)
        for entry in reader:
            match entry.kind:
                case Kind.FILE:
                    self._add_file(entry, reader)
                case Kind.REMOVED:
                    self._remove(entry.path, before, itself=True)
                case Kind.OPAQUE:
                    self._remove(entry.path, before, itself=False)
                case Kind.SYMLINK | Kind.HARD_LINK:
                    self._links += 1
                    self._end(entry.path, "overwritten")
                case _:
                    pass

    def weighed(self) -> Weighed:
        return Weighed(tuple(self._files), self._kept, self._programs, self._links)

    def _add_file(self, entry: Entry, reader: LayerReader) -> None:
        state = hashlib.sha256()
        pieces = reader.content()
        first = bytes(next(pieces, b""))
        state.update(first)
        is_list = entry.path.startswith(LISTS) and entry.size <= _MAX_KEPT_BYTES
        is_program = first[:4] == _ELF and entry.size <= _MAX_PROGRAM_BYTES
        held = [first] if is_list or is_program else None
        for piece in pieces:
            state.update(piece)
            if held is not None:
                held.append(bytes(piece))
        self._end(entry.path, "overwritten")
        found = FileWeight(entry.path, entry.size, self._layers - 1, entry.mode, state.digest())
        self._files.append(found)
        self._now[entry.path] = found
        if held is not None and is_list:
            self._kept[entry.path] = b"".join(held)
        elif held is not None:
            self._programs[found.layer, entry.path] = b"".join(held)

    def _end(self, path: str, how: str) -> None:
        old = self._now.pop(path, None)
        if old is not None:
            old.gone = f"{how} in layer {self._layers}"
            self._kept.pop(path, None)

    def _remove(self, path: str, before: dict[str, FileWeight], *, itself: bool) -> None:
        """Files of lower layers only: what this layer wrote itself stays."""
        below = path.rstrip("/") + "/"
        for name, known in before.items():
            is_meant = (itself and name == path) or name.startswith(below)
            if is_meant and self._now.get(name) is known:
                self._end(name, "removed")
