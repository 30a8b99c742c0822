"""What a registry's clients go through in earnest: proxies, other makes, crowds, kills, memory."""

import base64
import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from certificates import make_certificates
from registry_case import Registry, images, registry, whit
from whit.build.house import open_house
from whit.model.image import Compression, Format
from whit.model.names import Platform
from whit.model.plan import RunConfig
from whit.model.tree import File, Stored, Tree
from whit.oci.assemble import assemble
from whit.oci.graph import content_of
from whit.store.blobs import Store

pytestmark = pytest.mark.registry
CRANE = "github.com/google/go-containerregistry/cmd/crane@v0.20.2"
MEBIBYTE = 1 << 20
UNREACHABLE = 3


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Registry]:
    with registry(tmp_path / "registry") as running:
        yield running


@pytest.fixture
def store() -> Iterator[Store]:
    opened = Store.open(open_house().store)
    yield opened
    opened.close()


def put_random(store: Store, name: str, size: int, place: Path) -> str:
    """An image with one layer of that many random bytes, uncompressed; its digest."""
    file = place / f"{name.replace(':', '-')}.bin"
    file.write_bytes(random.Random(name).randbytes(size))
    from whit.model.names import digest_of

    node = File(Stored(str(file), size, digest_of(file.read_bytes())), mode=0o755)
    layer = store.write_layer(Tree.of({"/data": node}), Compression(Format.NONE))
    image = assemble((layer,), RunConfig(Platform("linux", "amd64"), entrypoint=("/data",)))
    store.put(image.config)
    content = content_of(image)
    store.add_content(content, (name,))
    return content.root.digest


