r"""An archive of compiled Go in, its symbols and relocations out: what Go's linker reads. Pure.

    !<arch>\n, then members of 60 bytes of header each: __.PKGDEF, _go_.o, those of the assembler
    "go object …\n!\n", then since Go 1.20
      0  "\0go120ld"   8 fingerprint   16 flags   20 offsets of 19 blocks
    symbol      u32 length and offset of the name, u16 ABI, u8 kind, 2 u8 flags, u32 size, align
    relocation  i32 offset, u8 size, i16 kind, i64 addend, reference
    reference   u32 package, u32 symbol
Kinds are numbers that move with releases; the toolchain's own source says them (`golang.objects`).
"""

import struct
from collections.abc import Iterator
from itertools import pairwise

import msgspec
import numpy as np
import numpy.typing as npt

MAGIC = b"\0go120ld"
MAX_SYMBOLS = 1 << 22
_ARCHIVE, _MEMBER_BYTES = b"!<arch>\n", 60
_END = b"\n!\n"
_PACKAGES, _DEFINED, _REFERRED, _FLAGS, _HASHES64, _HASHES = 1, 3, 7, 8, 9, 10
_RELOCATION_INDEX, _AUX_INDEX, _DATA_INDEX, _RELOCATIONS, _AUX, _DATA, _NAMES = range(11, 18)
_BLOCKS = 19
_NAME = struct.Struct("<II")  # of a symbol: length and offset
_HEADER = struct.Struct(f"<8s8sI{_BLOCKS}I")
# What stands in front of the magic; with directives of cgo it is longer.
_TEXT_BYTES = (1 << 10, 1 << 20)

Rows = npt.NDArray[np.void]
SYMBOL = np.dtype([
    ("length", "<u4"), ("name", "<u4"), ("abi", "<u2"), ("kind", "u1"), ("flag", "u1"),
    ("flag2", "u1"), ("size", "<u4"), ("align", "<u4"),
])  # fmt: skip
RELOCATION = np.dtype([
    ("at", "<i4"), ("size", "u1"), ("kind", "<i2"), ("add", "<i8"), ("package", "<u4"),
    ("symbol", "<u4"),
])  # fmt: skip
AUX = np.dtype([("kind", "u1"), ("package", "<u4"), ("symbol", "<u4")])
FLAG = np.dtype([("package", "<u4"), ("symbol", "<u4"), ("flag", "u1"), ("flag2", "u1")])

# What stands for a package in a reference (cmd/internal/goobj).
NONE, HASHED64, HASHED, BUILTIN, SELF = (0x7FFFFFFF - number for number in range(5))
REFLECT_METHOD, GO_TYPE = 1 << 5, 1 << 6
USED_IN_INTERFACE, ITAB = 1 << 0, 1 << 1


class Unit(msgspec.Struct, frozen=True):
    """One object. `symbols` are those of the package, those with a short hash, with a hash and
    without a package, `counts` of each; behind them those that are only referred to. `place` is
    where the object begins in the archive.
    """

    package: str
    place: int
    directives: bytes
    data: memoryview
    counts: tuple[int, int, int, int]
    symbols: Rows
    symbol_start: int
    packages: tuple[str, ...]
    hashes64: npt.NDArray[np.uint64]
    hashes: npt.NDArray[np.uint64]
    flags: Rows
    relocation_index: npt.NDArray[np.uint32]
    relocations: Rows
    aux_index: npt.NDArray[np.uint32]
    aux: Rows
    data_index: npt.NDArray[np.uint32]
    data_start: int

    @property
    def defined(self) -> int:
        return sum(self.counts)

    @property
    def text(self) -> bytes:
        """Up to the blocks: the names of symbols."""
        return bytes(self.data[: _HEADER.unpack_from(self.data)[3]])

    def raw_name(self, index: int) -> bytes:
        length, at = _NAME.unpack_from(self.data, self.symbol_start + SYMBOL.itemsize * index)
        return bytes(self.data[at : at + length])

    def content(self, index: int) -> bytes:
        first, last = self.data_index[index : index + 2]
        return bytes(self.data[self.data_start + first : self.data_start + last])

    def flag_place(self, index: int) -> int:
        """Where the flags of a symbol lie in the archive."""
        return self.place + self.symbol_start + SYMBOL.itemsize * index + 11


