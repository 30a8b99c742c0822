"""A directory as a root: links inside of it only, and packages that own its files."""

import os
from hashlib import md5
from pathlib import Path

import pytest

from whit.bases.root import Root
from whit.model.plan import What
from whit.model.tree import Bytes, File, Link

STATUS = """Package: libfoo1
Status: install ok installed
Architecture: amd64
Version: 1.2-3
Conffiles:
 /etc/foo.conf acbd18db4cc2f85cedef654fccc4a4d8

Package: libfoo1
Architecture: i386
Version: 9.9-9
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    usr = root / "usr/lib/x86_64-linux-gnu"
    usr.mkdir(parents=True)
    (root / "lib").symlink_to("usr/lib")
    (usr / "libfoo.so.1.2").write_bytes(b"foo")
    (usr / "libfoo.so.1").symlink_to("libfoo.so.1.2")
    info = root / "var/lib/dpkg/info"
    info.mkdir(parents=True)
    (info / "libfoo1:amd64.list").write_text("/.\n/lib\n/lib/x86_64-linux-gnu/libfoo.so.1.2\n")
    sums = f"{md5(b'foo').hexdigest()}  lib/x86_64-linux-gnu/libfoo.so.1.2\n"
    (info / "libfoo1:amd64.md5sums").write_text(sums)
    (info / "other.list").write_text("/lib/x86_64-linux-gnu/libfoo.so.1.2.3\n")
    (root / "var/lib/dpkg/status").write_text(STATUS)
    doc = root / "usr/share/doc/libfoo1"
    doc.mkdir(parents=True)
    (doc / "copyright").write_text("do as you like")
    (tmp_path / "secret").write_text("outside")
    return root


def test_a_library_comes_with_its_links_and_package(place: Path):
    root = Root(str(place))
    found = root.provide(What("library", ("/lib/x86_64-linux-gnu/libfoo.so.1",)))
    assert found is not None
    usr = "/usr/lib/x86_64-linux-gnu"
    assert [(p.path, type(p.node)) for p in found] == [
        ("/lib", Link),
        (f"{usr}/libfoo.so.1", Link),
        (f"{usr}/libfoo.so.1.2", File),
    ]
    assert {p.source for p in found} == {"libfoo1 1.2-3"}
    assert found[-1].package == "libfoo1 1.2-3"


def test_a_file_that_was_changed_since_is_not_the_packages(place: Path):
    path = "/usr/lib/x86_64-linux-gnu/libfoo.so.1.2"
    (place / path[1:]).write_bytes(b"mine")
    found = Root(str(place)).provide(What("library", (path,)))
    assert [(p.source, p.package) for p in found or ()] == [("libfoo1 1.2-3, changed since", "")]


def test_its_licence_is_its_packages_copyright(place: Path):
    path = "/usr/lib/x86_64-linux-gnu/libfoo.so.1.2"
    found = Root(str(place)).provide(What("licence", (path,)))
    assert found is not None
    assert [p.path for p in found] == [
        *("/var/lib/dpkg/status.d/libfoo1", "/usr/share/doc/libfoo1/copyright"),
    ]
    assert found[0].node == File(Bytes(b"Package: libfoo1\nArchitecture: amd64\nVersion: 1.2-3\n"))


def test_a_root_without_dpkg_has_no_packages_and_no_licences(place: Path):
    (place / "var/lib/dpkg/info/libfoo1:amd64.list").unlink()
    root = Root(str(place))
    path = "/usr/lib/x86_64-linux-gnu/libfoo.so.1.2"
    assert root.provide(What("licence", (path,))) == ()
    assert [p.source for p in root.provide(What("library", (path,))) or ()] == ["from sysroot"]


@pytest.mark.parametrize("target", ["../../secret", "/../../secret", "a", "/proc/self/nothing"])
def test_no_link_leads_out_of_a_root(place: Path, target: str):
    (place / "a").symlink_to(target)
    root = Root(str(place))
    assert root.find("/a") is None
    assert root.provide(What("library", ("/a",))) is None


def test_a_link_to_the_hosts_root_means_this_root(place: Path):
    (place / "a").symlink_to("/usr/lib/x86_64-linux-gnu/libfoo.so.1")
    found = Root(str(place)).find("/a")
    assert found is not None
    assert found.path == "/usr/lib/x86_64-linux-gnu/libfoo.so.1.2"


def test_what_is_no_regular_file_is_not_there(place: Path):
    os.mkfifo(place / "pipe")
    root = Root(str(place))
    assert root.find("/pipe") is None
    assert root.find("/usr/lib") is None
    assert root.names("/pipe") == ()
    assert root.names("/usr") == ("lib", "share")


def test_packages_of_one_source_share_their_licence(place: Path):
    for name in ("libbar1", "libfoo1"):
        doc = place / f"usr/share/doc/{name}"
        doc.mkdir(exist_ok=True)
        (doc / "copyright").write_text("do as you like")
    usr = place / "usr/lib/x86_64-linux-gnu"
    (usr / "libbar.so").write_bytes(b"bar")
    with (place / "var/lib/dpkg/status").open("a") as status:
        status.write("\nPackage: libbar1\nVersion: 1\nArchitecture: amd64\n")
    listed = place / "var/lib/dpkg/info/libbar1.list"
    listed.write_text("/usr/lib/x86_64-linux-gnu/libbar.so\n")
    root = Root(str(place))
    nodes = [
        root.provide(What("licence", (f"/usr/lib/x86_64-linux-gnu/{name}",)))
        for name in ("libfoo.so.1.2", "libbar.so", "libfoo.so.1.2")
    ]
    first, second, again = (found[1] for found in nodes if found)
    assert isinstance(first.node, File)
    assert second.node == Link("/usr/share/doc/libfoo1/copyright", is_hard=True)
    assert again == first


def test_a_tree_is_everything_below_but_compiled_python(place: Path):
    top = place / "usr/share/app"
    (top / "__pycache__").mkdir(parents=True)
    (top / "__pycache__/a.pyc").write_bytes(b"")
    (top / "a.py").write_text("")
    (top / "deep").mkdir()
    (top / "deep/link").symlink_to("../a.py")
    os.mkfifo(top / "pipe")
    found = Root(str(place)).provide(What("tree", ("/usr/share/app",)))
    assert sorted(p.path for p in found or ()) == [
        *("/usr/share/app", "/usr/share/app/a.py", "/usr/share/app/deep"),
        "/usr/share/app/deep/link",
    ]
    assert Root(str(place)).provide(What("tree", ("/usr/share/gone",))) is None


@pytest.mark.parametrize(("text", "package"), [("foo", "libfoo1 1.2-3"), ("mine", "")])
def test_a_configuration_file_is_the_packages_until_it_is_changed(
    place: Path, text: str, package: str
):
    (place / "etc").mkdir()
    (place / "etc/foo.conf").write_text(text)
    with (place / "var/lib/dpkg/info/libfoo1:amd64.list").open("a") as listed:
        listed.write("/etc/foo.conf\n")
    found = Root(str(place)).provide(What("file", ("/etc/foo.conf",)))
    assert [p.package for p in found or ()] == [package]
