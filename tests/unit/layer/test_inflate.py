import gzip
import hashlib
import io
import os
from collections.abc import Callable

import pytest
import zstandard

from whit.errors.layer import BrokenLayer, LayerTooLarge
from whit.layer.inflate import Limits, TarBytes
from whit.layer.read import DEFAULT_LIMITS

DATA = os.urandom(3000) * 100
ZSTD = zstandard.ZstdCompressor().compress


def inflated(data: bytes, limits: Limits = DEFAULT_LIMITS) -> bytes:
    source = TarBytes(io.BytesIO(data), limits)
    first = source.read(10)
    rest = b"".join(iter(lambda: source.read_block(10), b""))
    assert source.blob_bytes == len(data)
    assert source.tar_bytes == source.position == len(first + rest)
    assert source.blob_digest == "sha256:" + hashlib.sha256(data).hexdigest()
    assert source.tar_digest == "sha256:" + hashlib.sha256(first + rest).hexdigest()
    return first + rest


@pytest.mark.parametrize(
    "data",
    [
        DATA,
        gzip.compress(DATA),
        gzip.compress(DATA[:100]) + gzip.compress(DATA[100:]),
        gzip.compress(b"") + gzip.compress(DATA),
        gzip.compress(DATA) + bytes(512),
        ZSTD(DATA),
        ZSTD(DATA[:5000]) + ZSTD(DATA[5000:]),
    ],
    ids=["plain", "gzip", "members", "empty member", "padded", "zstd", "frames"],
)
def test_every_form_is_read(data: bytes):
    assert inflated(data) == DATA


@pytest.mark.parametrize("make", [gzip.compress, ZSTD])
@pytest.mark.parametrize("cut", [1, 5, 100, 100_000])
def test_a_truncated_stream_is_an_error(make: Callable[[bytes], bytes], cut: int):
    with pytest.raises(BrokenLayer, match="truncated"):
        inflated(make(DATA)[:-cut])


@pytest.mark.parametrize("make", [gzip.compress, ZSTD])
def test_a_flipped_byte_is_an_error(make: Callable[[bytes], bytes]):
    data = bytearray(make(DATA))
    data[len(data) // 2 :] = bytes(byte ^ 0x55 for byte in data[len(data) // 2 :])
    with pytest.raises(BrokenLayer):
        inflated(bytes(data))


@pytest.mark.parametrize("tail", [b"x", b"\0\0x", DATA])
def test_what_follows_gzip_data_is_an_error(tail: bytes):
    with pytest.raises(BrokenLayer):
        inflated(gzip.compress(DATA) + tail)


def test_the_end_comes_too_early():
    source = TarBytes(io.BytesIO(b"abc"), Limits())
    with pytest.raises(BrokenLayer, match="truncated"):
        source.read(4)


def test_a_total_is_bounded():
    with pytest.raises(LayerTooLarge, match="more than 100000 bytes"):
        inflated(DATA, Limits(tar_bytes=100_000))


@pytest.mark.parametrize("make", [gzip.compress, ZSTD])
def test_a_bomb_is_refused_by_its_ratio(make: Callable[[bytes], bytes]):
    bomb = make(bytes(8_000_000))
    assert len(inflated(bomb)) == 8_000_000, "small ones are let through"
    with pytest.raises(LayerTooLarge, match="bomb"):
        inflated(bomb, Limits(free_bytes=1 << 20, ratio=400))


def test_a_huge_window_is_refused():
    parameters = zstandard.ZstdCompressionParameters.from_level(1, window_log=28)
    data = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    with pytest.raises(BrokenLayer, match="zstd"):
        inflated(data.compress(DATA) + data.flush())
