"""Images handed to engines by their own commands, run there, and taken back."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry_case import images, whit
from whit.build.house import open_house
from whit.store.blobs import Store

HELLO = Path(__file__).parents[2] / "examples" / "hello"
SAID = "hello from an image that holds one file\n"


@pytest.fixture
def hello() -> str:
    """The reference of the example's image."""
    return whit("build", ".", "-t", "hello:1", cwd=HELLO)[0].partition("@")[2]


@pytest.fixture
def podman(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A podman whose images are this test's own."""
    storage = tmp_path / "storage.conf"
    storage.write_text(
        f'[storage]\ndriver = "vfs"\nrunroot = "{tmp_path}/run"\ngraphroot = "{tmp_path}/graph"\n'
    )
    monkeypatch.setenv("CONTAINERS_STORAGE_CONF", str(storage))


@pytest.fixture
def containerd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    socket = tmp_path / "containerd.sock"
    process = subprocess.Popen(
        ["containerd", "--root", tmp_path / "root", "--state", tmp_path / "state",
         "--address", socket],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    monkeypatch.setenv("CONTAINERD_ADDRESS", str(socket))
    try:
        for _ in range(300):
            if subprocess.run(["ctr", "version"], capture_output=True, check=False).returncode == 0:
                break
            assert process.poll() is None
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait()


@pytest.mark.go
@pytest.mark.podman
@pytest.mark.skipif(os.getuid() != 0, reason="podman's rootless mode wants a login session")
@pytest.mark.usefixtures("podman")
def test_podman_runs_what_it_is_given_and_gives_it_back(hello: str):
    assert hello
    whit("copy", "hello:1", "podman:localhost/hello:1")
    limits = ("--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024")
    done = subprocess.run(
        ["podman", "--runtime=runc", "--cgroup-manager=cgroupfs", "run", "--rm",
         "--network=none", *limits,
         "localhost/hello:1"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout == SAID, done.stderr
    # podman compresses layers anew, so the digest is another; the program is the same.
    whit("copy", "podman:localhost/hello:1", "back:1")
    assert whit("run", "back:1")[0] == SAID.strip()


@pytest.mark.go
@pytest.mark.containerd
@pytest.mark.skipif(os.getuid() != 0, reason="containerd runs as root")
@pytest.mark.usefixtures("containerd")
def test_containerd_runs_what_it_is_given_and_keeps_its_digest(hello: str):
    name = "docker.io/library/hello:1"
    assert whit("copy", "hello:1", f"containerd:{name}")[0] == name
    listed = subprocess.run(["ctr", "images", "ls"], capture_output=True, text=True, check=True)
    assert hello in listed.stdout
    assert whit("copy", f"containerd:{name}", "back:1")[0].endswith(hello)


@pytest.mark.containerd
@pytest.mark.skipif(os.getuid() != 0, reason="containerd runs as root")
@pytest.mark.usefixtures("containerd")
def test_an_index_goes_into_containerd_with_all_its_platforms():
    store = Store.open(open_house().store)
    images(store)
    whit("copy", "multi:1", "containerd:docker.io/library/multi:1")
    whit("copy", "containerd:docker.io/library/multi:1", "back:1")
    assert store.digest_of("back:1") == store.digest_of("multi:1")
    store.close()
