"""Blocks of a tar in, compressed bytes out: one table of format, effort and size.

The rule of the room: the bytes are a function of the tar, the format, the effort and the version
of the library; never of the number of processors, their features or the load. So the level
depends on the tar's size alone, and so does the size of the members that gzip is made of (RFC 1952
2.2: members may be concatenated; Go, docker, containerd and skopeo read them so); and zstd always
works in its multi-threaded mode, whose output does not depend on the number of threads.

ISA-L, though faster, is not used: it searches matches differently on different processors.
"""

import hashlib
from collections.abc import Callable
from typing import Protocol

import msgspec

from whit.layer.threads import Ordered, workers
from whit.model.image import Compression, Effort, Format

MEBIBYTE = 1 << 20
BLOCK_BYTES = MEBIBYTE
# Less than this compresses worse in parts, and takes no time.
SMALLEST_MEMBER = 1 << 17


class Setting(msgspec.Struct, frozen=True):
    """A level, and how much is compressed at once; `is_even` makes all blocks equally long, and
    their number even. A zstd job is what one thread takes, and
    `overlap_log` how much of what came before it may look at: 9 is a whole window, 8 a half.
    """

    level: int
    block_bytes: int = BLOCK_BYTES
    is_even: bool = False
    job_bytes: int = 0
    overlap_log: int = 0


class Compressor(Protocol):
    """Takes blocks of exactly `block_bytes` (the last may be shorter), then `finish`."""

    name: str
    block_bytes: int

    def write(self, block: bytearray) -> None: ...
    def finish(self) -> None: ...
    def close(self) -> None: ...


class Earlier(Protocol):
    """The gzip members of a layer that was written before by the same library at the same level."""

    def find(self, block: bytes) -> bytes | None:
        """The member that stands for the block with this SHA-256; called from several threads."""

    def note(self, block: bytes, member: bytes | bytearray) -> None:
        """What the next member of the new layer stands for, in order."""


# Tars of at most so many bytes -> setting; the last row has no limit. Measured on two busy cores:
# libdeflate 6 takes 25 ms/MB on one core, 5 takes 12, 1 takes 7; a build may add 100 ms to a
# 2 MB program and 15 % to a 24 MB one, whose link takes 1.5 s.
_GZIP_FAST = (
    (4 * MEBIBYTE, Setting(6, is_even=True)),
    (12 * MEBIBYTE, Setting(5, is_even=True)),
    # Blocks that end where those of the last build did: an edit leaves most of a program as it was.
    (0, Setting(1)),
)
_GZIP_BEST = ((0, Setting(12, block_bytes=4 * MEBIBYTE)),)
# 24 MB at level 3: jobs of 2 MiB are 0.2 % larger than one job and use every processor.
_ZSTD_FAST = (
    (4 * MEBIBYTE, Setting(6, job_bytes=2 * MEBIBYTE)),
    (0, Setting(3, job_bytes=2 * MEBIBYTE)),
)
# 24 MB at level 19 take 14 s in one job; jobs of 8 MiB are 0.2 % larger and run side by side.
# Level 22, longer windows and long-distance matching gain less than 0.01 % on programs.
_ZSTD_BEST = ((0, Setting(19, job_bytes=8 * MEBIBYTE, overlap_log=8)),)
_TABLE = {
    (Format.GZIP, Effort.FAST): _GZIP_FAST,
    (Format.GZIP, Effort.BEST): _GZIP_BEST,
    (Format.ZSTD, Effort.FAST): _ZSTD_FAST,
    (Format.ZSTD, Effort.BEST): _ZSTD_BEST,
}


def setting_for(compression: Compression, tar_bytes: int) -> Setting:
    """The row of the table for a tar of `tar_bytes`."""
    if compression.format is Format.NONE:
        return Setting(0)
    rows = _TABLE[compression.format, compression.effort]
    return next(setting for limit, setting in rows if not limit or tar_bytes <= limit)


