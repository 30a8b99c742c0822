"""Real programs, used for something real from their images. `make corpus` runs all; CI runs age."""

import http.client
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from real_case import WHIT, built, shared_cache, whit  # noqa: F401 - a fixture
from registry_case import registry

pytestmark = [pytest.mark.go, pytest.mark.sandbox, pytest.mark.network]


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
    port = free_port()
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


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


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
def test_hugo_makes_a_site(tmp_path: Path):
    built("hugo")
    site = tmp_path / "site"
    (site / "content").mkdir(parents=True)
    (site / "layouts" / "_default").mkdir(parents=True)
    (site / "hugo.toml").write_text('title = "t"\n')
    (site / "content" / "page.md").write_text("---\ntitle: A page\n---\n*made* in one file\n")
    (site / "layouts" / "_default" / "single.html").write_text("{{ .Title }}: {{ .Content }}")
    done = whit("run", "--user", "0", "-v", f"{site}:/site", "hugo", "--source", "/site")
    assert done.returncode == 0, done.stderr
    page = (site / "public" / "page" / "index.html").read_text()
    assert "A page: <p><em>made</em> in one file</p>" in page


@pytest.mark.corpus
def test_sops_seals_and_opens_a_file_with_a_key_of_age(tmp_path: Path):
    built("sops")
    key = whit("build", "filippo.io/age/cmd/age-keygen@v1.2.0")
    assert key.returncode == 0, key.stderr
    identity = whit("run", "age-keygen")
    recipient = identity.stderr.strip().rpartition(" ")[2]
    (tmp_path / "key").write_text(identity.stdout)
    (tmp_path / "plain.yaml").write_text("password: precious\n")
    common = [
        "run",
        "--user",
        "0",
        "-v",
        f"{tmp_path}:/w:ro",
        "-e",
        "SOPS_AGE_KEY_FILE=/w/key",
        "sops",
    ]
    sealed = whit(*common, "encrypt", "--age", recipient, "/w/plain.yaml")
    assert sealed.returncode == 0, sealed.stderr
    assert "precious" not in sealed.stdout
    (tmp_path / "sealed.yaml").write_text(sealed.stdout)
    opened = whit(*common, "decrypt", "/w/sealed.yaml")
    assert opened.stdout == "password: precious\n"


@pytest.mark.corpus
def test_helm_renders_a_chart(tmp_path: Path):
    built("helm")
    common = ["run", "--user", "0", "-v", f"{tmp_path}:/w", "helm"]
    made = whit(*common, "create", "/w/chart")
    assert made.returncode == 0, made.stderr
    rendered = whit(*common, "template", "called", "/w/chart", "--set", "replicaCount=7")
    assert rendered.returncode == 0, rendered.stderr
    assert "replicas: 7" in rendered.stdout
    assert "name: called-chart" in rendered.stdout


@pytest.mark.corpus
@pytest.mark.registry
def test_crane_checks_an_image_in_a_registry(tmp_path: Path):
    built("crane")
    with registry(tmp_path) as running:
        address = running.host
        sent = whit("copy", "crane", f"{address}/crane:1", "--insecure", address)
        assert sent.returncode == 0, sent.stderr
        listed = whit("run", "crane", "ls", "--insecure", f"{address}/crane")
        assert listed.stdout.split() == ["1"]
        valid = whit("run", "crane", "validate", "--insecure", "--remote", f"{address}/crane:1")
        assert valid.returncode == 0, valid.stderr


@pytest.mark.corpus
def test_httpbin_answers():
    built("go-httpbin")
    port = free_port()
    server = subprocess.Popen(
        [*WHIT, "run", "go-httpbin", "-host", "127.0.0.1", "-port", str(port)],
        stderr=subprocess.DEVNULL,
    )
    try:
        assert "httpbin" in fetched(port)
    finally:
        server.terminate()
        server.wait(timeout=20)


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
