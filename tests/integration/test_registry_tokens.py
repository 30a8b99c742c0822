"""docker-registry with token authentication, by a token server that signs what it grants."""

import base64
import datetime as dt
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID

from registry_case import Registry, images, registry, whit
from whit.build.house import open_house
from whit.store.blobs import Store

pytestmark = pytest.mark.registry
SERVICE, ISSUER, REFRESH = "here", "tests", "a-refresh-token"


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class Tokens(ThreadingHTTPServer):
    """Grants everything to `me` and to the refresh token, and pulls below public/ to anybody."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str, tuple[str, ...]]] = []
        self._key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, ISSUER)])
        now = dt.datetime.now(dt.UTC)
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self._key.public_key())
            .serial_number(1)
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )

    def token(self, who: str, scopes: tuple[str, ...]) -> str:
        access = []
        for scope in scopes:
            kind, name, actions = scope.split(":")
            wanted = actions.split(",")
            if who == "nobody":
                wanted = ["pull"] if name.startswith("public/") and "pull" in wanted else []
            access.append({"type": kind, "name": name, "actions": wanted})
        now = int(time.time())
        header = {"typ": "JWT", "alg": "ES256", "x5c": [base64.b64encode(self._der()).decode()]}
        claims = {
            "iss": ISSUER, "sub": who, "aud": SERVICE, "exp": now + 300, "nbf": now - 10,
            "iat": now, "jti": str(len(self.asked)), "access": access,
        }  # fmt: skip
        text = ".".join(encoded(json.dumps(one).encode()) for one in (header, claims))
        signed = decode_dss_signature(self._key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{text}.{encoded(b''.join(number.to_bytes(32, 'big') for number in signed))}"

    def _der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)


class Handler(BaseHTTPRequestHandler):
    server: Tokens

    def log_message(self, *_: object) -> None: ...

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        known = "Basic " + base64.b64encode(b"me:open-sesame").decode()
        said = self.headers.get("Authorization", "")
        who = {"": "nobody", known: "me"}.get(said, "")
        self._grant(who, tuple(query.get("scope", ())))

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        is_known = form["refresh_token"] == [REFRESH] and form["grant_type"] == ["refresh_token"]
        self._grant("me" if is_known else "", tuple(form["scope"][0].split()))

    def _grant(self, who: str, scopes: tuple[str, ...]) -> None:
        self.server.asked.append((self.command, who, scopes))
        body = json.dumps({"access_token": self.server.token(who, scopes)}).encode() if who else b""
        self.send_response(200 if who else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def tokens() -> Iterator[Tokens]:
    with Tokens() as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def there(tokens: Tokens, tmp_path: Path) -> Iterator[Registry]:
    bundle = tmp_path / "tokens.pem"
    bundle.write_bytes(tokens.certificate.public_bytes(serialization.Encoding.PEM))
    realm = f"http://127.0.0.1:{tokens.server_address[1]}/token"
    auth = (
        f"auth: {{token: {{realm: '{realm}', service: {SERVICE}, issuer: {ISSUER}, "
        f"rootcertbundle: {bundle}}}}}\n"
    )
    with registry(tmp_path / "registry", auth=auth) as running:
        yield running


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """docker's config.json, to be written."""
    for name in ("REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    return tmp_path / "config.json"


@pytest.fixture
def store() -> Iterator[Store]:
    opened = Store.open(open_house().store)
    images(opened)
    yield opened
    opened.close()


def keep(config: Path, there: Registry, **entry: str) -> None:
    config.write_text(json.dumps({"auths": {there.host: entry}}))


def test_a_password_buys_tokens_for_what_is_asked(
    there: Registry, tokens: Tokens, config: Path, store: Store
):
    keep(config, there, username="me", password="open-sesame")
    digest = store.digest_of("multi:1")
    assert whit("copy", "multi:1", f"{there.host}/team/a:1")[0].endswith(digest)
    # One token for all of a push.
    ((method, who, scopes),) = tokens.asked
    assert (method, who, scopes[0]) == ("GET", "me", "repository:team/a:pull,push")
    tokens.asked.clear()
    _, said = whit("copy", "multi:1", f"{there.host}/team/b:1")
    assert "5 mounted" in said
    assert ("repository:team/b:pull,push", "repository:team/a:pull") in [
        s for *_, s in tokens.asked
    ]
    keep(config, there, username="me", password="wrong")
    _, said = whit("copy", "multi:1", f"{there.host}/team/c:1", status=3)
    assert "refuses the credentials from" in said
    assert "wrong" not in said


def test_a_refresh_token_is_exchanged(there: Registry, tokens: Tokens, config: Path, store: Store):
    keep(config, there, username="<token>", identitytoken=REFRESH)
    whit("copy", "multi:1", f"{there.host}/team/a:1")
    assert {(method, who) for method, who, _ in tokens.asked} == {("POST", "me")}


def test_nobody_may_pull_what_is_public(
    there: Registry, tokens: Tokens, config: Path, store: Store
):
    keep(config, there, username="me", password="open-sesame")
    for name in ("public/a", "team/a"):
        whit("copy", "multi:1", f"{there.host}/{name}:1")
    config.unlink()
    tokens.asked.clear()
    digest = store.digest_of("multi:1")
    assert whit("copy", f"{there.host}/public/a:1", "back:1")[0].endswith(digest)
    assert {who for _, who, _ in tokens.asked} == {"nobody"}
    for words in (
        ("copy", f"{there.host}/team/a:1", "back:1"),
        ("copy", "multi:1", f"{there.host}/public/a:2"),
    ):
        _, said = whit(*words, status=3)
        assert f"whit login {there.host}" in said
