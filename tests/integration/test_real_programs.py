"""Real programs by module path at a version: planned, built, run from their image, used for real.

`make corpus` runs all; CI runs age. Each plan is kept as a readable file in tests/cases/plans and
compared by what it holds and by what each rule concluded; `--update-plans` writes them anew.
"""

import http.client
import json
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

PLANS = Path(__file__).parents[1] / "cases" / "plans"
WHIT = [sys.executable, "-m", "whit.cli.entry"]
PROGRAMS = {
    "age": "filippo.io/age/cmd/age@v1.2.0",
    "caddy": "github.com/caddyserver/caddy/v2/cmd/caddy@v2.8.4",
    "crane": "github.com/google/go-containerregistry/cmd/crane@v0.20.2",
    "helm": "helm.sh/helm/v3/cmd/helm@v3.16.2",
    "go-httpbin": "github.com/mccutchen/go-httpbin/v2/cmd/go-httpbin@v2.15.0",
    "hugo": "github.com/gohugoio/hugo@v0.136.5",
    "rclone": "github.com/rclone/rclone@v1.68.1",
    # As a directory: a module whose source was downloaded, not installed by its path.
    "restic": "./cmd/restic in github.com/restic/restic@v0.16.4",
    "sops": "github.com/getsops/sops/v3/cmd/sops@v3.9.1",
}
# What each prints when it is asked who it is.
GREETINGS = {
    "age": (["--version"], "v1.2.0"),
    "caddy": (["help"], "caddy"),
    "crane": (["version"], ""),
    "helm": (["version"], "version.BuildInfo"),
    "go-httpbin": (["-help"], "-port"),
    "hugo": (["version"], "hugo v"),
    "rclone": (["version"], "rclone v"),
    "restic": (["version"], "restic 0.16.4"),
    "sops": (["--version"], "sops"),
}
ALL = [
    pytest.param(name, marks=() if name == "age" else (pytest.mark.corpus,)) for name in PROGRAMS
]
pytestmark = [pytest.mark.go, pytest.mark.sandbox, pytest.mark.network]


def whit(*words: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*WHIT, *words], capture_output=True, text=True, check=False, timeout=1800, **options
    )  # type: ignore[call-overload,no-any-return]


