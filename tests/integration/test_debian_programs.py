"""Debian's own programs, each in an image of nothing but what its plan says, doing real work."""

import http.client
import http.server
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from certificates import make_certificates

WHIT = [sys.executable, "-m", "whit.cli.entry"]
pytestmark = [pytest.mark.sandbox]


def whit(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*WHIT, *words], cwd=cwd, capture_output=True, text=True, check=False, timeout=300
    )


def built(program: str, *words: str, cwd: Path) -> str:
    """The name of the image made of a program of this host."""
    path = shutil.which(program, path="/usr/bin:/usr/sbin:/bin") or program
    name = Path(path).name
    done = whit("build", path, *words, "-t", name, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return name


def output(image: str, *words: str, cwd: Path) -> str:
    done = whit("run", *words[: words.index("--")], image, *words[words.index("--") + 1 :], cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def running(image: str, *words: str, cwd: Path, port: int) -> Iterator[None]:
    """The image runs, and listens on the port, for the time of the block."""
    process = subprocess.Popen(
        [*WHIT, "run", image, *words], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        for _ in range(200):
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", port)) == 0:
                    break
            if process.poll() is not None:
                break
            time.sleep(0.05)
        assert process.poll() is None, process.communicate()[0].decode()
        yield
    finally:
        process.terminate()
        process.communicate(timeout=30)


@pytest.mark.programs("jq")
def test_jq_adds(tmp_path: Path):
    image = built("jq", cwd=tmp_path)
    assert output(image, "--", "-cn", "[1, 2, 39] | {sum: add}", cwd=tmp_path) == '{"sum":42}\n'


@pytest.mark.programs("sqlite3")
def test_sqlite_answers_a_query(tmp_path: Path):
    image = built("sqlite3", cwd=tmp_path)
    query = "create table t(a); insert into t values(40),(2); select sum(a) from t"
    assert output(image, "--", ":memory:", query, cwd=tmp_path) == "42\n"


PYTHON = """
import ctypes, decimal, hashlib, json, lzma, sqlite3, ssl, zlib
assert lzma.decompress(lzma.compress(b"x" * 99)) == b"x" * 99
row = sqlite3.connect(":memory:").execute("select 40 + 2").fetchone()
ssl.create_default_context()
print(json.dumps([row[0], str(decimal.Decimal("0.1") * 3), hashlib.sha256(b"").hexdigest()[:8]]))
"""


@pytest.mark.programs("/usr/bin/python3.11")
def test_python_with_its_standard_library(tmp_path: Path):
    image = built("/usr/bin/python3.11", "--need", "tree:/usr/lib/python3.11", cwd=tmp_path)
    found = json.loads(output(image, "--", "-c", PYTHON, cwd=tmp_path))
    assert found == [42, "0.3", "e3b0c442"]


@pytest.mark.programs("redis-server")
def test_redis_keeps_a_value(tmp_path: Path):
    image = built("redis-server", cwd=tmp_path)
    port = free_port()
    words = ("--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", "/tmp")
    with running(image, *words, cwd=tmp_path, port=port):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            client.sendall(b"SET answer 42\r\nGET answer\r\nEVAL 'return 6*7' 0\r\n")
            said = b""
            while said.count(b"\r\n") < 4:
                said += client.recv(4096)
        assert said == b"+OK\r\n$2\r\n42\r\n:42\r\n"


NGINX = """
pid /tmp/nginx.pid;
error_log stderr;
events {}
http {
  access_log off;
  client_body_temp_path /tmp/body;
  proxy_temp_path /tmp/proxy;
  fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi;
  scgi_temp_path /tmp/scgi;
  gzip on;
  gzip_types text/plain;
  gzip_min_length 1;
  server {
    listen 127.0.0.1:PORT;
    location ~ ^/a(n+)swer$ { return 200 "served 42 by regular expression"; }
  }
}
"""


@pytest.mark.programs("nginx")
def test_nginx_serves(tmp_path: Path):
    port = free_port()
    (tmp_path / "nginx.conf").write_text(NGINX.replace("PORT", str(port)))
    (tmp_path / "whit.toml").write_text(
        'directories = ["/var/log/nginx", "/var/lib/nginx"]\n'
        '[files]\n"/etc/nginx/nginx.conf" = "nginx.conf"\n'
    )
    image = built("nginx", "--need", "tmp", cwd=tmp_path)
    with running(image, "-g", "daemon off;", cwd=tmp_path, port=port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/annnswer", headers={"Accept-Encoding": "gzip"})
        answer = connection.getresponse()
        assert (answer.status, answer.getheader("Content-Encoding")) == (200, "gzip")
        answer.read()
        connection.close()


POSTGRES = "/usr/lib/postgresql/15/bin"


@contextmanager
def postgres(place: Path, port: int) -> Iterator[None]:
    """A database server of this host, which does not run as root."""
    data = place / "data"
    data.mkdir()
    if os.geteuid() == 0:
        os.chown(data, 65534, 65534)
        for parent in (place, *place.parents[:4]):
            if "pytest" in str(parent):
                parent.chmod(0o755)
        as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    else:
        as_nobody = []
    make = [*as_nobody, f"{POSTGRES}/initdb", "-D", str(data), "-U", "me", "-A", "trust", "-N"]
    subprocess.run(make, check=True, capture_output=True, cwd="/")
    words = ["-D", str(data), "-p", str(port), "-k", "", "-h", "127.0.0.1", "-F"]
    server = subprocess.Popen(
        [*as_nobody, f"{POSTGRES}/postgres", *words], cwd="/", stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(200):
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield
    finally:
        server.terminate()
        server.wait(timeout=30)


@pytest.mark.programs(f"{POSTGRES}/psql", f"{POSTGRES}/postgres", "setpriv")
def test_psql_asks_a_server(tmp_path: Path):
    image = built(f"{POSTGRES}/psql", cwd=tmp_path)
    port = free_port()
    with postgres(tmp_path, port):
        place = f"postgresql://me@localhost:{port}/postgres"
        query = "select sum(n) from generate_series(1, 8) as n"
        assert output(image, "--", place, "-Atc", query, cwd=tmp_path) == "36\n"


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[str]:
    """A git repository served over https by a loopback server of a private CA: its address."""
    make_certificates(tmp_path)
    work, bare = tmp_path / "work", tmp_path / "served/app.git"
    env = os.environ | {"GIT_CONFIG_GLOBAL": "/dev/null"}

    def git(*words: str, cwd: Path) -> None:
        own = ("-c", "user.name=a", "-c", "user.email=a@example.com")
        subprocess.run(["git", *own, *words], cwd=cwd, check=True, capture_output=True, env=env)

    work.mkdir()
    git("init", "-q", "-b", "main", cwd=work)
    (work / "answer").write_text("42\n")
    git("add", ".", cwd=work)
    git("commit", "-qm", "first", cwd=work)
    git("clone", "-q", "--bare", str(work), str(bare), cwd=tmp_path)
    git("update-server-info", cwd=bare)

    class Files(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *words: object) -> None:
            super().__init__(*words, directory=str(bare.parent))  # type: ignore[arg-type]

        def log_message(self, *_: object) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"https://localhost:{server.server_address[1]}/app.git"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.programs("/usr/lib/git-core/git-remote-https")
def test_git_clones_over_https(tmp_path: Path, repository: str):
    image = built(
        "git", "--need", "program:/usr/lib/git-core/git-remote-https",
        "--ca-extra", "ca.pem", "--set", "image.env.HOME=/tmp", cwd=tmp_path,
    )  # fmt: skip
    target = tmp_path / "cloned"
    target.mkdir(mode=0o777)
    target.chmod(0o777)
    output(
        image,
        "-v",
        f"{target}:/cloned",
        "--",
        "clone",
        "-q",
        repository,
        "/cloned/app",
        cwd=tmp_path,
    )
    assert (target / "app/answer").read_text() == "42\n"
