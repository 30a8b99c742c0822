"""The bytes of ld.so.cache in, libraries by name out; and the other way round. Pure.

ld.so.cache, format 1.1 (glibc sysdeps/generic/dl-cache.h); an older table may stand before it
  20  "glibc-ld.so.cache1.1"
   4  number of entries           4  bytes of strings
   1  byte order: 2 little, 3 big 3  padding
   4  offset of extensions        12 unused
  24  each entry: i32 flags, u32 name, u32 path, u32 system, u64 processor
      name and path count from the header; entries stand in falling order of their names
"""

import re
import struct
from collections.abc import Mapping

import msgspec

CACHE_PATH = "/etc/ld.so.cache"
MAGIC = b"glibc-ld.so.cache1.1"
OLD_MAGIC = b"ld.so-1.7.0\0"
HEADER_BYTES, ENTRY_BYTES = 48, 24
# FLAG_ELF_LIBC6 and the architecture's bits; what ldconfig marks other libraries with is skipped.
FLAGS = {
    "386": (0x0003,),
    "amd64": (0x0303,),
    "arm": (0x0903, 0x0B03, 0x0003),
    "arm64": (0x0A03,),
    "ppc64le": (0x0503, 0x0003),
    "riscv64": (0x1003, 0x0F03),
    "s390x": (0x0403,),
}
MAX_ENTRIES = 100_000


class Cached(msgspec.Struct, frozen=True):
    """A library in the cache; `is_plain` when any processor of the architecture may take it."""

    path: str
    is_plain: bool


def read_cache(
    data: bytes, architecture: str, order: str = "<"
) -> Mapping[str, tuple[Cached, ...]]:
    """Libraries by name, in the cache's order. A damaged cache is an empty one, as for ld.so."""
    start = 0
    if data.startswith(OLD_MAGIC) and len(data) >= 16:
        count = struct.unpack_from(order + "I", data, 12)[0]
        start = (16 + 12 * count + 7) & ~7
    if data[start : start + len(MAGIC)] != MAGIC or len(data) < start + HEADER_BYTES:
        return {}
    count = min(struct.unpack_from(order + "I", data, start + 20)[0], MAX_ENTRIES)
    first = start + HEADER_BYTES
    if first + count * ENTRY_BYTES > len(data):
        return {}
    found: dict[str, list[Cached]] = {}
    rows = memoryview(data)[first : first + count * ENTRY_BYTES]
    for flags, name, path, _, processor in struct.iter_unpack(order + "iIIIQ", rows):
        if flags in FLAGS.get(architecture, ()):
            cached = Cached(_text(data, start + path), processor == 0)
            found.setdefault(_text(data, start + name), []).append(cached)
    return {name: tuple(cached) for name, cached in found.items()}


def _text(data: bytes, at: int) -> str:
    end = data.find(b"\0", at, at + 4096)
    return data[at:end].decode("utf-8", "replace") if end >= 0 else ""


def write_cache(libraries: Mapping[str, str], architecture: str) -> bytes:
    """A cache that names these libraries and nothing else: name -> path."""
    mark = ">" if architecture == "s390x" else "<"
    names = sorted(libraries, key=sort_key, reverse=True)
    strings = b""
    rows = []
    base = HEADER_BYTES + ENTRY_BYTES * len(names)
    for name in names:
        at = base + len(strings)
        encoded = name.encode()
        strings += encoded + b"\0" + libraries[name].encode() + b"\0"
        flags = FLAGS[architecture][0]
        rows.append(struct.pack(mark + "iIIIQ", flags, at, at + len(encoded) + 1, 0, 0))
    head = struct.pack(mark + "IIB3xI12x", len(names), len(strings), 2 if mark == "<" else 3, 0)
    return MAGIC + head + b"".join(rows) + strings


def sort_key(name: str) -> tuple[tuple[int, int], ...]:
    """The order in which ld.so searches (_dl_cache_libcmp): numbers by their value, and after
    any other character.
    """
    key: list[tuple[int, int]] = []
    for digits, other in re.findall(r"(\d+)|(\D)", name, re.ASCII):
        key.append((1, int(digits)) if digits else (0, ord(other)))
    return tuple(key)