def member_bytes(setting: Setting, tar_bytes: int) -> int:
    """How much of the tar makes a gzip member. Of 1.6 MB two halves are done sooner, by two
    threads, than a block and a rest.
    """
    if not setting.is_even:
        return setting.block_bytes
    members = 2 * -(-tar_bytes // (2 * setting.block_bytes))
    return max(SMALLEST_MEMBER, -(-tar_bytes // max(1, members)))


def compressor_name(compression: Compression, tar_bytes: int) -> str:
    """Library, version and level, for the record; two equal names mean equal bytes."""
    setting = setting_for(compression, tar_bytes)
    if compression.format is Format.GZIP:
        import deflate  # noqa: PLC0415

        count = max(1, -(-tar_bytes // member_bytes(setting, tar_bytes)))
        return f"libdeflate (deflate {deflate.__version__}) level {setting.level}, {count}-fold"
    if compression.format is Format.ZSTD:
        import zstandard  # noqa: PLC0415

        version = ".".join(str(part) for part in zstandard.ZSTD_VERSION)
        return f"zstd {version} level {setting.level}, {setting.job_bytes // MEBIBYTE} MiB"
    return "none"


def member_kind(compression: Compression, tar_bytes: int) -> str:
    """What decides the bytes of a gzip member besides its block, where the blocks of a layer of
    about this size are cut at the same places in the next build; else "".
    """
    setting = setting_for(compression, tar_bytes)
    is_whole = setting.is_even or tar_bytes <= setting.block_bytes
    if compression.format is not Format.GZIP or is_whole:
        return ""
    import deflate  # noqa: PLC0415

    return f"deflate {deflate.__version__} level {setting.level} of {setting.block_bytes}"


def compressor_versions() -> dict[str, str]:
    """The libraries that decide the bytes of every layer."""
    import deflate  # noqa: PLC0415
    import zstandard  # noqa: PLC0415

    zstd = ".".join(str(part) for part in zstandard.ZSTD_VERSION)
    return {"gzip": f"deflate {deflate.__version__}", "zstd": f"zstd {zstd}"}


def make_compressor(
    compression: Compression,
    tar_bytes: int,
    sink: Callable[[bytes | bytearray], None],
    earlier: Earlier | None = None,
) -> Compressor:
    """A compressor for a tar of exactly `tar_bytes` that hands its output to `sink`."""
    name = compressor_name(compression, tar_bytes)
    setting = setting_for(compression, tar_bytes)
    if compression.format is Format.GZIP:
        return _Gzip(name, setting, tar_bytes, sink, earlier)
    if compression.format is Format.ZSTD:
        return _Zstandard(name, setting, tar_bytes, sink)
    return _Plain(name, setting, sink)


class _Plain:
    def __init__(
        self, name: str, setting: Setting, sink: Callable[[bytes | bytearray], None]
    ) -> None:
        self.name, self.block_bytes, self._sink = name, setting.block_bytes, sink

    def write(self, block: bytearray) -> None:
        self._sink(bytes(block))

    def finish(self) -> None: ...

    def close(self) -> None: ...


class _Gzip:
    """One gzip member a block, several blocks at once; a block that is known is not compressed."""

    def __init__(
        self,
        name: str,
        setting: Setting,
        tar_bytes: int,
        sink: Callable[[bytes | bytearray], None],
        earlier: Earlier | None,
    ) -> None:
        self.name, self.block_bytes, self._sink = name, member_bytes(setting, tar_bytes), sink
        self._level, self._earlier = setting.level, earlier
        blocks = -(-tar_bytes // self.block_bytes)
        self._jobs: Ordered[bytearray, tuple[bytes, bytes | bytearray]] = Ordered(
            self._member, max(1, min(workers(), blocks))
        )

    def write(self, block: bytearray) -> None:
        self._jobs.give(block)
        if self._jobs.is_full:
            self._take()

    def finish(self) -> None:
        while not self._jobs.is_empty:
            self._take()
        self.close()

    def close(self) -> None:
        self._jobs.close()

    def _member(self, block: bytearray) -> tuple[bytes, bytes | bytearray]:
        import deflate  # noqa: PLC0415

        if self._earlier is None:
            return b"", deflate.gzip_compress(block, self._level)
        digest = hashlib.sha256(block).digest()
        known = self._earlier.find(digest)
        return digest, known or deflate.gzip_compress(block, self._level)

    def _take(self) -> None:
        digest, member = self._jobs.take()
        if self._earlier is not None:
            self._earlier.note(digest, member)
        self._sink(member)


class _Zstandard:
    """One frame with its content size and checksum."""

    def __init__(
        self, name: str, setting: Setting, tar_bytes: int, sink: Callable[[bytes | bytearray], None]
    ) -> None:
        import zstandard  # noqa: PLC0415

        self.name, self.block_bytes, self._sink = name, setting.block_bytes, sink
        parameters = zstandard.ZstdCompressionParameters.from_level(
            setting.level,
            source_size=tar_bytes,
            write_checksum=True,
            threads=workers(),
            job_size=setting.job_bytes,
            overlap_log=setting.overlap_log,
        )
        compressor = zstandard.ZstdCompressor(compression_params=parameters)
        self._stream = compressor.compressobj(size=tar_bytes)

    def write(self, block: bytearray) -> None:
        self._sink(self._stream.compress(block))

    def finish(self) -> None:
        self._sink(self._stream.flush())

    def close(self) -> None: ...
