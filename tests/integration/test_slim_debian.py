"""`whit slim` on images of Debian's packages: what is left still does real work."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from integration.bases_case import add_image
from integration.debian_root import make_debian
from registry_case import whit
from whit.build.house import open_house
from whit.oci.documents import RunDocument
from whit.store.blobs import Store

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.skipif(os.geteuid() != 0, reason="files of other owners"),
]
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PYTHON = "import ctypes, json, lzma, ssl, subprocess; print(subprocess.getoutput('echo started'))"


def slimmed(place: Path, packages: str, *command: str) -> str:
    """The name of the small image; what was said of it is checked to be smaller."""
    store = Store.open(open_house().store)
    make_debian(place / "root", *packages.split())
    # What the maintainer scripts of redis and nginx make.
    for name in ("var/lib/redis", "var/log/redis"):
        (place / "root" / name).mkdir(parents=True, exist_ok=True)
        os.chown(place / "root" / name, 100, 101)
    (place / "root/var/www/html").mkdir(parents=True, exist_ok=True)
    (place / "root/var/www/html/index.html").write_text("a page")
    before = add_image(store, place / "root", RunDocument(env=(PATH,), cmd=command), "full")
    whit("slim", "full", "-t", "small")
    assert store.find("small").file_bytes < before.file_bytes * 0.8
    store.close()
    return "small"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def serving(port: int, *words: str) -> Iterator[socket.socket]:
    """A connection to what the image serves."""
    command = [sys.executable, "-m", "whit.cli.entry", "run", *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        for _ in range(200):
            try:
                client = socket.create_connection(("127.0.0.1", port), timeout=10)
            except OSError:
                assert process.poll() is None, process.communicate()[0].decode()
                time.sleep(0.05)
            else:
                break
        with client:
            yield client
    finally:
        process.terminate()
        process.communicate(timeout=30)


def git(image: str, place: Path) -> None:
    place.chmod(0o777)
    mount = ("-v", f"{place}:/data")
    identity = ("-c", "user.name=a", "-c", "user.email=a@b.example")
    whit("run", *mount, image, "git", "init", "-q", "/data/one")
    whit("run", *mount, image, "git", "-C", "/data/one", *identity, "commit", "-qm", "first",
         "--allow-empty")  # fmt: skip
    # Cloning starts git-upload-pack by a shell; https starts a helper with libraries of its own.
    whit("run", *mount, image, "git", "clone", "-q", "file:///data/one", "/data/two")
    assert "first" in whit("run", *mount, image, "git", "-C", "/data/two", "log")[0]
    _, said = whit("run", image, "git", "ls-remote", "https://127.0.0.1:1/x", status=128)
    assert "Failed to connect" in said


def redis(image: str, _: Path) -> None:
    port = free_port()
    words = ("redis-server", "/etc/redis/redis.conf", "--daemonize", "no", "--port", str(port))
    with serving(port, image, *words) as client:
        # The configuration's own directory belongs to redis.
        client.sendall(b"SET answer 42\r\nGET answer\r\nSAVE\r\n")
        said = b""
        while said.count(b"\r\n") < 4:
            said += client.recv(4096)
    assert said == b"+OK\r\n$2\r\n42\r\n+OK\r\n"


def nginx(image: str, place: Path) -> None:
    port = free_port()
    (place / "site.conf").write_text(f"server {{ listen 127.0.0.1:{port}; root /var/www/html; }}\n")
    mount = ("-v", f"{place / 'site.conf'}:/etc/nginx/conf.d/site.conf:ro")
    with serving(port, *mount, image) as client:
        client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        said = b"".join(iter(lambda: client.recv(4096), b""))
    assert said.endswith(b"a page")


def works(name: str, does: Callable[[str, Path], None] | str, *command: str, needs: str = ""):
    marks = pytest.mark.programs(needs or command[0])
    return pytest.param(name, command, does, marks=marks, id=name)


@pytest.mark.parametrize(
    ("package", "command", "does"),
    [
        works("sqlite3", "shell 42", "sqlite3", ":memory:", "select 42", ".shell echo shell"),
        works("python3.11", "started", "python3.11", "-c", PYTHON, needs="/usr/bin/python3.11"),
        works("postgresql-client-15 perl-base", "psql (PostgreSQL) 15", "psql", "--version"),
        works("git", git, "git", "version"),
        works("redis-server", redis, "redis-server", "/etc/redis/redis.conf"),
        works("nginx-light", nginx, "nginx", "-g", "daemon off;"),
    ],
)
def test_an_image_of_a_package_works_when_it_is_small(
    tmp_path: Path, package: str, command: tuple[str, ...], does: Callable[[str, Path], None] | str
):
    image = slimmed(tmp_path, package, *command)
    if isinstance(does, str):
        assert " ".join(whit("run", image)[0].split()).startswith(does)
        return
    (tmp_path / "work").mkdir()
    does(image, tmp_path / "work")
