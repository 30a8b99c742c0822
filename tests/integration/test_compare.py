"""A program and bases in, images weighed out: real compilers, an image that stands for a base."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from debian_case import Repository
from layer_samples import config, written
from whit.build.call import build_images, request_of
from whit.build.comparing import compare
from whit.build.events import unheard
from whit.build.house import open_house
from whit.errors import UsageError
from whit.model.image import Compression
from whit.model.tree import Bytes, File, Link, Tree
from whit.oci.assemble import assemble
from whit.oci.contents import write_contents
from whit.oci.graph import content_of
from whit.store.blobs import Store

MAIN = """package main

import (
	"fmt"
	"time"
)

func main() {
	where, err := time.LoadLocation("Europe/Rome")
	fmt.Println(where, err)
}
"""
ELF = b"\x7fELF" + bytes(1000)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    place = tmp_path / "app"
    place.mkdir()
    (place / "main.go").write_text(MAIN)
    (place / "go.mod").write_text("module example.com/app\n\ngo 1.21\n")
    return place


@pytest.fixture
def stand_in(tmp_path: Path) -> str:
    """What stands for alpine: a program with a shell's name, and a zone that the program wants."""
    tree = Tree.of(
        {
            "/bin/busybox": File(Bytes(ELF), mode=0o755),
            "/bin/sh": Link("busybox"),
            "/bin/su": File(Bytes(ELF), mode=0o4755),
            "/lib/apk/db/installed": File(Bytes(b"P:busybox\n")),
            "/usr/share/zoneinfo/Europe/Rome": File(Bytes(b"TZif")),
        }
    )
    store = Store.open(open_house().store)
    layer = store.write_layer(tree, Compression())
    image = assemble((layer,), config())
    store.put(image.config)
    write_contents(str(tmp_path / "alpine"), content_of(image), ("alpine:1",), store.open_blob)
    store.close()
    assert written(tree)[0].file_bytes == layer.file_bytes
    return f"oci:{tmp_path}/alpine"


@pytest.mark.go
def test_every_number_is_that_of_an_image(source: Path, stand_in: str):
    request = request_of(str(source), {"compare.bases": {"alpine": stand_in}})
    found = compare(request, open_house(), ("alpine",), unheard)
    assert [v.strip for v in found.variants] == ["none", "dwarf", "all"]
    assert [base.name for base in found.bases] == ["alpine", "scratch", "whit"]
    assert sorted({v.disk for v in found.variants}) == [v.disk for v in found.variants][::-1]
    alpine, scratch, whit = found.bases
    assert (alpine.setuid, alpine.packages) == (1, 1)
    assert alpine.shells == ("/bin/busybox", "/bin/sh")
    # the base has the zone and scratch has not
    assert alpine.images[-1].copied == ()
    assert scratch.images[-1].copied == ("time zone data",)
    assert alpine.images[-1].disk == alpine.disk + found.variants[-1].disk
    assert alpine.images[-1].programs == 4
    # whit's own row is the image that a build gives, byte for byte
    (result,) = build_images(request_of(str(source), {}))
    assert whit.images[-1].disk == result.image.file_bytes
    assert whit.images[-1].compressed == result.image.size
    assert [v.disk for v in found.variants][-1] == result.binary.size


@pytest.mark.go
def test_nothing_is_published_and_the_base_is_read_once(source: Path, stand_in: str):
    heard = []
    request = request_of(str(source), {"compare.bases": {"alpine": stand_in}})
    for _ in range(2):
        compare(request, open_house(), ("alpine",), heard.append)
    assert [e.was_cached for e in heard if getattr(e, "step", "") == "base"] == [False, True]
    store = Store.open(open_house().store)
    assert store.images() == ()
    store.close()


@pytest.mark.go
def test_from_the_command_line(source: Path, stand_in: str, tmp_path: Path):
    missing = "gone=oci:/nowhere/at/all"
    command = [sys.executable, "-m", "whit.cli.entry", "compare", ".", "--json"]
    command += ["--base", f"alpine={stand_in}", "--base", missing, "--base", "alpine"]
    command += ["--base", "gone", "--svg", str(tmp_path / "c.svg")]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=True)
    document = json.loads(done.stdout)
    assert document["schema"] == "whit/compare/v1"
    (skipped,) = document["comparison"]["skipped"]
    assert skipped["name"] == "gone"
    assert "/nowhere/at/all" in skipped["reason"]
    assert (tmp_path / "c.svg").read_text().startswith("<svg ")


@pytest.mark.go
def test_a_finished_program_is_compared_as_it_is(source: Path, stand_in: str, tmp_path: Path):
    command = ["go", "build", "-o", str(tmp_path / "done"), "."]
    subprocess.run(command, cwd=source, check=True)
    request = request_of(str(tmp_path / "done"), {"compare.bases": {"alpine": stand_in}})
    found = compare(request, open_house(), ("alpine",), unheard)
    assert [v.strip for v in found.variants] == [""]
    assert found.variants[0].disk == (tmp_path / "done").stat().st_size


@pytest.mark.go
def test_a_base_of_packages_needs_no_registry_and_locks_nothing(
    source: Path, repository: Repository
):
    found = compare(request_of(str(source), {}), open_house(), ("static",), unheard)
    assert not found.skipped
    static = found.bases[0]
    assert (static.name, static.place) == ("static", "packages:static")
    assert static.packages >= 4
    assert static.images[-1].disk > static.disk > 0
    assert not (source / "whit.lock").exists()


@pytest.mark.go
def test_offline_no_registry_is_asked(source: Path):
    request = request_of(str(source), {}, offline=True)
    found = compare(request, open_house(), ("alpine",), unheard)
    assert [(one.name, one.reason) for one in found.skipped] == [
        ("alpine", "--offline: no registry is asked")
    ]


def test_a_base_that_nobody_named():
    with pytest.raises(UsageError, match="debain-slim"):
        compare(request_of(".", {}), open_house(), ("debain-slim",), unheard)


@pytest.fixture
def c_source(source: Path) -> Path:
    (source / "main.go").write_text(
        'package main\n\n// static int one(void) { return 1; }\nimport "C"\n\n'
        "func main() { println(C.one()) }\n"
    )
    return source


@pytest.mark.go
@pytest.mark.gcc
def test_a_dynamic_program_needs_its_libraries(c_source: Path):
    request = request_of(str(c_source), {"go.cgo": "dynamic"})
    found = compare(request, open_house(), ("none=oci:/nowhere", "none"), unheard)
    assert [(v.linkage, v.strip) for v in found.variants] == [
        ("dynamic", strip) for strip in ("none", "dwarf", "all")
    ]
    scratch, _ = found.bases
    assert scratch.images[-1].copied == ("loader and shared libraries",)
    assert scratch.images[-1].copied_disk > 1_000_000
