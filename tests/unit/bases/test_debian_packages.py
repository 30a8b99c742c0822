"""Packages, honest and hostile, and the tree that is made of them."""

import gzip
import io
import lzma
import tarfile

import pytest
import zstandard

from debian_case import Entry, control, deb, entry, member
from whit.bases.debian.content import Unpacked, applets_of, content_of
from whit.bases.debian.deb import Control, Deb
from whit.errors.bases import BrokenPackage
from whit.model.tree import Bytes, Content, Dir, File, Link

DIRECTORY, SYMBOLIC, HARD = tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE


def opened(data: bytes) -> Deb:
    return Deb(io.BytesIO(data), len(data), "app")


def everything(data: bytes) -> None:
    opened(data).control()
    paths(data)


def paths(data: bytes) -> dict[str, bytes]:
    return {entry.path: b"".join(content) for entry, content in opened(data).data()}


PACKERS = {
    ".xz": lzma.compress,
    ".gz": gzip.compress,
    ".zst": zstandard.compress,
    "": bytes,
}


@pytest.mark.parametrize("ext", PACKERS)
def test_files_of_a_package(ext: str):
    data = deb(
        control("app"), entry("./usr", kind=DIRECTORY), entry("./usr/app", b"program"),
        pack=PACKERS[ext], ext=ext,
    )  # fmt: skip
    assert paths(data) == {"/usr": b"", "/usr/app": b"program"}


def test_control_files():
    found = opened(deb(control("app", Depends="libc6"), entry("./x", b""))).control()
    assert found.paragraph.startswith(b"Package: app\n")
    assert found.md5sums.endswith(b"usr/x\n")


HOSTILE = {
    "absolute path": entry("/etc/passwd", b"root"),
    "..": entry("./usr/../../etc/passwd", b"root"),
    "hard link to an absolute path": entry("./x", kind=HARD, linkname="/etc/passwd"),
    "hard link out": entry("./x", kind=HARD, linkname="../etc/passwd"),
    "link out": entry("./usr/x", kind=SYMBOLIC, linkname="../../etc/passwd"),
    "link out behind the root": entry("./x", kind=SYMBOLIC, linkname="/../etc"),
    "character device": entry("./dev/null", kind=tarfile.CHRTYPE, devmajor=1, devminor=3),
    "block device": entry("./dev/sda", kind=tarfile.BLKTYPE, devmajor=8),
    "pipe": entry("./run/pipe", kind=tarfile.FIFOTYPE),
    "whiteout": entry("./usr/.wh.lib", b""),
    "the root is a file": entry("./", b"x"),
}


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_hostile_entries_refuse_the_package(hostile: Entry):
    with pytest.raises(BrokenPackage):
        paths(deb(control("app"), entry("./usr", kind=DIRECTORY), hostile))


def test_a_file_twice_refuses_the_package():
    with pytest.raises(BrokenPackage, match="twice"):
        paths(deb(control("app"), entry("./x", b"1"), entry("./x", b"2")))


@pytest.mark.parametrize("ext", [".xz", ".gz", ".zst"])
def test_a_bomb_is_stopped(ext: str):
    huge = bytes(80 << 20)
    data = deb(control("app"), entry("./huge", huge), pack=PACKERS[ext], ext=ext)
    assert len(data) < 200_000
    with pytest.raises(BrokenPackage):
        paths(data)


GOOD = deb(control("app"), entry("./usr/app", b"program"))
BROKEN = {
    "empty": b"",
    "no archive": b"\x7fELF" + bytes(100),
    "truncated": GOOD[:-30],
    "half a header": GOOD[:100],
    "a size that is a lie": GOOD.replace(b"`\n", b"9`", 1),
    "no data": GOOD.replace(b"data.tar.xz", b"date.tar.xz"),
    "damaged": GOOD[:-40] + bytes(40),
    "no control": b"!<arch>\n" + member("debian-binary", b"2.0\n"),
}  # fmt: skip


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
def test_damaged_packages_are_refused(data: bytes):
    with pytest.raises(BrokenPackage):
        everything(data)


def test_every_truncation_is_refused():
    for length in range(0, len(GOOD) - 1, 7):
        with pytest.raises(BrokenPackage):
            everything(GOOD[:length])


# ---- the tree -----------------------------------------------------------------------------------


def package(name: str, **nodes: object) -> Unpacked:
    made = Control(f"Package: {name}\n".encode(), b"sums\n")
    return Unpacked(name, made, tuple(nodes["nodes"].items()))


def file(text: str = "x", mode: int = 0o644) -> File:
    return File(Bytes(text.encode()), mode)


CERTIFICATES = package(
    "ca-certificates",
    nodes={
        "/usr/share/ca-certificates/mozilla/B.crt": file("-- B --"),
        "/usr/share/ca-certificates/mozilla/A.crt": file("-- A --\n"),
        "/usr/sbin/update-ca-certificates": file("#!/bin/sh"),
        "/usr/share/doc/ca-certificates/copyright": file("MPL"),
    },
)


def read(content: Content) -> bytes:
    return content.data if isinstance(content, Bytes) else b""


def test_certificates_become_one_file_and_packages_leave_their_records():
    tree = content_of([package("netbase", nodes={"/etc/services": file()}), CERTIFICATES], read)
    nodes = tree.as_dict()
    assert nodes["/etc/ssl/certs/ca-certificates.crt"].content.data == b"-- A --\n-- B --\n"
    assert "/usr/sbin/update-ca-certificates" not in nodes
    assert "/usr/share/doc/ca-certificates/copyright" in nodes
    assert nodes["/var/lib/dpkg/status.d/netbase"].content.data == b"Package: netbase\n"
    assert nodes["/var/lib/dpkg/status.d/netbase.md5sums"].content.data == b"sums\n"
    assert nodes["/tmp"] == Dir(0o1777)
    assert b"nonroot:x:65532:65532:" in nodes["/etc/passwd"].content.data


def test_paths_go_through_the_links_of_a_merged_usr():
    tree = content_of(
        [
            package("libc6", nodes={"/lib": Dir(), "/lib/ld.so": file("loader")}),
            package("base-files", nodes={"/lib": Link("usr/lib"), "/usr/lib": Dir()}),
            package("hard", nodes={"/lib/a": file("a"), "/usr/b": Link("/lib/a", is_hard=True)}),
        ],
        read,
    )
    nodes = tree.as_dict()
    assert nodes["/lib"] == Link("usr/lib")
    assert nodes["/usr/lib/ld.so"].content.data == b"loader"
    assert nodes["/usr/b"].target == "/usr/lib/a"


def test_packages_that_do_not_fit_are_refused():
    with pytest.raises(BrokenPackage, match="also in another"):
        content_of(
            [package("a", nodes={"/x": file("1")}), package("b", nodes={"/x": file("2")})], read
        )
    with pytest.raises(BrokenPackage, match="to be a directory"):
        content_of(
            [package("a", nodes={"/x": Link("etc")}), package("b", nodes={"/x/y": file()})], read
        )


def test_applets_come_from_the_program_itself():
    names = [b"[", b"[[", *(f"tool{n:02}".encode() for n in range(60)), b"sh", b"zcat"]
    program = b"\x7fELF\0" + b"\0".join(names) + b"\0\0rest"
    assert applets_of(program)[:3] == ("[", "[[", "tool00")
    assert "sh" in applets_of(program)
    with pytest.raises(BrokenPackage):
        applets_of(b"\x7fELF\0nothing\0")