@pytest.fixture(autouse=True)
def shared_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs and modules are kept between tests and runs; images are each test's own."""
    monkeypatch.delenv("WHIT_CACHE")
    monkeypatch.setenv("WHIT_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("GOFLAGS", "-buildvcs=false")
    monkeypatch.delenv("CGO_ENABLED", raising=False)


def source_of(name: str) -> str:
    package, is_inside, module = PROGRAMS[name].partition(" in ")
    if not is_inside:
        return package
    done = subprocess.run(["go", "mod", "download", "-json", module],
                          capture_output=True, check=True, cwd="/")  # fmt: skip
    return str(Path(json.loads(done.stdout)["Dir"], package))


def built(name: str, *words: str) -> dict[str, object]:
    done = whit("build", source_of(name), "--json", *words)
    assert done.returncode == 0, done.stderr
    document: dict[str, object] = json.loads(done.stdout)
    return document


def conclusions(document: dict[str, object]) -> list[str]:
    """What a plan holds and what each rule said, in a form that sizes and releases do not move."""
    plan = document["plan"]
    assert isinstance(plan, dict)
    entries = {f"{e['code']}  {e['path']}" for e in plan["entries"] if e["code"] != "N020"}
    needs = [
        f"{n['code']}  {n['title']}: {n['standing']}"
        + "".join(f"\n        {e['kind']}: {e['where']}" for e in n["evidence"][:3])
        for n in plan["needs"]
    ]
    return ["in the image", *sorted(f"  {e}" for e in entries), "rules", *(f"  {n}" for n in needs)]


def answers(lines: list[str]) -> list[str]:
    return [line for line in lines if not line.strip().startswith(("function:", "caller:", "const"))
            and not line.startswith("        ")]  # fmt: skip


@pytest.mark.parametrize("name", ALL)
def test_a_real_program_runs_from_an_image_that_holds_its_needs_only(
    name: str, request: pytest.FixtureRequest
):
    document = built(name)
    sizes = document["sizes"]
    plan = document["plan"]
    assert isinstance(sizes, dict)
    assert isinstance(plan, dict)
    needed = sum(e["size"] for e in plan["entries"] if e["code"] != "N001")
    assert sizes["disk"] == sizes["binary"] + needed
    golden = PLANS / f"{name}.txt"
    text = "\n".join([PROGRAMS[name], "", *conclusions(document), ""])
    if request.config.getoption("update_plans"):
        golden.write_text(text)
    assert answers(text.splitlines()) == answers(golden.read_text().splitlines())
    words, greeting = GREETINGS[name]
    ran = whit("run", name, *words)
    assert ran.returncode == 0, ran.stderr
    assert greeting in ran.stdout + ran.stderr


@pytest.mark.docker
@pytest.mark.parametrize("name", ALL)
def test_docker_runs_it_too(name: str):
    built(name, "--to", f"docker-daemon:whit-test-{name}")
    words, greeting = GREETINGS[name]
    command = ["docker", "run", "--rm", "--network", "none", f"whit-test-{name}", *words]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    subprocess.run(["docker", "rmi", "-f", f"whit-test-{name}"], capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert greeting in ran.stdout + ran.stderr


def test_age_encrypts_and_decrypts(tmp_path: Path):
    built("age")
    key = whit("build", "filippo.io/age/cmd/age-keygen@v1.2.0")
    assert key.returncode == 0, key.stderr
    identity = whit("run", "age-keygen")
    recipient = identity.stderr.strip().rpartition(" ")[2]
    (tmp_path / "key").write_text(identity.stdout)
    sealed = subprocess.run(
        [*WHIT, "run", "age", "-r", recipient], input=b"a secret", capture_output=True, check=True
    )
    assert b"a secret" not in sealed.stdout
    opened = subprocess.run(
        [*WHIT, "run", "--user", "0", "-v", f"{tmp_path}:/keys:ro", "age", "-d", "-i", "/keys/key"],
        input=sealed.stdout, capture_output=True, check=True,
    )  # fmt: skip
    assert opened.stdout == b"a secret"


@pytest.mark.corpus
def test_restic_makes_and_restores_a_backup(tmp_path: Path):
    built("restic")
    for name in ("source", "repository", "restored"):
        (tmp_path / name).mkdir()
    (tmp_path / "source" / "file").write_text("precious")
    common = ["run", "--user", "0", "-e", "RESTIC_PASSWORD=x", "-v", f"{tmp_path}:/w", "restic",
              "-r", "/w/repository", "--no-cache"]  # fmt: skip
    for words in (["init"], ["backup", "/w/source"], ["restore", "latest", "-t", "/w/restored"]):
        done = whit(*common, *words)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "restored" / "w" / "source" / "file").read_text() == "precious"


@pytest.mark.corpus
def test_caddy_serves_a_page(tmp_path: Path):
    built("caddy")
    (tmp_path / "index.html").write_text("<h1>served from one file</h1>")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [*WHIT, "run", "-v", f"{tmp_path}:/www:ro", "caddy",
         "file-server", "--root", "/www", "--listen", f"127.0.0.1:{port}"],
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    tmp_path.chmod(0o755)
    try:
        assert "served from one file" in fetched(port)
    finally:
        server.terminate()
        server.wait(timeout=20)


def fetched(port: int) -> str:
    for _ in range(100):
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
                connection.request("GET", "/")
                return connection.getresponse().read().decode()
        except OSError:
            time.sleep(0.1)
    return ""


@pytest.mark.corpus
def test_rclone_lists_an_https_remote_with_a_private_ca(tmp_path: Path):
    authority, chain = certificates(tmp_path)
    files = tmp_path / "files"
    files.mkdir()
    (files / "hello.txt").write_text("x")
    built("rclone", "--ca-extra", str(authority))
    with https_server(files, chain) as port:
        listed = whit("run", "rclone", "lsf", "--http-url", f"https://localhost:{port}/", ":http:")
        assert listed.returncode == 0, listed.stderr
        assert "hello.txt" in listed.stdout
        built("rclone")
        refused = whit("run", "rclone", "lsf", "--retries", "1", "--http-url",
                       f"https://localhost:{port}/", ":http:")  # fmt: skip
        assert "certificate signed by unknown authority" in refused.stderr


def certificates(place: Path) -> tuple[Path, Path]:
    """A CA of our own, and a file with the key and certificate of a server on localhost."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    now = datetime.now(tz=UTC)

    def made(name: str, key: Any, issuer: Any, signer: Any, extensions: list[Any]) -> Any:
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
            .issuer_name(issuer or x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=2))
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(signer, hashes.SHA256())

    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca = made("private test CA", ca_key, None, ca_key,
              [x509.BasicConstraints(ca=True, path_length=None)])  # fmt: skip
    names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    own = made("localhost", key, ca.subject, ca_key, [names])
    pem = serialization.Encoding.PEM
    (place / "ca.pem").write_bytes(ca.public_bytes(pem))
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (place / "server.pem").write_bytes(private + own.public_bytes(pem))
    return place / "ca.pem", place / "server.pem"


@contextmanager
def https_server(directory: Path, chain: Path) -> Iterator[int]:
    class Quiet(SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(directory))  # type: ignore[arg-type]

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Quiet)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
