"""Layers in, what their files weigh out: origins, waste, and what later layers did."""

import io
import tarfile

from layer_samples import written
from whit.layer.origins import origins_in
from whit.layer.waste import waste_in
from whit.layer.weigh import Scale
from whit.layer.write import write_layer
from whit.model.image import Compression, Format
from whit.model.tree import Bytes, File, Link, Tree


def layer(files: dict[str, bytes], removed: tuple[str, ...] = (), mode: int = 0o644) -> io.BytesIO:
    out = io.BytesIO()
    tree = Tree.of({path: File(Bytes(data), mode) for path, data in files.items()})
    write_layer(tree, Compression(Format.GZIP), out, "", removed)
    out.seek(0)
    return out


def weighed(*layers: io.BytesIO):
    scale: Scale[bytes] = Scale(bytes)
    for one in layers:
        scale.add(one)
    return scale.weighed()


def test_what_later_layers_did():
    found = weighed(
        layer({"/a": b"1" * 10, "/b": b"2" * 20, "/d/e": b"3" * 30, "/keep": b"4"}),
        layer({"/a": b"5" * 5}, removed=("/b", "/d")),
    )
    assert [(f.path, f.layer, f.gone, f.ended) for f in found.files] == [
        ("/a", 0, "overwritten", 2),
        ("/b", 0, "removed", 2),
        ("/d/e", 0, "removed", 2),
        ("/keep", 0, "", 0),
        ("/a", 1, "", 0),
    ]


def test_a_layer_that_replaces_a_directory_keeps_what_it_writes_itself():
    found = weighed(layer({"/d/old": b"1"}), layer({"/d/new": b"2"}, removed=("/d",)))
    assert [(f.path, bool(f.gone)) for f in found.files] == [("/d/old", True), ("/d/new", False)]


def test_a_link_takes_the_place_of_a_file():
    out = written(Tree.of({"/a": Link("b")}))[1]
    found = weighed(layer({"/a": b"1"}), io.BytesIO(out))
    assert (found.files[0].gone, found.files[0].ended) == ("overwritten", 2)


def test_a_program_is_read_once_whatever_its_names():
    program = b"\x7fELF" + b"x" * 90_000
    found = weighed(layer({"/a": program, "/b": program, "/c": b"text"}), layer({"/a": program}))
    assert list(found.programs.values()) == [program]
    assert {file.digest for file in found.files if file.path != "/c"} == set(found.programs)


def test_removing_a_directory_spares_those_whose_names_begin_alike():
    found = weighed(
        layer({"/d/a": b"1", "/d-e/a": b"2", "/d.x": b"3"}), layer({"/z": b"4"}, removed=("/d",))
    )
    assert [f.path for f in found.files if f.gone] == ["/d/a"]


def test_waste_by_kind():
    same = b"x" * 5000
    found = weighed(
        layer(
            {
                "/old": b"1" * 100,
                "/var/cache/apt/a.bin": b"2" * 50,
                "/usr/share/doc/p/README": b"3" * 40,
                "/usr/share/doc/p/copyright": b"3" * 41,
                "/one": same,
                "/two": same,
            }
        ),
        layer({"/old": b"4" * 10}),
        layer({"/bin/su": b"5" * 60}, mode=0o4755),
    )
    kinds = {(w.kind, w.path, w.size) for w in waste_in(found.files)}
    assert kinds == {
        ("overwritten", "/old", 100),
        ("cache", "/var/cache/apt/a.bin", 50),
        ("documentation", "/usr/share/doc/p/README", 40),
        ("duplicate", "/two", 5000),
        ("setuid", "/bin/su", 0),
    }


def test_origins_of_debian_distroless_and_alpine():
    found = origins_in(
        {
            "/var/lib/dpkg/info/libc6:amd64.list": b"/.\n/lib/libc.so.6\n/usr/share/doc/libc6\n",
            "/var/lib/dpkg/status.d/tzdata.md5sums": b"0123  usr/share/zoneinfo/UTC\n",
            "/lib/apk/db/installed": b"P:musl\nF:lib\nR:ld-musl-x86_64.so.1\n\nP:x\nF:\nR:top\n",
        }
    )
    assert found["/lib/libc.so.6"] == found["/usr/lib/libc.so.6"] == "deb:libc6"
    assert found["/usr/share/zoneinfo/UTC"] == "deb:tzdata"
    assert found["/lib/ld-musl-x86_64.so.1"] == "apk:musl"
    assert found["/top"] == "apk:x"


def test_programs_and_lists_are_held_for_reading():
    found = weighed(
        layer({"/app": b"\x7fELF" + b"1" * 100, "/var/lib/dpkg/status": b"Package: a\n"}),
        layer({"/var/lib/dpkg/status": b"Package: b\n"}),
    )
    assert list(found.programs.values()) == [b"\x7fELF" + b"1" * 100]
    assert found.kept == {"/var/lib/dpkg/status": b"Package: b\n"}


def raw(*entries: tuple[str, bytes, bytes]) -> io.BytesIO:
    """A layer as others write them: (name, type, content)."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, kind, content in entries:
            member = tarfile.TarInfo(name)
            member.type, member.size = kind, len(content)
            member.linkname = "etc/passwd" if kind in (tarfile.LNKTYPE, tarfile.SYMTYPE) else ""
            tar.addfile(member, io.BytesIO(content))
    stream.seek(0)
    return stream


def test_devices_and_pipes_take_no_room_and_take_the_place_of_files():
    below = raw(
        ("etc/passwd", tarfile.REGTYPE, b"root"),
        ("dev/null", tarfile.REGTYPE, b"not yet"),
        ("run/pipe/old", tarfile.REGTYPE, b"old"),
    )
    above = raw(
        ("dev/null", tarfile.CHRTYPE, b""),
        ("dev/sda", tarfile.BLKTYPE, b""),
        ("run/pipe", tarfile.FIFOTYPE, b""),
        ("etc/group", tarfile.LNKTYPE, b""),
    )
    found = weighed(below, above)
    assert [(one.path, one.size, one.gone) for one in found.files] == [
        ("/etc/passwd", 4, ""),
        ("/dev/null", 7, "overwritten"),
        ("/run/pipe/old", 3, "removed"),
    ]


def test_of_a_path_that_a_layer_says_twice_the_last_counts():
    twice = raw(("a", tarfile.REGTYPE, b"first"), ("a", tarfile.REGTYPE, b"second"))
    found = weighed(twice)
    assert [(one.size, one.gone) for one in found.files] == [(5, "overwritten"), (6, "")]