class Proxy(ThreadingHTTPServer):
    """A forward proxy for plain HTTP, which knows where one name leads and counts its requests."""

    def __init__(self, name: str, target: str) -> None:
        super().__init__(("127.0.0.1", 0), Forward)
        self.name, self.target = name, target
        self.seen: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Forward(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Proxy

    def log_message(self, *_: object) -> None: ...

    def forward(self) -> None:
        self.server.seen.append(f"{self.command} {self.path}")
        rest = self.path.removeprefix(f"http://{self.server.name}")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {k: v for k, v in self.headers.items() if k.lower() != "host"}
        with closing(HTTPConnection(self.server.target, timeout=30)) as connection:
            connection.request(self.command, rest, body, {**headers, "Host": self.server.name})
            answer = connection.getresponse()
            data = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                    self.send_header(name, value)
            length = answer.getheader("Content-Length") if self.command == "HEAD" else len(data)
            self.send_header("Content-Length", str(length or 0))
            self.end_headers()
            self.wfile.write(data)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = forward  # noqa: N815 - its names

    def do_CONNECT(self) -> None:
        self.server.seen.append(f"CONNECT {self.path} {self.headers.get('Proxy-Authorization')}")
        host, _, port = self.server.target.partition(":")
        with socket.create_connection((host, int(port))) as beyond:
            self.send_response(200)
            self.end_headers()
            ends = {self.connection: beyond, beyond: self.connection}
            while True:
                for end in select.select(ends, (), (), 30)[0]:
                    if not (data := end.recv(1 << 16)):
                        self.close_connection = True
                        return
                    ends[end].sendall(data)


def test_a_proxy_is_used_and_no_proxy_is_heeded(
    there: Registry, store: Store, monkeypatch: pytest.MonkeyPatch
):
    images(store)
    name = "registry.example.test:5000"
    with Proxy(name, there.host) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        monkeypatch.setenv("http_proxy", proxy.url)
        out, _ = whit("copy", "multi:1", f"{name}/a/multi:1", "--insecure", name)
        assert out.endswith(store.digest_of("multi:1"))
        assert proxy.seen
        assert there.requests()
        whit("copy", f"{name}/a/multi:1", "back:1", "--insecure", name)
        assert store.digest_of("back:1") == store.digest_of("multi:1")
        # A registry on this machine is not asked through a proxy.
        before = len(proxy.seen)
        whit("copy", f"{there.host}/a/multi:1", "near:1")
        assert len(proxy.seen) == before
        monkeypatch.setenv("no_proxy", "registry.example.test")
        _, said = whit("copy", f"{name}/a/multi:1", "far:1", "--insecure", name, status=UNREACHABLE)
        assert "registry.example.test" in said
        assert len(proxy.seen) == before
        proxy.shutdown()


def test_tls_passes_through_a_proxy(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    images(store)
    make_certificates(tmp_path)
    tls = f", tls: {{certificate: {tmp_path}/server.pem, key: {tmp_path}/server.key}}"
    name = "registry.example.test:5000"
    (tmp_path / "whit.toml").write_text(f'[registries."{name}"]\nca = "ca.pem"\n')
    with registry(tmp_path / "registry", tls) as there, Proxy(name, there.host) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        monkeypatch.setenv("https_proxy", proxy.url.replace("//", "//me:p%20w@"))
        out, _ = whit("copy", "multi:1", f"{name}/a/multi:1", cwd=tmp_path)
        assert out.endswith(store.digest_of("multi:1"))
        known = base64.b64encode(b"me:p w").decode()
        assert set(proxy.seen) == {f"CONNECT {name} Basic {known}"}
        monkeypatch.setenv("https_proxy", proxy.url.replace("http:", "https:"))
        _, said = whit("copy", f"{name}/a/multi:1", "back:1", cwd=tmp_path, status=1)
        assert "name it as http://HOST:PORT" in said
        proxy.shutdown()


def test_a_proxy_that_is_down_is_named(store: Store, monkeypatch: pytest.MonkeyPatch):
    images(store)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    monkeypatch.setenv("http_proxy", url)
    name = "registry.example.test:5000"
    _, said = whit("copy", "multi:1", f"{name}/a:1", "--insecure", name, status=UNREACHABLE)
    assert "proxy" in said.lower()


@pytest.fixture(scope="session")
def crane(tmp_path_factory: pytest.TempPathFactory) -> str:
    place = tmp_path_factory.mktemp("crane")
    env = {**os.environ, "GOBIN": str(place), "CGO_ENABLED": "0", "GOFLAGS": ""}
    subprocess.run(["go", "install", CRANE], env=env, check=True, timeout=600)
    return str(place / "crane")


@pytest.fixture
def other_make(crane: str) -> Iterator[str]:
    """A registry of another make, which keeps everything in memory; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    process = subprocess.Popen(
        [crane, "registry", "serve", "--address", address],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        host, _, port = address.partition(":")
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex((host, int(port))) == 0:
                    break
            time.sleep(0.05)
        yield address
    finally:
        process.kill()
        process.wait()


@pytest.mark.go
@pytest.mark.network
def test_a_registry_of_another_make_and_crane_agree(
    other_make: str, crane: str, there: Registry, store: Store, tmp_path: Path
):
    images(store)
    digest = store.digest_of("multi:1")
    remote = f"{other_make}/team/multi:1"
    assert whit("copy", "multi:1", remote)[0].endswith(digest)
    valid = subprocess.run(
        [crane, "validate", "--remote", remote], capture_output=True, text=True, check=False
    )
    assert valid.returncode == 0, valid.stderr
    # From one make to the other, by both clients.
    assert whit("copy", remote, f"{there.host}/moved:1")[0].endswith(digest)
    subprocess.run([crane, "copy", f"{there.host}/moved:1", f"{other_make}/by/crane:1"], check=True)
    assert whit("copy", f"{other_make}/by/crane:1", "back:1")[0].endswith(digest)
    # What crane writes is read: a schema 2 image made of a tar.
    (tmp_path / "greeting").write_text("hello\n")
    tar = tmp_path / "layer.tar"
    subprocess.run(["tar", "-C", tmp_path, "-cf", tar, "greeting"], check=True)
    subprocess.run(
        [crane, "append", "-f", tar, "-t", f"{other_make}/by/crane:2"],
        check=True, capture_output=True,
    )  # fmt: skip
    assert not store.check()
    made = whit("copy", f"{other_make}/by/crane:2", "made-by-crane:1")[0]
    assert made.endswith(_tag(other_make, "by/crane", "2"))
    # It names no platform, and `whit images --check` says so; its bytes are what they should be.
    assert [problem.what for problem in store.check()] == ["/ is no platform"]


def test_sixteen_pushes_at_once(there: Registry, store: Store):
    images(store)
    digest = store.digest_of("multi:1")
    # The same repository, and others that share its layers.
    targets = [f"{there.host}/crowd/{n % 4}:{n}" for n in range(16)]
    with ThreadPoolExecutor(16) as threads:
        said = list(threads.map(lambda target: whit("copy", "multi:1", target)[0], targets))
    assert all(out.endswith(digest) for out in said)
    for target in targets:
        shown = subprocess.run(
            ["skopeo", "inspect", "--tls-verify=false", "--raw", f"docker://{target}"],
            capture_output=True, check=True,
        )  # fmt: skip
        assert len(json.loads(shown.stdout)["manifests"]) == 2
    assert not store.check()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_push_that_is_ended_leaves_no_tag_and_the_next_goes_on(
    there: Registry, store: Store, tmp_path: Path, number: signal.Signals
):
    digest = put_random(store, "large:1", 64 * MEBIBYTE, tmp_path)
    target = f"{there.host}/large:1"
    waits = random.Random(number)
    ended = 0
    for _ in range(12):
        process = subprocess.Popen(
            [sys.executable, "-m", "whit.cli.entry", "copy", "large:1", target],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        time.sleep(waits.uniform(0.1, 0.5))
        process.send_signal(number)
        process.communicate(timeout=60)
        there.requests()
        if process.returncode == 0:
            break
        ended += 1
        got = _tag(there.host, "large", "1")
        assert got in ("", digest)
        if got:
            break
    assert ended
    assert whit("copy", "large:1", target)[0].endswith(digest)
    assert _tag(there.host, "large", "1") == digest
    assert whit("copy", target, "back:1")[0].endswith(digest)
    assert not store.check()


def _tag(host: str, repository: str, tag: str) -> str:
    """The digest that a tag has, "" for none."""
    with closing(HTTPConnection(host, timeout=30)) as connection:
        kinds = ("oci.image.manifest.v1", "docker.distribution.manifest.v2")
        accepted = {"Accept": ", ".join(f"application/vnd.{kind}+json" for kind in kinds)}
        connection.request("HEAD", f"/v2/{repository}/manifests/{tag}", headers=accepted)
        answer = connection.getresponse()
        return answer.getheader("Docker-Content-Digest", "") if answer.status == 200 else ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_pull_that_is_ended_leaves_nothing_wrong(
    there: Registry, store: Store, tmp_path: Path, number: signal.Signals
):
    digest = put_random(store, "large:1", 64 * MEBIBYTE, tmp_path)
    whit("copy", "large:1", f"{there.host}/large:1")
    waits = random.Random(number)
    other = {**os.environ, "WHIT_STORE": str(tmp_path / "other")}
    for _ in range(12):
        process = subprocess.Popen(
            [sys.executable, "-m", "whit.cli.entry", "copy", f"{there.host}/large:1", "got:1"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=other,
        )  # fmt: skip
        time.sleep(waits.uniform(0.1, 0.4))
        process.send_signal(number)
        process.communicate(timeout=60)
        fresh = Store.open(str(tmp_path / "other"))
        assert not fresh.check()
        fresh.close()
        if process.returncode == 0:
            break
    done = subprocess.run(
        [sys.executable, "-m", "whit.cli.entry", "copy", f"{there.host}/large:1", "got:1"],
        capture_output=True, text=True, check=True, env=other,
    )  # fmt: skip
    assert done.stdout.strip().endswith(digest)


def peak_bytes(*words: str) -> int:
    """The most memory that one `whit` held at a time."""
    script = (
        "import os, resource, sys\n"
        "pid = os.posix_spawn(sys.executable, [sys.executable, '-m', 'whit.cli.entry',"
        " *sys.argv[1:]], os.environ)\n"
        "assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *words], capture_output=True, text=True, check=True
    )
    return int(done.stdout.split()[-1]) * 1024


def test_memory_does_not_grow_with_the_layer(there: Registry, store: Store, tmp_path: Path):
    put_random(store, "small:1", MEBIBYTE, tmp_path)
    put_random(store, "large:1", 200 * MEBIBYTE, tmp_path)
    start = peak_bytes("images")
    for name in ("small", "large"):
        pushed = peak_bytes("copy", f"{name}:1", f"{there.host}/{name}:1")
        assert pushed - start < 64 * MEBIBYTE, name
        os.environ["WHIT_STORE"], kept = str(tmp_path / f"other-{name}"), os.environ["WHIT_STORE"]
        try:
            pulled = peak_bytes("copy", f"{there.host}/{name}:1", "got:1")
        finally:
            os.environ["WHIT_STORE"] = kept
        assert pulled - start < 64 * MEBIBYTE, name
