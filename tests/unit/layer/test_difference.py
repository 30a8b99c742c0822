"""What a layer directory changes, as BuildKit's differ says it."""

import os
import shutil
import stat
from pathlib import Path

import pytest

from whit.layer.difference import Difference, difference
from whit.layer.stack import Stack
from whit.layer.write import write_layer
from whit.model.image import Compression, Format
from whit.model.tree import File, Link


@pytest.fixture
def low(tmp_path: Path) -> Path:
    low = tmp_path / "low"
    (low / "srv/data").mkdir(parents=True)
    for name in ("a", "b"):
        (low / "srv/data" / name).write_text(name)
    (low / "srv/link").symlink_to("data")
    return low


@pytest.fixture
def high(tmp_path: Path) -> Path:
    high = tmp_path / "high"
    (high / "srv").mkdir(parents=True)
    return high


def of(high: Path, low: Path) -> Difference:
    return difference(str(high), Stack((str(low),)))


def same_times(path: Path, like: Path) -> None:
    status = like.lstat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns), follow_symlinks=False)


def test_what_was_copied_up_and_left_alone_is_not_said(low: Path, high: Path):
    shutil.copytree(low / "srv", high / "srv", symlinks=True, dirs_exist_ok=True)
    for path in ("srv/data/a", "srv/data/b", "srv/link", "srv/data", "srv"):
        same_times(high / path, low / path)
    assert of(high, low) == Difference(of(high, low).tree)
    assert len(of(high, low).tree) == 0


def test_equal_whole_seconds_are_not_trusted(low: Path, high: Path):
    (high / "srv/data").mkdir()
    (high / "srv/data/a").write_text("A")
    for base in (low, high):
        os.utime(base / "srv/data/a", (7, 7))
    assert isinstance(of(high, low).tree.get("/srv/data/a"), File)


def test_a_change_comes_with_its_parents(low: Path, high: Path):
    (high / "srv/data").mkdir(mode=0o755)
    (high / "srv/data/a").write_text("changed")
    found = of(high, low)
    assert [path for path, _ in found.tree] == ["/srv", "/srv/data", "/srv/data/a"]
    assert found.removed == ()


def test_whiteouts_are_removals_of_what_was_there(low: Path, high: Path):
    (high / "srv/data").mkdir()
    same_times(high / "srv/data", low / "srv/data")
    same_times(high / "srv", low / "srv")
    for name in ("a", "never"):
        os.mknod(high / "srv/data" / name, stat.S_IFCHR, 0)
    found = of(high, low)
    assert found.removed == ("/srv/data/a",)
    assert [path for path, _ in found.tree] == ["/srv", "/srv/data"]


def test_an_opaque_directory_is_said_name_by_name(low: Path, high: Path):
    (high / "srv/data").mkdir()
    (high / "srv/data/c").write_text("c")
    os.setxattr(high / "srv/data", "user.overlay.opaque", b"y")
    assert of(high, low).removed == ("/srv/data/a", "/srv/data/b")


def test_a_directory_that_became_a_file_needs_no_whiteout(low: Path, high: Path):
    (high / "srv/data").write_text("a file")
    (high / "srv/link").mkdir()
    found = of(high, low)
    assert found.removed == ()
    assert [path for path, _ in found.tree] == ["/srv", "/srv/data", "/srv/link"]


def test_hard_links_stay_one_file_and_pipes_are_left_out(low: Path, high: Path):
    (high / "one").write_text("x")
    os.link(high / "one", high / "two")
    os.mkfifo(high / "pipe")
    found = of(high, low)
    assert found.tree.get("/two") == Link("/one", is_hard=True)
    assert found.foreign == ("/pipe",)


def test_removals_are_written_as_whiteouts(tmp_path: Path, low: Path, high: Path):
    os.mknod(high / "srv/link", stat.S_IFCHR, 0)
    found = of(high, low)
    place = tmp_path / "layer.tar"
    with place.open("wb") as out:
        write_layer(found.tree, Compression(Format.NONE), out, removed=found.removed)
    import tarfile

    with tarfile.open(place) as tar:
        gone = tar.getmember("srv/.wh.link")
    assert (gone.mode, gone.size, gone.mtime, gone.isreg()) == (0, 0, 0, True)
