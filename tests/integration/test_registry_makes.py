"""olareg, a registry of another make: the distribution specification 1.1 with referrers, behind TLS
and a password.
"""

import base64
import json
import os
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from http.client import HTTPSConnection
from pathlib import Path

import pytest

from certificates import make_certificates
from registry_case import images, registry, whit
from whit.build.house import open_house
from whit.model.image import MEDIA_MANIFEST
from whit.model.names import digest_of
from whit.store.blobs import Store

pytestmark = [pytest.mark.go, pytest.mark.network]
SOURCE = Path(__file__).parents[1] / "registries" / "olareg"
USER, PASSWORD = "me", "open-sesame"


class Olareg:
    """A running one. `host` is what stands before a repository."""

    def __init__(self, host: str, place: Path) -> None:
        self.host, self._place, self._seen = host, place, 0

    def requests(self) -> list[str]:
        """What was asked since the last call, as `METHOD path`."""
        found = (self._place / "log").read_text().splitlines()
        new, self._seen = found[self._seen :], len(found)
        return new

    def get(self, path: str) -> dict[str, object]:
        trust = ssl.create_default_context(cafile=str(self._place / "ca.pem"))
        connection = HTTPSConnection(self.host, context=trust, timeout=30)
        known = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        connection.request("GET", path, headers={"Authorization": f"Basic {known}"})
        answer = connection.getresponse()
        assert answer.status == 200
        found: dict[str, object] = json.loads(answer.read())
        connection.close()
        return found


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("olareg") / "olareg"
    env = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": ""}
    subprocess.run(["go", "build", "-o", built, "."], cwd=SOURCE, env=env, check=True, timeout=600)
    return built


