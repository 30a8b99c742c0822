"""A git host and a module proxy that ask for a password, behind TLS, on free ports: git's own CGI
program, and the files of a module cache.
"""

import base64
import http.server
import os
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from certificates import make_certificates

USER = "robot"
LIBRARY = """package lib

// Greeting comes from a module that not everybody may read.
func Greeting() string { return "from a private module" }
"""
GOMOD = """module example.test/app

go 1.21

require git.example.test/team/lib.git v1.0.0
"""
MAIN = """package main

import lib "git.example.test/team/lib.git"

var Value string

func main() { println(lib.Greeting(), Value) }
"""


def git(*words: str, cwd: Path) -> None:
    env = {
        "PATH": os.environ["PATH"], "HOME": str(cwd), "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.test",
        "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.test",
        "GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z", "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z",
    }  # fmt: skip
    subprocess.run(["git", *words], cwd=cwd, env=env, check=True, capture_output=True)


class Host:
    """A running host. `url` is its address; `denied` and `served` count requests; `config` is what
    git has to know of it.
    """

    def __init__(self, url: str, authority: Path) -> None:
        self.url, self.authority = url, authority
        self.port = url.rpartition(":")[2].rstrip("/")
        self.served = self.denied = 0
        self.config = (
            f'[url "{url}"]\n  insteadOf = https://git.example.test/\n'
            f"[http]\n  sslCAInfo = {authority}\n"
        )


def make_library(place: Path) -> Path:
    """The bare repository of git.example.test/team/lib.git at v1.0.0."""
    repository = place / "work"
    repository.mkdir(parents=True)
    (repository / "go.mod").write_text("module git.example.test/team/lib.git\n\ngo 1.21\n")
    (repository / "lib.go").write_text(LIBRARY)
    git("init", "-q", "-b", "main", cwd=repository)
    git("add", ".", cwd=repository)
    git("commit", "-q", "-m", "one", cwd=repository)
    git("tag", "v1.0.0", cwd=repository)
    bare = place / "served/team/lib"
    bare.parent.mkdir(parents=True)
    git("clone", "-q", "--bare", ".", str(bare), cwd=repository)
    return bare


def make_program(place: Path, library: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in `place` that needs the module, with the sums of a developer who may read it;
    and an environment that knows no credential: home, gopath and what the developer fetched,
    in developer/cache/download, lie beside it.
    """
    home = place.parent / "home"
    for directory in (place, home):
        directory.mkdir()
    (place / "go.mod").write_text(GOMOD)
    (place / "main.go").write_text(MAIN)
    own = subprocess.run(["go", "env", "GOCACHE"], capture_output=True, text=True, check=True)
    monkeypatch.setenv("GOCACHE", own.stdout.strip())
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GOPATH", str(place.parent / "gopath"))
    monkeypatch.setenv("GOPRIVATE", "git.example.test")
    monkeypatch.setenv("GOFLAGS", "-modcacherw")
    for name in ("GOMODCACHE", "SSH_AUTH_SOCK", "GIT_CONFIG_GLOBAL", "GIT_SSL_CAINFO", "GOAUTH"):
        monkeypatch.delenv(name, raising=False)
    reads = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_VALUE_0": "https://git.example.test/",
             "GIT_CONFIG_KEY_0": f"url.{library.parents[1]}/.insteadOf"}  # fmt: skip
    env = {**os.environ, **reads, "GOMODCACHE": str(place.parent / "developer")}
    for words in (["tidy"], ["download", "git.example.test/team/lib.git@v1.0.0"]):
        command = ["go", "mod", *words]
        done = subprocess.run(command, cwd=place, env=env, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
    assert "team/lib.git" in (place / "go.sum").read_text()
    return place


class Guarded(http.server.BaseHTTPRequestHandler):
    """Answers whoever says the right password: `served` gives status, fields and body."""

    protocol_version = "HTTP/1.1"
    host: Host
    wanted: str

    def answer(self) -> None:
        fields: list[tuple[str, str]] = [("WWW-Authenticate", 'Basic realm="team"')]
        status, body = 401, b""
        if self.headers.get("Authorization") == self.wanted:
            self.host.served += 1
            status, fields, body = self.served()
        else:
            self.host.denied += 1
        self.send_response(status)
        for name, value in fields:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer  # noqa: N815 - the names that http.server looks for

    def served(self) -> tuple[int, list[tuple[str, str]], bytes]:
        raise NotImplementedError

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def private_git(place: Path, library: Path, token: str) -> Iterator[Host]:
    """Serve the module to whoever knows the token; `place` takes certificates."""
    root = library.parents[1]

    class Git(Guarded):
        def served(self) -> tuple[int, list[tuple[str, str]], bytes]:
            path, _, query = self.path.partition("?")
            size = int(self.headers.get("Content-Length", 0))
            env = {
                "GIT_PROJECT_ROOT": str(root), "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": path,
                "QUERY_STRING": query, "REQUEST_METHOD": self.command, "REMOTE_USER": USER,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(size), "PATH": os.environ["PATH"],
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory",
                "GIT_CONFIG_VALUE_0": "*",
            }  # fmt: skip
            done = subprocess.run(
                ["git", "http-backend"], input=self.rfile.read(size), env=env,
                capture_output=True, check=False,
            )  # fmt: skip
            head, _, body = done.stdout.partition(b"\r\n\r\n")
            fields = [line.partition(": ") for line in head.decode().split("\r\n")]
            status = next((value for name, _, value in fields if name == "Status"), "200 OK")
            kept = [(name, value) for name, _, value in fields if name and name != "Status"]
            return int(status.split()[0]), kept, body

    with behind_tls(place, Git, token) as host:
        yield host


@contextmanager
def private_proxy(place: Path, files: Path, token: str) -> Iterator[Host]:
    """Serve a module cache's downloads, which are laid out as a proxy's, likewise."""

    class Proxy(Guarded):
        def served(self) -> tuple[int, list[tuple[str, str]], bytes]:
            path = files / self.path.lstrip("/")
            return (200, [], path.read_bytes()) if path.is_file() else (404, [], b"no such file")

    with behind_tls(place, Proxy, token) as host:
        yield host


@contextmanager
def behind_tls(place: Path, handler: type[Guarded], token: str) -> Iterator[Host]:
    place.mkdir(exist_ok=True)
    make_certificates(place)
    authority = place / "ca.pem"
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(place / "server.pem", place / "server.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    host = Host(f"https://localhost:{server.server_port}/", authority)
    handler.host = host
    handler.wanted = "Basic " + base64.b64encode(f"{USER}:{token}".encode()).decode()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield host
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
