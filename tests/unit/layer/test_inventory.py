"""Layers in, what stands in the image counted out."""

import io

from layer_samples import member, tar_of
from whit.layer.inventory import Shelf
from whit.model.comparison import Inventory, resolved

ELF = b"\x7fELF" + bytes(60)
SYMLINK, HARD_LINK, DIRECTORY = b"2", b"1", b"5"


def counted(*layers: bytes) -> Inventory:
    shelf = Shelf()
    for layer in layers:
        shelf.add(io.BytesIO(layer))
    return shelf.inventory()


def debian() -> bytes:
    status = (
        b"Package: dash\nStatus: install ok installed\n\n"
        b"Package: gone\nStatus: deinstall ok config-files\n\n"
        b"Package: libc6\nStatus: install ok installed\n"
    )
    return tar_of(
        (member("usr/bin/dash", mode=0o755), ELF),
        (member("usr/bin/su", mode=0o4755), ELF),
        (member("usr/bin/script", mode=0o755), b"#!/bin/sh\n"),
        (member("usr/bin/notes", mode=0o755), b"text"),
        (member("usr/lib/libc.so.6", mode=0o755), ELF),
        (member("usr/lib/helper", mode=0o755), ELF),
        (member("usr/share/data", mode=0o644), b"12345"),
        member("bin", SYMLINK, "usr/bin"),
        member("usr/bin/sh", SYMLINK, "dash"),
        member("usr/bin/su2", HARD_LINK, "usr/bin/su"),
        member("usr/share/also", SYMLINK, "../bin/dash"),
        (member("var/lib/dpkg/status"), status),
    )


def test_programs_are_names_that_something_can_be_started_by():
    found = counted(debian())
    # dash, su, script, helper; sh and su2 are links where PATH looks, `also` is not
    assert found.programs == 6
    assert found.setuid == 1
    assert found.shells == ("/usr/bin/dash", "/usr/bin/sh")
    assert found.packages == 2
    assert found.files == 8


def test_what_later_layers_do():
    second = tar_of(
        member("usr/bin/.wh.dash"),
        (member("bin/new", mode=0o755), ELF),
        (member("usr/share/data", mode=0o644), b"6"),
    )
    found = counted(debian(), second)
    assert found.shells == ()
    assert "/usr/bin/new" in found.paths  # written through the link /bin
    assert found.files == 8
    assert found.disk == counted(debian()).disk + len(ELF) + 1


def test_an_opaque_directory_hides_what_lies_below():
    second = tar_of((member("usr/.wh..wh..opq")), (member("usr/only"), b"1"))
    found = counted(debian(), second)
    assert [path for path in found.paths if path.startswith("/usr/")] == ["/usr/only"]
    assert found.packages == 2


def test_a_file_takes_the_place_of_a_directory():
    found = counted(debian(), tar_of((member("usr", mode=0o755), ELF)))
    assert "/usr/bin/dash" not in found.paths
    assert found.programs == 1


def test_packages_of_alpine_and_distroless():
    lists = tar_of(
        (member("lib/apk/db/installed"), b"P:musl\nF:lib\n\nP:busybox\n"),
        (member("var/lib/dpkg/status.d/tzdata"), b"Package: tzdata\n"),
        (member("var/lib/dpkg/status.d/tzdata.md5sums"), b"00  usr/x\n"),
    )
    assert counted(lists).packages == 3


def test_links_end_inside_and_come_to_an_end():
    links = {"/a": "b", "/b": "/a", "/up": "../../etc", "/usr/lib64": "lib"}
    assert resolved("/up/x", links) == "/etc/x"
    assert resolved("/usr/lib64/ld.so", links) == "/usr/lib/ld.so"
    assert resolved("/a", links).startswith("/")
