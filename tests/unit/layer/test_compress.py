import gzip
import os
import sys
from pathlib import Path

import pytest
import zstandard

from layer_samples import ALL
from whit.layer import compress, threads
from whit.layer.compress import compressor_name, make_compressor, setting_for
from whit.model.image import Compression, Effort, Format

DATA = (os.urandom(1000) + bytes(5000)) * 700  # 4.2 MB: several blocks of any setting


def compressed(data: bytes, compression: Compression) -> bytes:
    out: list[bytes] = []
    compressor = make_compressor(compression, len(data), lambda made: out.append(bytes(made)))
    size = compressor.block_bytes
    for at in range(0, len(data), size):
        compressor.write(bytearray(data[at : at + size]))
    compressor.finish()
    return b"".join(out)


def opened(data: bytes, compression: Compression) -> bytes:
    if compression.format is Format.GZIP:
        return gzip.decompress(data)
    if compression.format is Format.ZSTD:
        return zstandard.ZstdDecompressor().decompress(data)
    return data


@pytest.mark.parametrize("compression", ALL, ids=str)
@pytest.mark.parametrize("size", [1024, 1 << 20, len(DATA)])
def test_what_goes_in_comes_out(compression: Compression, size: int):
    if compression == Compression(Format.ZSTD, Effort.BEST) and size == len(DATA):
        size //= 4
    assert opened(compressed(DATA[:size], compression), compression) == DATA[:size]


@pytest.mark.parametrize("compression", ALL, ids=str)
def test_bytes_do_not_depend_on_the_number_of_threads(
    compression: Compression, monkeypatch: pytest.MonkeyPatch
):
    data = DATA if compression.effort is Effort.FAST else DATA[: 3 << 19]
    made = set()
    for count in (1, 2, 7):
        monkeypatch.setattr(compress, "workers", lambda count=count: count)
        made.add(compressed(data, compression))
    assert len(made) == 1


def test_the_level_is_a_function_of_the_size():
    fast = Compression(Format.GZIP, Effort.FAST)
    levels = [setting_for(fast, size << 20).level for size in (0, 1, 4, 5, 12, 13, 30, 1000)]
    assert levels == sorted(levels, reverse=True)
    assert levels[0] > levels[-1]


@pytest.mark.parametrize("compression", ALL, ids=str)
def test_the_name_tells_library_version_and_level(compression: Compression):
    name = compressor_name(compression, 1000)
    if compression.format is Format.NONE:
        assert name == "none"
    else:
        assert f"level {setting_for(compression, 1000).level}" in name


def test_best_is_smaller_than_fast():
    data = Path(sys.executable).resolve().read_bytes()[: 1 << 20]
    for kind in (Format.GZIP, Format.ZSTD):
        best = compressed(data, Compression(kind, Effort.BEST))
        assert len(best) < len(compressed(data, Compression(kind, Effort.FAST)))


def test_there_is_at_least_one_worker_and_a_bound():
    assert 1 <= threads.workers() <= threads.MAX_WORKERS
