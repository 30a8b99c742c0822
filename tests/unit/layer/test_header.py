import tarfile

import pytest

from whit.errors.layer import UnwritableNode
from whit.layer.header import header_of, padding
from whit.model.tree import Bytes, Dir, File, Link

FILE = File(Bytes(b"x"))


def read_back(blocks: bytes) -> tarfile.TarInfo:
    class Once:
        def __init__(self) -> None:
            self.at = 0

        def read(self, size: int) -> bytes:
            self.at += size
            return blocks[self.at - size : self.at]

        def tell(self) -> int:
            return self.at

        def seek(self, at: int) -> None:
            self.at = at

    archive = tarfile.TarFile.__new__(tarfile.TarFile)
    archive.fileobj, archive.encoding, archive.errors = Once(), "utf-8", "surrogateescape"
    archive.pax_headers, archive.offset = {}, 0
    return tarfile.TarInfo.fromtarfile(archive)


def test_a_plain_file_takes_one_block():
    blocks = header_of("/etc/passwd", FILE)
    assert len(blocks) == 512
    assert blocks[257:265] == b"ustar\x0000"
    assert blocks[265:329] == bytes(64), "no user and group names: they are the builder's"
    found = read_back(blocks)
    assert (found.name, found.mode, found.uid, found.mtime) == ("etc/passwd", 0o644, 0, 0)


def test_a_directory_ends_in_a_slash():
    assert header_of("/etc", Dir())[:5] == b"etc/\0"


def test_a_hard_link_has_the_mode_and_owner_of_its_file():
    blocks = header_of("/b", Link("/a", is_hard=True), File(Bytes(b"x"), mode=0o4755, uid=7))
    found = read_back(blocks)
    assert (found.type, found.linkname, found.mode, found.uid) == (b"1", "a", 0o4755, 7)
    assert found.size == 0


def test_a_symbolic_link_keeps_its_text():
    assert read_back(header_of("/b", Link("../a b"))).linkname == "../a b"


@pytest.mark.parametrize("length", [99, 100, 101, 155, 156, 200, 255, 256])
def test_long_names_split_in_ustar_or_take_a_record(length: int):
    path = "/" + "d" * 80 + "/" + "n" * (length - 81)
    blocks = header_of(path, FILE)
    assert read_back(blocks).name == path[1:]
    assert (len(blocks) == 512) == (len(path[1:]) <= 100 or length - 81 <= 100)


@pytest.mark.parametrize(
    "node",
    [
        File(Bytes(b""), uid=0o7777777 + 1, gid=3_000_000_000),
        File(Bytes(b""), mtime=-1),
        File(Bytes(b""), mtime=1 << 34),
        File(Bytes(b""), xattrs=(("security.capability", b"\1\0\0\n="),)),
    ],
)
def test_what_ustar_cannot_say_is_a_record(node: File):
    blocks = header_of("/a", node)
    assert len(blocks) == 3 * 512
    found = read_back(blocks)
    assert (found.uid, found.gid, found.mtime) == (node.uid, node.gid, node.mtime)
    for key, value in node.xattrs:
        stated = found.pax_headers[f"SCHILY.xattr.{key}"].encode("utf-8", "surrogateescape")
        assert stated == value


@pytest.mark.parametrize("extra", range(80, 120))
def test_a_record_counts_its_own_digits(extra: int):
    blocks = header_of("/" + "ü" * extra, FILE)
    body = blocks[512:]
    assert int(body.split(b" ")[0]) == body.index(b"\n") + 1


@pytest.mark.parametrize(
    ("path", "node"),
    [
        ("/a/.wh.b", FILE),
        ("/.wh..wh..opq", FILE),
        ("/a", Link("")),
        ("/a", Link("b\0c")),
        ("/a", File(Bytes(b""), mode=0o100644)),
        ("/a", File(Bytes(b""), uid=-1)),
        ("/a", File(Bytes(b""), gid=0xFFFFFFFF)),
        ("/a", File(Bytes(b""), xattrs=(("a=b", b""),))),
        ("/\ud800", FILE),
    ],
)
def test_what_no_layer_can_say_is_refused(path: str, node: File | Link):
    with pytest.raises(UnwritableNode):
        header_of(path, node)


def test_padding_fills_blocks():
    assert [padding(n) for n in (0, 1, 511, 512, 513)] == [0, 511, 1, 0, 511]
