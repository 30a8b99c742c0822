"""Logins, TLS and client certificates against a real registry."""

import datetime as dt
import ipaddress
import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from registry_case import HTPASSWD, Registry, images, registry, whit
from whit.build.house import open_house
from whit.errors.registry import HelperFailed
from whit.registry.credentials import run_helper
from whit.store.blobs import Store

pytestmark = pytest.mark.registry


class Authority:
    """A CA of the test's own, and what it signs."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        made = self._signed(self._name, self._key, is_ca=True)
        self.path = place / "ca.pem"
        self.path.write_bytes(made.public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str) -> tuple[Path, Path]:
        """Certificate and key for 127.0.0.1."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        cert, secret = self.place / f"{name}.pem", self.place / f"{name}.key"
        made = self._signed(subject, key, is_ca=False)
        cert.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        secret.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return cert, secret

    def _signed(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, is_ca: bool
    ) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        )
        return builder.sign(self._key, hashes.SHA256())


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "home"
    place.mkdir()
    monkeypatch.setenv("HOME", str(place))
    for name in ("DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    return place


@pytest.fixture
def locked(tmp_path: Path, authority: Authority) -> Iterator[Registry]:
    """TLS by a private CA, and a password."""
    cert, key = authority.issue("server")
    (tmp_path / "htpasswd").write_text(HTPASSWD)
    tls = f", tls: {{certificate: {cert}, key: {key}}}"
    auth = f"auth: {{htpasswd: {{realm: here, path: {tmp_path}/htpasswd}}}}\n"
    with registry(tmp_path / "registry", tls, auth) as running:
        yield running


@pytest.fixture
def project(tmp_path: Path, locked: Registry, authority: Authority) -> Path:
    place = tmp_path / "project"
    place.mkdir()
    (place / "whit.toml").write_text(f'[registries."{locked.host}"]\nca = "{authority.path}"\n')
    return place


@pytest.fixture
def store() -> Iterator[Store]:
    opened = Store.open(open_house().store)
    images(opened)
    yield opened
    opened.close()


def login(host: str, password: str, cwd: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [
            *(sys.executable, "-m", "whit.cli.entry", "login", host),
            *("-u", "me", "--password-stdin", *words),
        ],
        input=password + "\n", capture_output=True, text=True, check=False, cwd=cwd, timeout=60,
    )  # fmt: skip


def test_a_ca_must_be_named(locked: Registry, home: Path, tmp_path: Path, store: Store):
    _, said = whit("copy", "multi:1", f"{locked.host}/a:1", cwd=tmp_path, status=3)
    assert "error[R018]" in said
    assert "ca = " in said


def test_a_login_is_tried_kept_and_forgotten(
    locked: Registry, home: Path, project: Path, store: Store
):
    target = f"{locked.host}/a:1"
    _, said = whit("copy", "multi:1", target, cwd=project, status=3)
    assert "error[R012]" in said
    assert f"whit login {locked.host}" in said
    wrong = login(locked.host, "sesame", project)
    assert wrong.returncode == 3
    assert "error[R012]" in wrong.stderr
    config = home / ".docker" / "config.json"
    assert not config.exists()
    right = login(locked.host, "open-sesame", project)
    assert right.returncode == 0, right.stderr
    assert "open-sesame" not in right.stderr
    assert stat.S_IMODE(os.stat(config).st_mode) == 0o600
    whit("copy", "multi:1", target, cwd=project)
    whit("copy", target, "back:1", cwd=project)
    assert store.digest_of("back:1") == store.digest_of("multi:1")
    whit("login", locked.host, "--remove", cwd=project)
    whit("copy", target, "again:1", cwd=project, status=3)


@pytest.mark.skopeo
def test_other_tools_read_what_was_kept(locked: Registry, home: Path, project: Path, store: Store):
    assert login(locked.host, "open-sesame", project).returncode == 0
    whit("copy", "multi:1", f"{locked.host}/a:1", cwd=project)
    seen = subprocess.run(
        ["skopeo", "inspect", "--raw", "--tls-verify=false", "--authfile",
         str(home / ".docker" / "config.json"), f"docker://{locked.host}/a:1"],
        capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    assert seen.returncode == 0, seen.stderr


def _helper(place: Path, name: str, body: str) -> None:
    program = place / f"docker-credential-{name}"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)


def test_helpers_are_asked(
    locked: Registry, home: Path, project: Path, store: Store, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PATH", f"{home}:{os.environ['PATH']}")
    _helper(
        home,
        "kept",
        f'read host; test "$host" = "{locked.host}" || {{ echo credentials not found; exit 1; }}\n'
        'echo \'{"Username":"me","Secret":"open-sesame"}\'',
    )
    (home / ".docker").mkdir()
    config = home / ".docker" / "config.json"
    config.write_text('{"credsStore":"kept"}')
    whit("copy", "multi:1", f"{locked.host}/a:1", cwd=project)
    config.write_text('{"credHelpers":{"%s":"missing"}}' % locked.host)  # noqa: UP031 - braces
    _, said = whit("copy", "multi:1", f"{locked.host}/b:1", cwd=project, status=4)
    assert "docker-credential-missing" in said
    _helper(home, "broken", "echo the vault is sealed >&2; exit 3")
    config.write_text('{"credsStore":"broken"}')
    _, said = whit("copy", "multi:1", f"{locked.host}/b:1", cwd=project, status=4)
    assert "the vault is sealed" in said


def test_a_helper_that_hangs_is_ended_with_all_that_it_began(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("whit.registry.credentials.HELPER_SECONDS", 0.5)
    noted = tmp_path / "child"
    _helper(home, "hangs", f"sleep 307 & echo $! > {noted}; wait")
    environment = {**os.environ, "PATH": f"{home}:{os.environ['PATH']}"}
    with pytest.raises(HelperFailed, match="did not answer"):
        run_helper("hangs", "get", "registry.example", environment)
    status = Path(f"/proc/{noted.read_text().strip()}/stat")
    deadline = time.monotonic() + 10
    while status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_client_certificate(
    tmp_path: Path, authority: Authority, home: Path, store: Store, monkeypatch: pytest.MonkeyPatch
):
    cert, key = authority.issue("server")
    own_cert, own_key = authority.issue("client")
    tls = f", tls: {{certificate: {cert}, key: {key}, clientcas: [{authority.path}]}}"
    with registry(tmp_path / "registry", tls) as there:
        settings = f'[registries."{there.host}"]\nca = "{authority.path}"\n'
        (tmp_path / "whit.toml").write_text(settings)
        _, said = whit("copy", "multi:1", f"{there.host}/a:1", cwd=tmp_path, status=3)
        assert "error[R0" in said
        settings += f'cert = "{own_cert}"\nkey = "{own_key}"\n'
        (tmp_path / "whit.toml").write_text(settings)
        whit("copy", "multi:1", f"{there.host}/a:1", cwd=tmp_path)


def test_insecure_only_where_asked(locked: Registry, home: Path, tmp_path: Path, store: Store):
    (home / ".docker").mkdir()
    (home / ".docker" / "config.json").write_text(
        '{"auths":{"%s":{"username":"me","password":"open-sesame"}}}' % locked.host  # noqa: UP031
    )
    whit("copy", "multi:1", f"{locked.host}/a:1", cwd=tmp_path, status=3)
    whit("copy", "multi:1", f"{locked.host}/a:1", "--insecure", locked.host, cwd=tmp_path)


def test_a_mirror_is_asked_first(tmp_path: Path, home: Path, store: Store):
    with registry(tmp_path / "mirror") as mirror:
        whit("copy", "multi:1", f"{mirror.host}/cache/team/app:1", cwd=tmp_path)
        (tmp_path / "whit.toml").write_text(
            f'[registries."registry.invalid"]\nmirrors = ["{mirror.host}/cache"]\n'
        )
        whit("copy", "registry.invalid/team/app:1", "back:1", cwd=tmp_path)
        assert store.digest_of("back:1") == store.digest_of("multi:1")