@pytest.fixture
def go_cache() -> str:
    """Where Go keeps what is compiled, before a test has a home of its own."""
    command = ["go", "env", "GOCACHE"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def olareg(program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Olareg]:
    """One that is trusted and logged in to, from the directory and the home of the test."""
    make_certificates(tmp_path)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{probe.getsockname()[1]}"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "home"))
    Path("whit.toml").write_text(f'[registries."{host}"]\nca = "ca.pem"\n')
    with Path("log").open("wb") as log:
        process = subprocess.Popen(
            [program, "-address", host, "-root", "data", "-cert", "server.pem",
             "-key", "server.key", "-user", f"{USER}:{PASSWORD}"],
            stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        name, _, port = host.partition(":")
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex((name, int(port))) == 0:
                    break
            time.sleep(0.05)
        yield Olareg(host, tmp_path)
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def store() -> Iterator[Store]:
    opened = Store.open(open_house().store)
    images(opened)
    yield opened
    opened.close()


def _log_in(olareg: Olareg) -> None:
    place = Path(os.environ["DOCKER_CONFIG"])
    place.mkdir(exist_ok=True)
    auth = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    (place / "config.json").write_text(json.dumps({"auths": {olareg.host: {"auth": auth}}}))


def test_it_takes_and_gives_an_index(olareg: Olareg, store: Store):
    target = f"{olareg.host}/team/multi:1"
    assert "`whit login" in whit("copy", "multi:1", target, status=3)[1]
    _log_in(olareg)
    olareg.requests()
    digest = store.digest_of("multi:1")
    assert whit("copy", "multi:1", target)[0].endswith(digest)
    blobs = len(store.content(digest).blobs)
    asked = [line for line in olareg.requests() if not line.endswith("refused")]
    # A HEAD for the tag and one for a child, two for each blob, and a PUT for each document.
    assert len(asked) == 2 + 2 * blobs + 3
    whit("copy", "multi:1", target)
    assert [line.split()[0] for line in olareg.requests()] == ["HEAD", "HEAD"]
    whit("copy", "multi:1", f"{olareg.host}/other/multi:1")
    asked = [line for line in olareg.requests() if not line.endswith("refused")]
    assert len(asked) == 2 + blobs + 3
    os.environ["WHIT_STORE"] = "other-store"
    assert whit("copy", target, "back:1")[0].endswith(digest)
    assert not Store.open("other-store").check()


@pytest.mark.skopeo
def test_skopeo_reads_it(olareg: Olareg, store: Store):
    _log_in(olareg)
    whit("copy", "multi:1", f"{olareg.host}/team/multi:1")
    known = Path("trust")
    known.mkdir()
    (known / "ca.crt").write_bytes(Path("ca.pem").read_bytes())
    subprocess.run(
        ["skopeo", "copy", "--all", "--preserve-digests", f"--src-cert-dir={known}",
         f"--src-creds={USER}:{PASSWORD}", f"docker://{olareg.host}/team/multi:1", "oci:out:1"],
        check=True, capture_output=True,
    )  # fmt: skip
    assert whit("copy", "oci:out:1", "back:1")[0].endswith(store.digest_of("multi:1"))


def test_an_artifact_is_listed_among_the_referrers_of_its_subject(olareg: Olareg, store: Store):
    _log_in(olareg)
    whit("copy", "multi:1", f"{olareg.host}/team/multi:1")
    digest = store.digest_of("multi:1")
    artifact = _bill_of(store.content(digest).root.data, "artifact")
    whit("copy", "oci:artifact", f"{olareg.host}/team/multi:bill")
    found = olareg.get(f"/v2/team/multi/referrers/{digest}")["manifests"]
    assert isinstance(found, list)
    assert [one["digest"] for one in found] == [artifact]
    # And it comes back with every byte.
    whit("copy", f"{olareg.host}/team/multi:bill", "oci:again:bill")
    there, back = (Path(place, "blobs/sha256", artifact[7:]) for place in ("artifact", "again"))
    assert back.read_bytes() == there.read_bytes()


@pytest.mark.registry
def test_what_refers_to_an_image_follows_it(olareg: Olareg, store: Store, tmp_path: Path):
    """From a registry that knows referrers to one that does not, and back."""
    _log_in(olareg)
    there = f"{olareg.host}/team/multi"
    digest = store.digest_of("multi:1")
    content = store.content(digest)
    whit("copy", "multi:1", f"{there}:1")
    # A bill of the index, one of an image in it, one of that bill; and a signature as a tag.
    of_index = _bill_of(content.root.data, "a")
    of_image = _bill_of(content.documents[0].data, "b")
    of_bill = _bill_of(Path("b/blobs/sha256", of_image[7:]).read_bytes(), "c")
    for place in "abc":
        whit("copy", f"oci:{place}", f"{there}:{place}")
    signature = f"{digest.replace(':', '-')}.sig"
    whit("copy", "oci:a", f"{there}:{signature}")
    _, said = whit("copy", f"{there}:1", "store-only:1", "--referrers", status=1)
    assert "only registries keep what refers to an image" in said
    bills = {of_index: digest, of_image: content.documents[0].digest, of_bill: of_image}
    with registry(tmp_path / "registry") as plain:
        for source, target in (
            (f"{there}:1", f"{plain.host}/other/multi:1"),
            (f"{plain.host}/other/multi:1", f"{olareg.host}/back/multi:1"),
        ):
            os.environ["WHIT_STORE"] = "store-" + target.rpartition("/")[2].partition(":")[0]
            _, said = whit("copy", source, target, "--referrers")
            assert "4 artifacts: 3 application/vnd.cyclonedx+json, 1 sig" in said
        kept = plain.root / "docker/registry/v2/repositories/other/multi/_manifests/revisions"
        assert {f"sha256:{one.name}" for one in (kept / "sha256").iterdir()} > set(bills)
    for bill, subject in bills.items():
        found = olareg.get(f"/v2/back/multi/referrers/{subject}")["manifests"]
        assert isinstance(found, list)
        assert [one["digest"] for one in found] == [bill]
    tags = olareg.get("/v2/back/multi/tags/list")["tags"]
    assert isinstance(tags, list)
    assert {"1", signature} <= set(tags)


def test_a_contract_is_a_referrer_of_its_image(
    go_cache: str, olareg: Olareg, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("GOCACHE", go_cache)
    _log_in(olareg)
    place = Path("program")
    place.mkdir()
    (place / "go.mod").write_text("module example.test/app\n\ngo 1.21\n")
    (place / "main.go").write_text(
        'package main\n\nimport "os"\n\nfunc main() { println(os.Getenv("LEVEL")) }\n'
    )
    name = f"{olareg.host}/team/app:1"
    out, _ = whit(
        "build", "-t", name, "--push", "--set", "image.contract=true", "./program",
    )  # fmt: skip
    digest = out.rpartition("@")[2]
    found = olareg.get(f"/v2/team/app/referrers/{digest}")["manifests"]
    assert isinstance(found, list)
    assert [one["artifactType"] for one in found] == [CONTRACT]
    assert olareg.get("/v2/team/app/tags/list")["tags"] == ["1"]


CONTRACT = "application/vnd.whit.contract.v1+json"
BILL = "application/vnd.cyclonedx+json"


@pytest.mark.registry
def test_a_contract_is_read_from_a_referrer_of_an_image_without_a_label(
    olareg: Olareg, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Whoever wrote it, from a registry that lists referrers and one that knows a tag instead;
    of this machine's image, and without a layer.
    """
    _log_in(olareg)
    there = f"{olareg.host}/team/multi"
    whit("copy", "multi:1", f"{there}:1")
    monkeypatch.setenv("WHIT_STORE", "other-store")
    _, said = whit("config", "show", f"{there}:1", status=1)
    assert "carries no contract, and nothing in its registry says one" in said
    host = "amd64" if os.uname().machine == "x86_64" else "arm64"
    content = store.content(store.digest_of("multi:1"))
    documents = [one for one in content.documents if b'"config"' in one.data]
    (mine,) = [one for one in documents if _architecture(one.data, store) == host]
    (other,) = [one for one in documents if one is not mine]
    asks = {name: _contract(name) for name in ("DSN", "ANOTHER")}
    # A bill, what claims to be a contract, the one of another machine, and the one.
    _bill_of(mine.data, "a")
    _bill_of(mine.data, "b", CONTRACT, b'{"env": "\\u001b[2J"}')
    _bill_of(other.data, "c", CONTRACT, asks["ANOTHER"])
    _bill_of(mine.data, "d", CONTRACT, asks["DSN"])
    for place in "abcd":
        whit("copy", f"oci:{place}", f"{there}:{place}")
    with registry(tmp_path / "registry") as plain:
        kept = f"{plain.host}/other/multi:1"
        whit("copy", f"{there}:1", kept, "--referrers")
        olareg.requests()
        for name in (f"{there}:1", kept):
            out, _ = whit("config", "show", name)
            assert out.split()[:5] == ["DSN", "required", "where", "it", "is"]
            assert "ANOTHER" not in out
            _, said = whit("config", "check", name, status=1)
            assert "DSN is required and not set: where it is" in said
    layers = {layer["digest"] for layer in json.loads(mine.data)["layers"]}
    assert not [line for line in olareg.requests() for layer in layers if layer in line]


def _architecture(manifest: bytes, store: Store) -> str:
    config = json.loads(manifest)["config"]
    with store.open_blob(config["digest"], config["size"]) as blob:
        return str(json.load(blob)["architecture"])


def _contract(name: str) -> bytes:
    variable = {"name": name, "required": True, "usage": "where it is"}
    return json.dumps({"env": [variable], "version": 1}).encode()


def _bill_of(
    subject: bytes, place: str, kind: str = BILL, bill: bytes = b'{"bomFormat": "CycloneDX"}'
) -> str:
    """Lay out an artifact about a manifest or index, and return its digest."""
    empty = b"{}"
    media_type = json.loads(subject).get("mediaType", MEDIA_MANIFEST)
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MEDIA_MANIFEST,
            "artifactType": kind,
            "config": _descriptor("application/vnd.oci.empty.v1+json", empty),
            "layers": [_descriptor(kind, bill)],
            "subject": _descriptor(media_type, subject),
        }
    ).encode()
    index = json.dumps({"schemaVersion": 2, "manifests": [_descriptor(MEDIA_MANIFEST, manifest)]})
    blobs = Path(place, "blobs/sha256")
    blobs.mkdir(parents=True)
    for data in (empty, bill, manifest):
        (blobs / digest_of(data)[7:]).write_bytes(data)
    Path(place, "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    Path(place, "index.json").write_text(index)
    return digest_of(manifest)


def _descriptor(media_type: str, data: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "digest": digest_of(data), "size": len(data)}
