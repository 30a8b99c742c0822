import io
import os
import stat
import tarfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from layer_samples import member, small_tree, tar_of, trees, written
from whit.errors import WhitError
from whit.errors.layer import CannotUnpack, HostileLayer
from whit.layer.unpack import unpack_layer, unpack_layers
from whit.model.tree import Tree


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "root"
    path.mkdir()
    return path


def unpack(root: Path, *layers: bytes) -> None:
    unpack_layers((io.BytesIO(layer) for layer in layers), root)


def listing(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


def test_the_small_tree(root: Path):
    unpack_layer(io.BytesIO(written(small_tree())[1]), root)
    assert listing(root) == sorted(path[1:] for path, _ in small_tree())
    assert (root / "app").stat().st_ino == (root / "also").stat().st_ino
    assert stat.S_IMODE((root / "app").stat().st_mode) == 0o755
    assert stat.S_IMODE((root / "tmp").stat().st_mode) == 0o1777
    assert (root / "tmp").stat().st_mtime == 0
    assert (root / "short").read_text() == "hello\n"


def test_a_read_only_directory_is_filled_first(root: Path):
    ro = member("ro", tarfile.DIRTYPE, mode=0o555)
    unpack(root, tar_of(ro, (member("ro/a"), b"a")), tar_of((member("ro/b"), b"b")))
    assert listing(root) == ["ro", "ro/a", "ro/b"]
    assert stat.S_IMODE((root / "ro").stat().st_mode) == 0o555


@pytest.mark.parametrize("target", ["/outside", "../outside", "../../../../outside"])
def test_links_are_followed_inside_the_root_only(root: Path, target: str):
    outside = root.parent / "outside"
    outside.mkdir()
    link = member("way", tarfile.SYMTYPE, target=target)
    unpack(root, tar_of(link, (member("way/file"), b"x")))
    assert list(outside.iterdir()) == []
    assert (root / "outside/file").read_bytes() == b"x", "as a process inside would see it"


def test_a_file_does_not_write_through_a_link_in_its_place(root: Path):
    victim = root.parent / "victim"
    victim.write_text("safe")
    link = tar_of(member("a", tarfile.SYMTYPE, target=str(victim)))
    unpack(root, link, tar_of((member("a"), b"new")))
    assert victim.read_text() == "safe"
    assert (root / "a").read_bytes() == b"new"


def test_a_directory_replaces_a_link_to_one(root: Path):
    outside = root.parent / "outside"
    outside.mkdir(mode=0o700)
    link = tar_of(member("d", tarfile.SYMTYPE, target=str(outside)))
    unpack(root, link, tar_of(member("d", tarfile.DIRTYPE, mode=0o777)))
    assert (root / "d").is_dir()
    assert not (root / "d").is_symlink()
    assert stat.S_IMODE(outside.stat().st_mode) == 0o700


def test_a_hard_link_through_a_link_stays_inside(root: Path):
    (root.parent / "secret").write_text("secret")
    data = tar_of(
        member("up", tarfile.SYMTYPE, target=".."), member("a", tarfile.LNKTYPE, target="up/secret")
    )
    with pytest.raises(HostileLayer, match="no file"):
        unpack(root, data)


def test_a_hard_link_to_a_symbolic_link_is_refused(root: Path):
    data = tar_of(
        member("s", tarfile.SYMTYPE, target="/etc/shadow"),
        member("a", tarfile.LNKTYPE, target="s"),
    )
    with pytest.raises(HostileLayer):
        unpack(root, data)


@pytest.mark.parametrize(
    "members",
    [
        (member("a", tarfile.SYMTYPE, target="b"), member("b", tarfile.SYMTYPE, target="a"),
         member("a/x")),
        (member("f"), member("f/x")),
    ],
)  # fmt: skip
def test_ways_that_lead_nowhere(root: Path, members: tuple[tarfile.TarInfo, ...]):
    with pytest.raises(HostileLayer):
        unpack(root, tar_of(*members))


@pytest.mark.parametrize(
    ("upper", "left"),
    [
        (["etc/.wh.greeting"], ["also", "app", "etc", "etc/empty", "short", "tmp"]),
        ([".wh.etc"], ["also", "app", "short", "tmp"]),
        (["etc/.wh..wh..opq"], ["also", "app", "etc", "short", "tmp"]),
        (["etc/new", "etc/.wh..wh..opq"], ["also", "app", "etc", "etc/new", "short", "tmp"]),
        ([".wh..wh..opq", "new"], ["new"]),
        (["absent/.wh.x"], ["also", "app", "etc", "etc/empty", "etc/greeting", "short", "tmp"]),
        ([".wh.app", "app"], ["also", "app", "etc", "etc/empty", "etc/greeting", "short", "tmp"]),
    ],
)
def test_whiteouts(root: Path, upper: list[str], left: list[str]):
    unpack(root, written(small_tree())[1], tar_of(*map(member, upper)))
    assert listing(root) == left


def test_a_whiteout_does_not_reach_through_a_link(root: Path):
    victim = root.parent / "victim"
    victim.mkdir()
    (victim / "file").touch()
    link = tar_of(member("d", tarfile.SYMTYPE, target=str(victim)))
    unpack(root, link, tar_of(member("d/.wh.file")), tar_of(member("d/.wh..wh..opq")))
    assert (victim / "file").exists()
    unpack(root, tar_of(member(".wh.d")))
    assert listing(root) == []
    assert (victim / "file").exists()


def test_a_root_that_is_not_there(tmp_path: Path):
    with pytest.raises(CannotUnpack):
        unpack(tmp_path / "absent", tar_of(member("a")))


@given(trees())
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_tree_stays_inside(tmp_path: Path, tree: Tree):
    place = tmp_path / os.urandom(6).hex()
    (place / "root").mkdir(parents=True)
    with suppress(WhitError):  # a name or a time may be more than this disk takes
        unpack(place / "root", written(tree)[1])
    assert [path.name for path in place.iterdir()] == ["root"]
