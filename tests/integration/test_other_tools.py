"""Images that other tools wrote, read back: through a registry, or as they save them."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry_case import Registry, registry, whit
from whit.build.house import open_house
from whit.model.image import MEDIA_CONFIG, MEDIA_INDEX, MEDIA_MANIFEST
from whit.model.names import digest_of
from whit.store.blobs import Store

pytestmark = pytest.mark.registry
HELLO = Path(__file__).parents[2] / "examples" / "hello"
SAID = "hello from an image that holds one file"
DOCKERFILE = 'FROM scratch\nCOPY hello /hello\nENTRYPOINT ["/hello"]\n'


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Registry]:
    with registry(tmp_path / "registry") as running:
        yield running


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """A directory with a program and a Dockerfile."""
    place = tmp_path / "context"
    place.mkdir()
    env = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": ""}
    subprocess.run(
        ["go", "build", "-o", place / "hello", "."], cwd=HELLO, env=env, check=True, timeout=300
    )
    (place / "Dockerfile").write_text(DOCKERFILE)
    return place


def run(*words: str | Path) -> None:
    subprocess.run(words, check=True, capture_output=True, timeout=300)


def goes_round(name: str, there: Registry) -> None:
    """From the registry to another of its repositories with the same digest, and it runs."""
    digest = whit("copy", name, f"{there.host}/again:1")[0].partition("@")[2]
    assert whit("copy", f"{there.host}/again:1", "mine:1")[0].endswith(digest)
    assert whit("run", "mine:1")[0] == SAID


@pytest.mark.go
@pytest.mark.sandbox
@pytest.mark.docker
def test_docker(there: Registry, context: Path):
    name = f"{there.host}/by/docker:1"
    run("docker", "build", "-q", "-t", name, context)
    try:
        run("docker", "push", "-q", name)
        goes_round(name, there)
        assert whit("copy", f"docker-daemon:{name}", "loaded:1")
        assert whit("run", "loaded:1")[0] == SAID
    finally:
        subprocess.run(["docker", "rmi", "-f", name], check=False, capture_output=True)


@pytest.mark.go
@pytest.mark.sandbox
@pytest.mark.buildah
@pytest.mark.skipif(os.getuid() != 0, reason="buildah's rootless mode wants more than a container")
@pytest.mark.parametrize("format_", ["oci", "docker"])
def test_buildah(there: Registry, context: Path, tmp_path: Path, format_: str):
    own = ("buildah", "--root", f"{tmp_path}/root", "--runroot", f"{tmp_path}/run",
           "--storage-driver", "vfs")  # fmt: skip
    name = f"{there.host}/by/buildah:1"
    run(*own, "bud", "--isolation", "chroot", "--format", format_, "-t", name, context)
    run(*own, "push", "--tls-verify=false", name)
    goes_round(name, there)


@pytest.mark.go
@pytest.mark.sandbox
@pytest.mark.skopeo
@pytest.mark.parametrize("format_", ["v2s2", "oci"])
def test_skopeo(there: Registry, format_: str, tmp_path: Path):
    whit("build", ".", "-t", "hello:1", "--to", f"oci:{tmp_path}/layout", cwd=HELLO)
    name = f"{there.host}/by/skopeo:1"
    run("skopeo", "copy", "--dest-tls-verify=false", "--format", format_,
        "--dest-compress-format", "gzip" if format_ == "v2s2" else "zstd", "--dest-compress",
        f"oci:{tmp_path}/layout:hello:1", f"docker://{name}")  # fmt: skip
    goes_round(name, there)


@pytest.mark.go
@pytest.mark.sandbox
def test_an_attestation_is_carried_along_and_is_no_image(there: Registry, tmp_path: Path):
    """As BuildKit writes them: manifests of no platform beside the images they speak of."""
    whit("build", ".", "-t", "hello:1", "--to", f"oci:{tmp_path}/layout", cwd=HELLO)
    layout = tmp_path / "layout"
    listed = json.loads((layout / "index.json").read_text())["manifests"][0]
    image = {**listed, "platform": {"os": "linux", "architecture": "amd64"}}
    image.pop("annotations")

    def put(data: bytes, media_type: str, **more: object) -> dict[str, object]:
        digest = digest_of(data)
        (layout / "blobs" / "sha256" / digest[7:]).write_bytes(data)
        return {"mediaType": media_type, "digest": digest, "size": len(data), **more}

    statement = put(
        b'{"_type":"https://in-toto.io/Statement/v0.1"}', "application/vnd.in-toto+json"
    )
    empty = (
        b'{"architecture":"unknown","os":"unknown","rootfs":{"type":"layers","diff_ids":["%s"]}}'
    )
    config = put(empty % str(statement["digest"]).encode(), MEDIA_CONFIG)
    manifest = {"schemaVersion": 2, "mediaType": MEDIA_MANIFEST, "config": config}
    attestation = put(
        json.dumps({**manifest, "layers": [statement]}).encode(),
        MEDIA_MANIFEST,
        platform={"os": "unknown", "architecture": "unknown"},
        annotations={
            "vnd.docker.reference.digest": image["digest"],
            "vnd.docker.reference.type": "attestation-manifest",
        },
    )
    children = [attestation, image]
    root = {"schemaVersion": 2, "mediaType": MEDIA_INDEX, "manifests": children}
    entry = put(json.dumps(root).encode(), MEDIA_INDEX)
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))

    name = f"{there.host}/by/buildkit:1"
    assert whit("copy", f"oci:{layout}", name)[0].endswith(str(entry["digest"]))
    goes_round(name, there)
    store = Store.open(open_house().store)
    kept = store.content(store.digest_of("mine:1")).documents
    assert attestation["digest"] in [one.digest for one in kept]
    assert not store.check()
    store.close()
    out, _ = whit("copy", name, "one:1", "--platform", "linux/amd64")
    assert out.endswith(image["digest"])
    _, said = whit("copy", name, f"docker-archive:{tmp_path}/a.tar:one:1")
    assert "platforms" not in said
