import io
import tarfile

import pytest
from hypothesis import given, settings

from layer_samples import ALL, member, small_tree, tar_of, trees, written
from whit.errors.layer import BrokenLayer, HostileLayer, LayerTooLarge
from whit.layer.inflate import Limits
from whit.layer.read import (
    DEFAULT_LIMITS,
    Changes,
    Kind,
    LayerReader,
    applied,
    read_layer,
    survey_layer,
)
from whit.model.image import Compression
from whit.model.tree import Bytes, Dir, File, Link, Tree


def read(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Changes:
    return read_layer(io.BytesIO(data), limits)


@pytest.mark.parametrize("compression", ALL, ids=str)
def test_what_was_written_is_read(compression: Compression):
    assert read(written(small_tree(), compression)[1]) == Changes(small_tree())


@given(trees())
@settings(max_examples=150, deadline=None)
def test_any_tree_comes_back(tree: Tree):
    found = read(written(tree)[1]).tree
    # A hard link is written with its file's owner and time: engines would apply them anyway.
    known = tree.as_dict()
    expected = {
        path: Link(
            node.target,
            is_hard=True,
            uid=known[node.target].uid,
            gid=known[node.target].gid,
            mtime=known[node.target].mtime,
        )
        if isinstance(node, Link) and node.is_hard
        else node
        for path, node in tree
    }
    assert found == Tree.of(expected)


@pytest.mark.parametrize("compression", ALL, ids=str)
def test_a_survey_says_what_the_writer_said(compression: Compression):
    layer, data = written(small_tree(), compression)
    survey = survey_layer(io.BytesIO(data))
    for field in ("digest", "size", "diff_id", "tar_bytes", "file_bytes", "file_count"):
        assert getattr(survey, field) == getattr(layer, field)


def test_names_of_other_tools_are_made_normal():
    data = tar_of(
        member("./", tarfile.DIRTYPE, mode=0o700),
        member("./etc/", tarfile.DIRTYPE, mode=0o750),
        (member("/app"), b"x"),  # ko writes a leading slash
        member("etc//./b", tarfile.SYMTYPE, target="../app"),
        member("c", tarfile.LNKTYPE, target="./app"),
    )
    assert read(data).tree == Tree.of(
        {
            "/app": File(Bytes(b"x")),
            "/etc": Dir(0o750),
            "/etc/b": Link("../app"),
            "/c": Link("/app", is_hard=True),
        }
    )


@pytest.mark.parametrize(
    "hostile",
    [
        member("../etc/passwd"),
        member("a/../../b"),
        member("/.."),
        member("a", tarfile.LNKTYPE, target="../../etc/shadow"),
        member("a", tarfile.LNKTYPE, target="/etc/shadow"),
        member("null", tarfile.CHRTYPE),
        member("sda", tarfile.BLKTYPE),
        member("pipe", tarfile.FIFOTYPE),
        member(".", tarfile.SYMTYPE, target="/"),
        member("a/.wh."),
        member("a/.wh.."),
        member("a/.wh..."),
    ],
    ids=lambda info: f"{info.type!r} {info.name}",
)
def test_what_reaches_out_is_refused(hostile: tarfile.TarInfo):
    with pytest.raises(HostileLayer):
        read(tar_of(hostile))


def test_writing_through_a_link_is_refused():
    data = tar_of(member("a", tarfile.SYMTYPE, target="/etc"), (member("a/passwd"), b"x"))
    with pytest.raises(HostileLayer, match="contradicts itself"):
        read(data)


@pytest.mark.parametrize(
    "members",
    [
        (member("a"), member("a")),
        (member("a"), member("./a")),
        (member("a"), member("/a")),
        (member("a"), member("a", tarfile.DIRTYPE)),
        (member("a", tarfile.DIRTYPE), member("a", tarfile.SYMTYPE, target="b")),
    ],
)
def test_a_path_said_twice_is_refused(members: tuple[tarfile.TarInfo, ...]):
    with pytest.raises(BrokenLayer, match="twice"):
        read(tar_of(*members))


def test_a_directory_may_be_said_twice():
    data = tar_of(member("a", tarfile.DIRTYPE, mode=0), member("a", tarfile.DIRTYPE, mode=0o711))
    assert read(data).tree.get("/a") == Dir(0o711)


@pytest.mark.parametrize("name", ["x" * 5000, "/".join("a" * 300)])
def test_paths_that_no_system_takes(name: str):
    with pytest.raises(BrokenLayer, match="no system takes"):
        read(tar_of(member(name)))


def test_memory_is_bounded():
    data = tar_of((member("a"), b"x" * 600), (member("b"), b"x" * 600))
    with pytest.raises(LayerTooLarge):
        read(data, Limits(held_bytes=1000))


def test_whiteouts_are_told():
    data = tar_of(member("a/.wh.b"), member("c/.wh..wh..opq"), member(".wh..wh.plnk"))
    assert read(data) == Changes(Tree(), removed=("/a/b",), opaque=("/c",))


def test_contents_may_be_left_unread():
    data = tar_of((member("a"), b"x" * 700), (member("b"), b"y" * 700))
    reader = LayerReader(io.BytesIO(data))
    contents = {e.path: b"".join(reader.content()) for e in reader if e.path == "/b"}
    assert contents == {"/b": b"y" * 700}


def test_kinds():
    data = written(small_tree())[1]
    assert {entry.path: entry.kind for entry in LayerReader(io.BytesIO(data))}["/also"] is (
        Kind.HARD_LINK
    )


# ---- one layer on another -------------------------------------------------------------------

LOWER = Tree.of(
    {
        "/etc/a": File(Bytes(b"a")),
        "/etc/b": File(Bytes(b"b")),
        "/lib": Dir(0o700),
        "/lib/deep/c": File(Bytes(b"c")),
    }
)


def names(tree: Tree) -> list[str]:
    return [path for path, _ in tree]


def test_a_layer_adds_and_replaces():
    upper = read(tar_of((member("etc/a"), b"new"), (member("lib/d"), b"d")))
    merged = applied(LOWER, upper)
    assert merged.get("/etc/a") == File(Bytes(b"new"))
    assert merged.get("/lib") == Dir(0o700), "a directory that is only implied keeps its mode"
    assert len(merged) == len(LOWER) + 1


@pytest.mark.parametrize(
    ("removing", "left"),
    [
        (".wh.lib", ["/etc", "/etc/a", "/etc/b"]),
        ("etc/.wh.a", ["/etc", "/etc/b", "/lib", "/lib/deep", "/lib/deep/c"]),
        ("lib/.wh..wh..opq", ["/etc", "/etc/a", "/etc/b", "/lib"]),
        (".wh..wh..opq", []),
        (".wh.absent", names(LOWER)),
    ],
)
def test_a_layer_removes(removing: str, left: list[str]):
    assert names(applied(LOWER, read(tar_of(member(removing))))) == left


def test_an_opaque_directory_keeps_what_its_own_layer_adds():
    upper = read(tar_of(member("lib/.wh..wh..opq"), (member("lib/new"), b"n")))
    assert names(applied(LOWER, upper)) == ["/etc", "/etc/a", "/etc/b", "/lib", "/lib/new"]


def test_a_file_replaces_a_directory():
    merged = applied(LOWER, read(tar_of((member("lib"), b"file"))))
    assert names(merged) == ["/etc", "/etc/a", "/etc/b", "/lib"]


def test_writing_through_a_lower_link_is_refused():
    lower = Tree.of({"/lib": Link("usr/lib")})
    with pytest.raises(HostileLayer, match="does not fit"):
        applied(lower, read(tar_of(member("lib/x"))))
