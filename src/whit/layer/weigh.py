"""Layer streams in, what each file weighs out: kept, overwritten, removed, twice there. Pure.

Contents pass by once and are hashed; only what says which package a file is from is kept, and
what the caller reads of each program, once for all files with the same bytes.
"""

import hashlib
import struct
from bisect import bisect_left
from collections.abc import Callable
from itertools import islice, takewhile
from typing import BinaryIO, Generic, TypeVar

import msgspec

from whit.layer.inflate import Limits
from whit.layer.origins import LISTS
from whit.layer.read import DEFAULT_LIMITS, Entry, Kind, LayerReader

_ELF = b"\x7fELF"
_SUMS = struct.Struct("<II")
_MAX_KEPT_BYTES = 64 << 20
_MAX_PROGRAM_BYTES = 1 << 30


Read = TypeVar("Read")


class FileWeight(msgspec.Struct):
    """One file of one layer. `gone` says what a later layer did to it, "" while it is there;
    `ended` is that layer's number, from 1.
    """

    path: str
    size: int
    layer: int
    mode: int
    digest: bytes
    gone: str = ""
    ended: int = 0


class Weighed(msgspec.Struct, Generic[Read], frozen=True):
    """`kept` are the small files that list packages, by path, as the last layer has them;
    `programs` what was read of ELF files, by their digest.
    """

    files: tuple[FileWeight, ...]
    kept: dict[str, bytes]
    programs: dict[bytes, Read]


class Scale(Generic[Read]):
    """Takes layers from the lowest up. Errors: as LayerReader."""

    def __init__(
        self, read_program: Callable[[memoryview], Read | None], limits: Limits = DEFAULT_LIMITS
    ) -> None:
        import deflate  # noqa: PLC0415

        self._crc32, self._adler32 = deflate.crc32, deflate.adler32
        self._read_program = read_program
        self._limits = limits
        self._files: list[FileWeight] = []
        self._now: dict[str, FileWeight] = {}
        self._kept: dict[str, bytes] = {}
        self._programs: dict[bytes, Read] = {}
        self._known: set[bytes] = set()
        self._layers = 0

    def add(self, stream: BinaryIO) -> None:
        self._layers += 1
        reader = LayerReader(
            stream, self._limits, as_engines=True, names_special=True, is_hashed=False
        )
        before = sorted(self._now.values(), key=_path_of)
        for entry in reader:
            match entry.kind:
                case Kind.FILE:
                    self._add_file(entry, reader)
                case Kind.REMOVED:
                    self._remove(entry.path, before, itself=True)
                case Kind.OPAQUE:
                    self._remove(entry.path, before, itself=False)
                case Kind.SYMLINK | Kind.HARD_LINK | Kind.SPECIAL:
                    self._end(entry.path, "overwritten")
                    self._remove(entry.path, before, itself=False)  # it may stand for a directory
                case _:
                    pass

    def skip(self) -> None:
        """A layer whose bytes are not here."""
        self._layers += 1

    def weighed(self) -> Weighed[Read]:
        return Weighed(tuple(self._files), self._kept, self._programs)

    def _add_file(self, entry: Entry, reader: LayerReader) -> None:
        pieces = reader.content()
        first = next(pieces, b"")
        is_list = entry.path.startswith(LISTS) and entry.size <= _MAX_KEPT_BYTES
        is_program = first[:4] == _ELF and entry.size <= _MAX_PROGRAM_BYTES
        held = bytearray(first) if is_list or is_program else None
        sums = self._crc32(first), self._adler32(first)
        for piece in pieces:
            sums = self._crc32(piece, sums[0]), self._adler32(piece, sums[1])
            if held is not None:
                held += piece
        self._end(entry.path, "overwritten")
        # What is read of a program stands for all files with its digest; of other files it only
        # tells equal ones, and sums of 64 bits take a twentieth of the time.
        digest = hashlib.sha256(held).digest() if held and is_program else _SUMS.pack(*sums)
        found = FileWeight(entry.path, entry.size, self._layers - 1, entry.mode, digest)
        self._files.append(found)
        self._now[entry.path] = found
        if held is not None and is_list:
            self._kept[entry.path] = bytes(held)
        elif held is not None and digest not in self._known:
            self._known.add(digest)
            read = self._read_program(memoryview(held))
            if read is not None:
                self._programs[digest] = read

    def _end(self, path: str, how: str) -> None:
        old = self._now.pop(path, None)
        if old is not None:
            old.gone = how
            old.ended = self._layers
            self._kept.pop(path, None)

    def _remove(self, path: str, before: list[FileWeight], *, itself: bool) -> None:
        """Files of lower layers only, which `before` has by path: what this layer wrote stays."""
        start = path.rstrip("/") + "/"
        first = bisect_left(before, start, key=_path_of)
        meant = takewhile(lambda one: one.path.startswith(start), islice(before, first, None))
        for known in meant:
            self._end_known(known, "removed")
        if itself:
            at = bisect_left(before, path, key=_path_of)
            if at < len(before) and before[at].path == path:
                self._end_known(before[at], "removed")

    def _end_known(self, known: FileWeight, how: str) -> None:
        if self._now.get(known.path) is known:
            self._end(known.path, how)


def _path_of(file: FileWeight) -> str:
    return file.path
