import subprocess
from pathlib import Path
from typing import BinaryIO

import pytest

from layer_samples import config, small_image
from whit.errors.registry import DaemonRefused, NoDaemon, NoDocker
from whit.oci.archive import write_docker_archive
from whit.oci.assemble import assemble
from whit.registry.daemon import load_into_daemon


def nothing(digest: str) -> BinaryIO:
    raise AssertionError("there is no layer")


def test_no_docker_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoDocker):
        load_into_daemon(lambda out: None)


@pytest.mark.docker
def test_no_daemon(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/absent.sock")
    with pytest.raises(NoDaemon) as caught:
        load_into_daemon(lambda out: out.write(b"x" * (1 << 20)))
    assert "absent.sock" in caught.value.message


@pytest.mark.docker
def test_a_daemon_that_refuses():
    with pytest.raises(DaemonRefused) as caught:
        load_into_daemon(lambda out: out.write(b"this is no tar" * 1000))
    assert caught.value.output


@pytest.mark.docker
def test_an_archive_that_fails_leaves_no_process():
    image = small_image()

    def fail(digest: str) -> BinaryIO:
        raise RuntimeError("the store broke")

    with pytest.raises(RuntimeError, match="the store broke"):
        load_into_daemon(lambda out: write_docker_archive(out, image, ("whit-test-x",), fail))


@pytest.mark.docker
def test_an_image_without_layers():
    image = assemble((), config())
    try:
        loaded = load_into_daemon(
            lambda out: write_docker_archive(out, image, ("whit-test-none:1",), nothing)
        )
        assert loaded == ("whit-test-none:1",)
    finally:
        command = ["docker", "image", "rm", "whit-test-none:1"]
        subprocess.run(command, check=False, capture_output=True)