def read_units(package: str, archive: memoryview) -> Iterator[Unit]:
    """The objects of an archive; none of what has another form."""
    if bytes(archive[:8]) != _ARCHIVE:
        return
    at = len(_ARCHIVE)
    while at + _MEMBER_BYTES <= len(archive):
        header = bytes(archive[at : at + _MEMBER_BYTES])
        digits = header[48:58].strip()
        if not digits.isdigit():
            return
        start, size = at + _MEMBER_BYTES, int(digits)
        member = archive[start : start + size]
        found = -1 if header.startswith(b"__.PKGDEF") else _text_bytes(member)
        if found >= 0:
            unit = _unit(package, start + found, bytes(member[:found]), member[found:])
            if unit is not None:
                yield unit
        at = start + size + size % 2


def _text_bytes(member: memoryview) -> int:
    """Where the object begins; -1 where there is none."""
    for length in _TEXT_BYTES:
        found = bytes(member[:length]).find(_END + MAGIC)
        if found >= 0:
            return found + len(_END)
    return -1


def _unit(package: str, place: int, directives: bytes, data: memoryview) -> Unit | None:
    if len(data) < _HEADER.size:
        return None
    offsets = _HEADER.unpack_from(data)[3:]
    in_order = all(low <= high for low, high in pairwise(offsets))
    size = offsets[_PACKAGES + 1] - offsets[_PACKAGES]
    if not in_order or offsets[-1] > len(data) or size % 8:
        return None

    def block(number: int, kind: object, last: int = 0) -> Rows:
        low, high = offsets[number], offsets[(last or number) + 1]
        form = np.dtype(kind)  # type: ignore[call-overload]
        return np.frombuffer(data, form, (high - low) // form.itemsize, low)

    ends = [offsets[_DEFINED + number] for number in range(5)]
    counts = tuple((high - low) // SYMBOL.itemsize for low, high in pairwise(ends))
    symbols = block(_DEFINED, SYMBOL, _REFERRED)
    defined = sum(counts)
    indexes = [block(n, "<u4") for n in (_RELOCATION_INDEX, _AUX_INDEX, _DATA_INDEX)]
    lists = [block(_RELOCATIONS, RELOCATION), block(_AUX, AUX)]
    far = symbols["name"].astype(np.int64) + symbols["length"] > len(data)
    if (
        len(symbols) > MAX_SYMBOLS
        or bool(far.any())
        or any(len(index) != defined + 1 or _falls(index) for index in indexes)
        or any(len(i) and i[-1] > len(r) for i, r in zip(indexes, lists, strict=False))
    ):
        return None
    texts = struct.iter_unpack("<II", data[offsets[_PACKAGES] : offsets[_PACKAGES + 1]])
    names = [bytes(data[at : at + length]) for length, at in texts]
    return Unit(
        package=package,
        place=place,
        directives=directives,
        data=data,
        counts=(counts[0], counts[1], counts[2], counts[3]),
        symbols=symbols,
        symbol_start=offsets[_DEFINED],
        packages=tuple(name.decode("utf-8", "replace") for name in names),
        hashes64=block(_HASHES64, "<u8"),  # type: ignore[arg-type]
        hashes=block(_HASHES, "<u8"),  # type: ignore[arg-type]
        flags=block(_FLAGS, FLAG),
        relocation_index=indexes[0],  # type: ignore[arg-type]
        relocations=lists[0],
        aux_index=indexes[1],  # type: ignore[arg-type]
        aux=lists[1],
        data_index=indexes[2],  # type: ignore[arg-type]
        data_start=offsets[_DATA],
    )


def _falls(index: Rows) -> bool:
    return bool((np.diff(index.astype(np.int64)) < 0).any())
