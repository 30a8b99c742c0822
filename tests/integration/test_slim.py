"""`whit slim`: what is kept of real images, and that it still does what it did."""

import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.bases_case import add_image, alpine_config, busybox, make_alpine
from registry_case import registry, whit
from whit.build.house import open_house
from whit.oci.documents import Config, HealthDocument, Nothing, RunDocument, decode
from whit.store.blobs import Store

pytestmark = [pytest.mark.go, pytest.mark.sandbox]
SERVER = """package main

import ("fmt"; "net/http"; "os")

func main() {
	text, err := os.ReadFile("/etc/app/config.txt")
	fmt.Println(string(text), err, os.Args[1:], os.Getenv("MODE"), os.Getuid())
	_, err = http.Get("https://127.0.0.1:1/")
	wd, _ := os.Getwd()
	asset, _ := os.ReadFile("static/page.html")
	fmt.Println(err != nil, wd, string(asset))
}
"""


@pytest.fixture
def store() -> Iterator[Store]:
    opened = Store.open(open_house().store)
    yield opened
    opened.close()


@pytest.fixture
def alpine(tmp_path: Path) -> Path:
    if not busybox():
        pytest.fail("busybox is missing") if os.environ.get("CI") else pytest.skip("no busybox")
    root = tmp_path / "root"
    make_alpine(root)
    (root / "usr/share/doc").mkdir(parents=True)
    (root / "usr/share/doc/long.txt").write_bytes(b"words " * 200_000)
    return root


def make_server(root: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "go.mod").write_text("module example.com/server\n\ngo 1.21\n")
    (source / "main.go").write_text(SERVER)
    (root / "srv/app/static").mkdir(parents=True)
    (root / "srv/app/static/page.html").write_text("a page")
    (root / "etc/app").mkdir()
    (root / "etc/app/config.txt").write_text("configured")
    subprocess.run(
        ["go", "build", "-o", str(root / "usr/local/bin/server"), "."],
        cwd=source, check=True, env={**os.environ, "CGO_ENABLED": "0"}, timeout=300,
    )  # fmt: skip


def test_a_server_keeps_what_it_names_and_how_it_starts(alpine: Path, tmp_path: Path, store: Store):
    make_server(alpine, tmp_path)
    config = RunDocument(
        user="app",
        entrypoint=("server", "--listen"),
        cmd=(":8080",),
        env=("PATH=/usr/local/bin:/bin", "MODE=test"),
        working_dir="/srv/app",
        exposed_ports={"8080/tcp": Nothing()},
        volumes={"/var/data": Nothing()},
        stop_signal="SIGINT",
        labels={"team": "platform"},
        healthcheck=HealthDocument(test=("CMD", "server", "--health")),
    )
    add_image(store, alpine, config, "server:1")
    before, _ = whit("run", "server:1")
    _, said = whit("slim", "server:1", "-t", "server:slim")
    after, _ = whit("run", "server:slim")
    assert after == before
    assert "configured" in after
    assert "/srv/app a page" in after
    assert after.split()[5] == "1000"
    image = store.find("server:slim")
    assert decode(Config, image.config, "config").config == config
    paths = {path for path, _ in _files(store, "server:slim", tmp_path / "unpacked")}
    assert "bin/busybox" not in paths
    assert "etc/app/config.txt" in paths
    assert "usr/share/doc/long.txt" not in paths
    assert "left out: " in said
    assert "note: the health check is kept" in said
    assert image.file_bytes < store.find("server:1").file_bytes


def _files(store: Store, name: str, place: Path) -> list[tuple[str, int]]:
    from whit.layer.unpack import unpack_layers

    place.mkdir()
    unpack_layers([store.open_blob(one.digest) for one in store.find(name).layers], place)
    return [
        (str(path.relative_to(place)), path.lstat().st_size)
        for path in place.rglob("*")
        if stat.S_ISREG(path.lstat().st_mode)
    ]


