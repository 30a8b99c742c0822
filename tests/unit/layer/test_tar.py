import io
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layer_samples import member, small_tree, tar_of, written
from whit.errors import WhitError
from whit.errors.layer import BrokenLayer, LayerTooLarge
from whit.layer.inflate import Limits, TarBytes
from whit.layer.read import DEFAULT_LIMITS
from whit.layer.tar import RawEntry, raw_entries

END = bytes(1024)


def entries(data: bytes, limits: Limits = DEFAULT_LIMITS) -> list[RawEntry]:
    return list(raw_entries(TarBytes(io.BytesIO(data), limits)))


def patched(data: bytes, at: int, value: bytes) -> bytes:
    """A header with a field replaced and its checksum made right again."""
    block = bytearray(data[:512])
    block[at : at + len(value)] = value
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + data[512:]


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_the_three_formats(form: int):
    name = "d" * 90 + "/" + "n" * 60
    data = tar_of((member(name, mode=0o600, uid=5, gid=6, mtime=77), b"abc"), format=form)
    (found,) = entries(data)
    assert (found.name.decode(), found.mode, found.uid, found.gid) == (name, 0o600, 5, 6)
    assert (found.mtime, found.size) == (77, 3)


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_what_does_not_fit_plain_headers(form: int):
    long = "/".join("ü" * 50 for _ in range(8))
    info = member(long, tarfile.SYMTYPE, target=long + "x", uid=1 << 31, mtime=-5)
    (found,) = entries(tar_of(info, format=form))
    assert (found.name.decode(), found.link.decode()) == (long, long + "x")
    assert (found.uid, found.mtime) == (1 << 31, -5)


def test_extended_headers_hold_for_one_entry_only():
    first = member("a", pax_headers={"path": "long name", "SCHILY.xattr.user.k": "v"})
    found = entries(tar_of(first, member("b"), format=tarfile.PAX_FORMAT))
    assert [(one.name, one.xattrs) for one in found] == [
        (b"long name", (("user.k", b"v"),)),
        (b"b", ()),
    ]


def test_global_headers_hold_for_all():
    data = tar_of(member("a"), member("b"), format=tarfile.PAX_FORMAT, pax_headers={"gid": "77"})
    assert [one.gid for one in entries(data)] == [77, 77]


def test_a_long_name_cut_behind_a_slash_is_a_file():
    """Python's tarfile fills the plain header with the first 100 bytes of a long path."""
    name = "a" * 99 + "/b"
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar:
        member = tarfile.TarInfo(name)
        member.size = 3
        tar.addfile(member, io.BytesIO(b"abc"))
    (entry,) = raw_entries(TarBytes(io.BytesIO(stream.getvalue()), Limits()))
    assert (entry.kind, entry.name, entry.size) == (b"0", name.encode(), 3)


def test_a_v7_directory_is_a_name_with_a_slash():
    data = patched(tar_of(member("a", tarfile.AREGTYPE)), 0, b"dir/")
    assert entries(data)[0].kind == b"5"


def test_contents_that_nobody_reads_are_skipped():
    data = tar_of((member("a"), b"x" * 5000), (member("b"), b"y"))
    source = TarBytes(io.BytesIO(data), Limits())
    names = []
    for raw in raw_entries(source):
        names.append(raw.name)
        if raw.name == b"a":
            assert source.read(100) == b"x" * 100
    assert names == [b"a", b"b"]


@pytest.mark.parametrize(
    ("data", "count"),
    [
        (b"", 0),
        (tar_of(member("a"))[:512], 1),
        (tar_of((member("a"), b"x" * 600))[:1536], 1),
    ],
)
def test_an_end_marker_may_be_missing(data: bytes, count: int):
    assert len(entries(data)) == count


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (bytes(512) + b"x" * 512, "half an end marker"),
        (b"x" * 512 + END, "number|checksum"),
        (tar_of((member("a"), b"x" * 600))[:1200], "truncated"),
        (patched(tar_of(member("a")), 124, b"00000000-12\0"), "for a number"),
        (patched(tar_of(member("a")), 124, b"\xff" * 12), "out of range"),
        (patched(tar_of(member("a")), 124, b"\xbf" + b"\xff" * 11), "out of range"),
        (patched(tar_of(member("a")), 156, b"S"), "sparse"),
    ],
)
def test_damage_is_said(data: bytes, message: str):
    with pytest.raises(BrokenLayer, match=message):
        entries(data)


@pytest.mark.parametrize(
    "body",
    [
        b"11 path=abc",
        b"99 path=abc\n",
        b"0 path=abc\n",
        b"-5 path=abc\n",
        b"path=abc\n",
        b"9 pathabc\n",
        b"8 =abcd\n",
        b"13 path=abc\n",
        b"12 size=1x2\n",
        b"12 size=-12\n",
        b"22 GNU.sparse.major=1\n",
        b"9" * 400,
    ],
)
def test_damaged_records_are_said(body: bytes):
    header = patched(tar_of((member("p"), body)), 156, b"x")
    with pytest.raises(BrokenLayer):
        entries(header[: 512 + 512] + tar_of(member("a")))


def test_a_wrong_checksum_is_said():
    data = bytearray(tar_of(member("a")))
    data[0] ^= 1
    with pytest.raises(BrokenLayer, match="checksum"):
        entries(bytes(data))


def test_extended_headers_are_bounded():
    data = patched(tar_of((member("p"), b"x" * 3000)), 156, b"x")
    with pytest.raises(LayerTooLarge, match="extended header"):
        entries(data, Limits(extended_bytes=2000))


def test_the_number_of_entries_is_bounded():
    data = tar_of(*(member(str(number)) for number in range(10)))
    assert len(entries(data, Limits(entries=10))) == 10
    with pytest.raises(LayerTooLarge, match="more than 9"):
        entries(data, Limits(entries=9))


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_any_damage_is_an_error_of_ours_or_none(data: st.DataObject):
    _, tar = written(small_tree())
    spoiled = bytearray(tar)
    for _ in range(data.draw(st.integers(1, 4))):
        spoiled[data.draw(st.integers(0, len(tar) - 1))] = data.draw(st.integers(0, 255))
    try:
        entries(bytes(spoiled[: data.draw(st.integers(0, len(tar)))]))
    except WhitError:
        return
