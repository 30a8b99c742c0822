import os
from collections.abc import Callable
from pathlib import Path

import pytest

from layer_samples import stored
from whit.errors.layer import ContentChanged, ContentUnreadable
from whit.layer.content import open_content
from whit.model.tree import Bytes, Stored


def read_all(content: Bytes | Stored) -> bytes:
    with open_content(content) as stream:
        return stream.read()


def test_bytes_are_themselves():
    assert read_all(Bytes(b"abc")) == b"abc"


def test_a_file_is_read_whole_and_in_pieces(tmp_path: Path):
    path = tmp_path / "a"
    path.write_bytes(bytes(range(256)) * 10)
    content = stored(path)
    assert read_all(content) == path.read_bytes()
    with open_content(content) as stream:
        assert b"".join(iter(lambda: stream.read(7), b"")) == path.read_bytes()


def test_a_slice_of_a_file(tmp_path: Path):
    path = tmp_path / "archive"
    path.write_bytes(b"0123456789")
    assert read_all(stored(path, offset=3, size=4)) == b"3456"


def test_an_empty_file(tmp_path: Path):
    path = tmp_path / "empty"
    path.touch()
    assert read_all(stored(path)) == b""


@pytest.mark.parametrize("now", [b"abd", b"ab", b"abcd", b""])
def test_a_file_that_changed_is_an_error(tmp_path: Path, now: bytes):
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    content = stored(path)
    path.write_bytes(now)
    with pytest.raises(ContentChanged, match="changed while the image was made"):
        read_all(content)


def test_a_file_that_shrinks_under_the_reader(tmp_path: Path):
    path = tmp_path / "a"
    path.write_bytes(b"a" * 5000)
    with open_content(stored(path)) as stream:
        assert stream.read(1000)
        os.truncate(path, 1000)
        with pytest.raises(ContentChanged, match="shorter"):
            stream.read()


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda path: None])
def test_only_regular_files_are_read(tmp_path: Path, make: Callable[[Path], None]):
    path = tmp_path / "odd"
    make(path)
    with pytest.raises(ContentUnreadable):
        read_all(Stored(str(path), 0, "sha256:" + "0" * 64))


def test_a_path_with_a_nul_is_unreadable():
    with pytest.raises(ContentUnreadable):
        read_all(Stored("a\0b", 0, "sha256:" + "0" * 64))