def test_a_script_keeps_its_shell_and_the_programs_it_names(alpine: Path, store: Store):
    script = alpine / "entry.sh"
    script.write_text('#!/bin/sh\nset -e\ncat /etc/os-release | grep NAME\nexec echo done "$@"\n')
    script.chmod(0o755)
    config = alpine_config(entrypoint=("/entry.sh",), cmd=("well",))
    add_image(store, alpine, config, "script:1")
    _, said = whit("slim", "script:1", "-t", "script:slim")
    assert "/entry.sh is a script: " in said
    out, _ = whit("run", "script:slim")
    assert out == 'NAME="Alpine Linux"\ndone well'
    assert store.find("script:slim").file_count < 400  # busybox reads zones


def test_a_shell_command_is_a_script(alpine: Path, store: Store):
    config = alpine_config(cmd=("sh", "-c", "id -u; wc -c < /etc/group"))
    add_image(store, alpine, config, "command:1")
    before, _ = whit("run", "command:1")
    whit("slim", "command:1", "-t", "command:slim")
    after, _ = whit("run", "command:slim")
    assert after == before


def test_an_image_that_cannot_start_is_refused(alpine: Path, store: Store):
    add_image(store, alpine, RunDocument(), "nothing:1")
    _, said = whit("slim", "nothing:1", status=1)
    assert "it starts nothing" in said or "the image starts nothing" in said
    add_image(store, alpine, RunDocument(entrypoint=("/gone",)), "gone:1")
    _, said = whit("slim", "gone:1", status=1)
    assert "'/gone', which is not in it" in said


def test_a_dynamic_program_keeps_its_closure(tmp_path: Path, store: Store):
    """The host's own `ls`, in an image with the libraries beside it and others that are not its."""
    root = tmp_path / "root"
    program = shutil.which("ls") or "/bin/ls"
    listing = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    needed = [word for word in listing.split() if word.startswith("/")]
    for path in (program, *needed, "/bin/tar"):
        place = root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(os.path.realpath(path), place)
    add_image(store, root, RunDocument(entrypoint=(program, "/")), "ls:1")
    before, _ = whit("run", "ls:1")
    whit("slim", "ls:1", "-t", "ls:slim")
    after, _ = whit("run", "ls:slim")
    assert set(after.split()) <= set(before.split())
    paths = {path for path, _ in _files(store, "ls:slim", tmp_path / "unpacked")}
    assert not any(path.endswith("bin/tar") for path in paths)
    assert any("libc.so" in path for path in paths)


def test_a_dockerfile_may_be_made_small_at_once(alpine: Path, tmp_path: Path, store: Store):
    add_image(store, alpine, alpine_config(), "alpine:latest")
    context = tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_text(
        'FROM alpine\nRUN echo kept > /etc/kept.conf\nENV MODE=x\nCMD ["cat", "/etc/kept.conf"]\n'
    )
    out, said = whit("build", "-f", "Dockerfile", ".", "-t", "small:1", "--slim", cwd=context)
    assert out.startswith("small:1@")
    assert "left out: " in said
    out, _ = whit("run", "small:1")
    assert out == "kept"
    assert store.find("small:1").file_bytes < store.find("small:full").file_bytes


@pytest.mark.registry
def test_a_locked_base_does_not_drift(alpine: Path, tmp_path: Path, store: Store):
    context = tmp_path / "context"
    context.mkdir()
    (alpine / "etc/release").write_text("first")
    first = add_image(store, alpine, alpine_config(), "base:first")
    (alpine / "etc/release").write_text("second")
    add_image(store, alpine, alpine_config(), "base:second")
    with registry(tmp_path / "registry") as there:
        name = f"{there.host}/base:1"
        (context / "Dockerfile").write_text(f"FROM {name}\nRUN cp /etc/release /copied\n")
        words = ("build", "-f", "Dockerfile", ".", "-t", "made:1")
        whit("copy", "base:first", name)
        _, said = whit(*words, "--frozen", cwd=context, status=1)
        assert "error[C007]" in said
        (context / "whit.toml").write_text("")
        (context / "whit.lock").write_text(
            f'version = 1\n[base."{name}"]\n"" = "{first.manifest_digest}"\n'
        )
        whit("copy", "base:second", name)
        whit(*words, "--frozen", cwd=context)
    assert ("copied", 5) in _files(store, "made:1", tmp_path / "unpacked")
