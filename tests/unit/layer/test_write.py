import gzip
import hashlib
import io
import tarfile
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings

from layer_samples import ALL, PLAIN, small_tree, stored, trees, written
from whit.errors.layer import ContentChanged
from whit.layer.write import layer_inputs, write_layer
from whit.model.image import Compression, Format
from whit.model.tree import Bytes, Dir, File, Link, Tree


def test_the_small_tree_as_tarfile_sees_it():
    _, data = written(small_tree())
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        seen = [(m.name, m.type, m.mode, m.linkname) for m in archive]
    assert seen == [
        ("app", b"0", 0o755, ""),
        ("etc", b"5", 0o755, ""),
        ("etc/empty", b"0", 0o644, ""),
        ("etc/greeting", b"0", 0o644, ""),
        ("short", b"2", 0o777, "etc/greeting"),
        ("tmp", b"5", 0o1777, ""),
        ("also", b"1", 0o755, "app"),  # after its target, whatever the order of names
    ]


@pytest.mark.parametrize("compression", ALL, ids=str)
def test_the_layer_tells_the_truth_about_its_bytes(compression: Compression):
    tree = small_tree()
    layer, data = written(tree, compression)
    opened = {
        Format.NONE: bytes,
        Format.GZIP: gzip.decompress,
        Format.ZSTD: zstandard.ZstdDecompressor().decompress,
    }[compression.format](data)
    assert layer.digest == "sha256:" + hashlib.sha256(data).hexdigest()
    assert layer.size == len(data)
    assert layer.diff_id == "sha256:" + hashlib.sha256(opened).hexdigest()
    assert layer.tar_bytes == len(opened)
    assert layer.file_bytes == tree.file_bytes
    assert layer.file_count == tree.file_count == 3
    assert layer.media_type == compression.format.media_type


def test_one_diff_id_for_all_compressions():
    assert len({written(small_tree(), compression)[0].diff_id for compression in ALL}) == 1


def test_a_large_file_crosses_blocks(tmp_path: Path):
    path = tmp_path / "large"
    path.write_bytes(bytes(range(256)) * (9 << 10) + b"end")
    tree = Tree.of({"/large": File(stored(path)), "/small": File(Bytes(b"s"))})
    layer, data = written(tree, Compression())
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
        assert archive.extractfile("large").read() == path.read_bytes()
        assert archive.extractfile("small").read() == b"s"
    assert layer.tar_bytes == 512 * 2 + 1024 + -(-path.stat().st_size // 512) * 512 + 512


@given(trees())
@settings(max_examples=150, deadline=None)
def test_tarfile_reads_what_is_written(tree: Tree):
    layer, data = written(tree)
    assert layer.tar_bytes == len(data)
    with tarfile.open(
        fileobj=io.BytesIO(data), encoding="utf-8", errors="surrogateescape"
    ) as archive:
        members = {"/" + member.name: member for member in archive}
        known = tree.as_dict()
        assert members.keys() == known.keys()
        for path, node in tree:
            member = members[path]
            owner = known[node.target] if isinstance(node, Link) and node.is_hard else node
            assert (member.uid, member.gid) == (owner.uid, owner.gid)
            assert member.mtime == owner.mtime
            if isinstance(node, File):
                assert archive.extractfile(member).read() == node.content.data
                assert member.mode == node.mode
            elif isinstance(node, Dir):
                assert member.isdir()
                assert member.mode == node.mode
            elif node.is_hard:
                assert member.islnk()
                assert "/" + member.linkname == node.target
            else:
                assert member.linkname == node.target


def test_a_file_that_changes_spoils_the_layer(tmp_path: Path):
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    tree = Tree.of({"/a": File(stored(path))})
    path.write_bytes(b"abd")
    with pytest.raises(ContentChanged):
        write_layer(tree, Compression(), io.BytesIO())


def test_inputs_name_everything_that_counts():
    def inputs(tree: Tree, compression: Compression = PLAIN) -> tuple[bytes, ...]:
        return layer_inputs(tree, compression)

    tree = small_tree()
    assert inputs(tree) == inputs(small_tree())
    others = [
        inputs(small_tree(b"other\n")),
        inputs(tree, Compression()),
        inputs(Tree.of({**tree.as_dict(), "/app": File(Bytes(b"hello\n" * 100), mode=0o555)})),
        inputs(Tree.of({**tree.as_dict(), "/short": Link("etc/empty")})),
        inputs(Tree.of({**tree.as_dict(), "/new": Dir()})),
    ]
    assert inputs(tree) not in others


def test_inputs_are_known_without_reading(tmp_path: Path):
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    tree = Tree.of({"/a": File(stored(path))})
    before = layer_inputs(tree, PLAIN)
    path.unlink()
    assert layer_inputs(tree, PLAIN) == before


def test_the_comment_stays_outside_the_bytes():
    out = io.BytesIO()
    layer = write_layer(small_tree(), PLAIN, out, "the program")
    assert layer.comment == "the program"
    assert out.getvalue() == written(small_tree())[1]
