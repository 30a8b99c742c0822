"""A store under hard use: full and read-only disks, two builds at once, sudden death."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from layer_samples import config, keep, small_tree, stored
from whit.errors.images import StoreFull, StoreUnwritable
from whit.model.image import Compression, Format
from whit.model.tree import File, Tree
from whit.oci.assemble import assemble
from whit.store.blobs import Store

TESTS = str(Path(__file__).parents[1])
WORKER = """
import sys
sys.path.insert(0, sys.argv[1])
from layer_samples import config, keep, small_tree
from whit.model.image import Compression
from whit.oci.assemble import assemble
from whit.store.blobs import Store
for number in range(int(sys.argv[4])):
    store = Store.open(sys.argv[2])
    tree = small_tree(b"%d\\n" % (number % 5))
    image = assemble((store.write_layer(tree, Compression()),), config())
    keep(store, image, (f"{sys.argv[3]}:{number}", "both:latest"))
    store.close()
"""


def worker(store: Path, name: str, count: int) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-c", WORKER, TESTS, str(store), name, str(count)]
    return subprocess.Popen(command, stderr=subprocess.PIPE)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid():
        pytest.skip("mounting a tiny disk takes root")
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(place)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("this sandbox cannot mount")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk(tiny_disk: Path, tmp_path: Path):
    program = tmp_path / "program"
    program.write_bytes(os.urandom(1 << 20))
    store = Store.open(tiny_disk / "store")
    tree = Tree.of({"/app": File(stored(program))})
    for form in Format:
        with pytest.raises(StoreFull, match="full"):
            store.write_layer(tree, Compression(form))
    with pytest.raises(StoreFull):
        store.put(os.urandom(1 << 20))
    assert os.listdir(tiny_disk / "store/partial") == []
    assert os.listdir(tiny_disk / "store/blobs/sha256") == []
    image = assemble((store.write_layer(small_tree(), Compression()),), config())
    keep(store, image, ("app",))
    assert store.find("app") == image, "the next build finds a store it can use"
    store.close()


def test_a_read_only_store(tiny_disk: Path):
    store = Store.open(tiny_disk / "store")
    image = assemble((store.write_layer(small_tree(), Compression()),), config())
    keep(store, image, ("app",))
    store.close()
    subprocess.run(["mount", "-o", "remount,ro", str(tiny_disk)], check=True)
    again = Store.open(tiny_disk / "store")
    assert again.find("app") == image
    assert len(again.images()) == 1
    assert again.check() == ()
    with pytest.raises(StoreUnwritable, match="Read-only"):
        again.write_layer(small_tree(b"new\n"), Compression())
    with pytest.raises(StoreUnwritable):
        Store.open(tiny_disk / "other")


def test_two_builds_at_once(tmp_path: Path):
    store = tmp_path / "store"
    builds = [worker(store, name, 30) for name in ("a", "b", "c")]
    for build in builds:
        _, said = build.communicate(timeout=120)
        assert build.returncode == 0, said.decode()
    opened = Store.open(store)
    assert len([one for one in opened.images() if one.name]) == 91
    assert opened.check() == ()
    assert os.listdir(store / "partial") == []


def test_sudden_death_at_any_moment(tmp_path: Path):
    store = tmp_path / "store"
    for number in range(12):
        build = worker(store, "a", 10_000)
        time.sleep(0.15 + number * 0.03)
        build.send_signal(signal.SIGKILL)
        build.communicate()
    opened = Store.open(store)
    assert opened.check() == ()
    image = assemble((opened.write_layer(small_tree(), Compression()),), config())
    keep(opened, image, ("app",))
    assert opened.find("app") == image
    assert os.listdir(store / "partial") == []
    opened.prune()
    assert opened.check() == ()
    opened.close()
