"""The merged view: whiteouts, opaque directories, links that end at the root."""

import os
import stat
from pathlib import Path

import pytest

from whit.errors.layer import HostileLayer
from whit.layer.stack import Stack


def whiteout(path: Path) -> None:
    os.mknod(path, stat.S_IFCHR, 0)


@pytest.fixture
def low(tmp_path: Path) -> Path:
    low = tmp_path / "low"
    (low / "etc/app").mkdir(parents=True)
    (low / "etc/passwd").write_text("low\n")
    (low / "etc/app/conf").write_text("old\n")
    (low / "bin").symlink_to("usr/bin")
    (low / "usr/bin").mkdir(parents=True)
    (low / "usr/bin/sh").write_text("#\n")
    return low


@pytest.fixture
def high(tmp_path: Path) -> Path:
    high = tmp_path / "high"
    (high / "etc").mkdir(parents=True)
    (high / "etc/new").write_text("new\n")
    return high


def test_the_highest_layer_wins_and_directories_merge(low: Path, high: Path):
    stack = Stack((str(high), str(low)))
    assert stack.names("/etc") == ["app", "new", "passwd"]
    (high / "etc/passwd").write_text("high\n")
    assert stack.read("/etc/passwd") == b"high\n"
    assert stack.find("/etc/none") is None


def test_a_whiteout_hides_what_is_below(low: Path, high: Path):
    whiteout(high / "etc/app")
    stack = Stack((str(high), str(low)))
    assert stack.names("/etc") == ["new", "passwd"]
    assert stack.find("/etc/app/conf") is None


def test_an_opaque_directory_shows_its_own_only(low: Path, high: Path):
    (high / "etc/app").mkdir()
    (high / "etc/app/fresh").write_text("")
    os.setxattr(high / "etc/app", "user.overlay.opaque", b"y")
    assert Stack((str(high), str(low))).names("/etc/app") == ["fresh"]


def test_a_file_hides_a_directory_below_and_back(low: Path, high: Path):
    (high / "etc/app").write_text("a file now\n")
    stack = Stack((str(high), str(low)))
    assert stack.find("/etc/app/conf") is None
    assert [path for path, _ in stack.walk("/etc")] == [
        "/etc",
        "/etc/app",
        "/etc/new",
        "/etc/passwd",
    ]


def test_links_end_at_the_root(low: Path, tmp_path: Path):
    (tmp_path / "secret").write_text("outside\n")
    (low / "out").symlink_to("../../../../../../secret")
    (low / "absolute").symlink_to(str(tmp_path / "secret"))
    (low / "up").symlink_to("/..")
    stack = Stack((str(low),))
    assert stack.resolve("/bin/sh") == "/usr/bin/sh"
    assert stack.resolve("/out") == "/secret"
    assert stack.read("/out") == stack.read("/absolute") == b""
    assert stack.resolve("/up/etc/passwd") == "/etc/passwd"
    assert stack.resolve("/bin", last=False) == "/bin"
    assert stack.find("/bin/sh") is None, "only `resolve` follows links"


def test_a_circle_of_links_is_refused(low: Path):
    (low / "a").symlink_to("b")
    (low / "b").symlink_to("a")
    with pytest.raises(HostileLayer, match="circle"):
        Stack((str(low),)).resolve("/a/x")


def test_no_layers_are_an_empty_root():
    stack = Stack(())
    assert stack.names("/") == []
    assert stack.find("/") is None
    assert stack.resolve("/a/../b") == "/b"
