"""`whit copy`, `whit build --push` and `whit run` against a real registry."""

import itertools
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry_case import Registry, images, registry, whit
from whit.store.blobs import Store

pytestmark = pytest.mark.registry
HELLO = Path(__file__).parents[2] / "examples" / "hello"


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Registry]:
    with registry(tmp_path / "registry") as running:
        yield running


@pytest.fixture
def store() -> Iterator[Store]:
    from whit.build.house import open_house

    opened = Store.open(open_house().store)
    yield opened
    opened.close()


def test_an_index_goes_round_and_keeps_its_digest(there: Registry, store: Store, tmp_path: Path):
    images(store)
    digest = store.digest_of("multi:1")
    remote = f"{there.host}/a/multi:1"
    ends = ("multi:1", remote, f"oci:{tmp_path}/layout", f"oci-archive:{tmp_path}/a.tar:m:1",
            f"{there.host}/b/multi:2", "back:1")  # fmt: skip
    for source, target in itertools.pairwise(ends):
        out, _ = whit("copy", source, target)
        assert out.endswith(digest), (source, target)
    assert store.digest_of("back:1") == digest
    assert not store.check()


def test_requests_are_as_few_as_can_be(there: Registry, store: Store):
    images(store)
    place = f"{there.host}/team/multi"
    there.requests()
    whit("copy", "multi:1", f"{place}:1")
    first = there.requests()
    # 3 layers (one is shared) and 2 configs: POST and PUT each; 2 manifests and the index: PUT;
    # HEAD of the tag and of the first child.
    assert len(first) == 2 * 5 + 3 + 2
    whit("copy", "multi:1", f"{place}:1")
    assert [method for method, _, _ in there.requests()] == ["HEAD"]
    whit("copy", "multi:1", f"{there.host}/team/other:1")
    mounted = there.requests()
    assert [m for m, _, _ in mounted].count("POST") == 5
    assert all(status == 201 for method, _, status in mounted if method == "POST")
    assert len(mounted) == 5 + 3 + 2
    # Another tag of what is there: one look, one write.
    whit("copy", "multi:1", f"{place}:2")
    assert len(there.requests()) <= 5


def test_what_the_target_has_is_not_fetched(there: Registry, store: Store, tmp_path: Path):
    images(store)
    whit("copy", "multi:1", f"{there.host}/a:1")
    there.requests()
    whit("copy", f"{there.host}/a:1", f"{there.host}/b:1")
    assert not [path for method, path, _ in there.requests() if "/blobs/sha256" in path]


def test_files_go_to_a_registry_from_where_they_lie(
    there: Registry, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    images(store)
    digest = store.digest_of("multi:1")
    layer = max(store.content(digest).blobs, key=lambda blob: blob.size).digest[7:]
    whit("copy", "multi:1", f"oci:{tmp_path}/layout:m:1")
    whit("copy", "multi:1", f"oci-archive:{tmp_path}/a.tar:m:1")
    monkeypatch.setenv("WHIT_STORE", str(tmp_path / "other"))
    for source, name in ((f"oci:{tmp_path}/layout", "a"), (f"oci-archive:{tmp_path}/a.tar", "b")):
        assert whit("copy", source, f"{there.host}/{name}:1")[0].endswith(digest)
    assert not list((tmp_path / "other" / "blobs" / "sha256").iterdir())
    # Other bytes than the image says: the registry notices, or whit by their number.
    damaged = tmp_path / "layout" / "blobs" / "sha256" / layer
    data = damaged.read_bytes()
    damaged.write_bytes(bytes(len(data)))
    (tmp_path / "registry" / "data").rename(tmp_path / "registry" / "gone")
    _, said = whit("copy", f"oci:{tmp_path}/layout", f"{there.host}/c:1", status=3)
    assert "other bytes" in said
    damaged.write_bytes(data[:-1])
    _, said = whit("copy", f"oci:{tmp_path}/layout", f"{there.host}/c:1", status=1)
    assert f"has {len(data) - 1} bytes, and its image says {len(data)}" in said
    assert "has no c:1" in whit("copy", f"{there.host}/c:1", "x:1", status=1)[1]


def test_one_platform_of_an_index(there: Registry, store: Store, tmp_path: Path):
    _, arm = images(store)
    whit("copy", "multi:1", f"{there.host}/a:1")
    out, _ = whit("copy", f"{there.host}/a:1", f"oci:{tmp_path}/arm", "--platform", "linux/arm64")
    assert out.endswith(arm.manifest_digest)
    _, said = whit("copy", "multi:1", "oci:x", "--platform", "linux/s390x", status=1)
    assert "it exists for linux/amd64, linux/arm64" in said
    # What is no index is no image of every platform.
    for source in (f"oci:{tmp_path}/arm", f"{there.host}/a:1@{arm.manifest_digest}"):
        _, said = whit("copy", source, "arm:1", "--platform", "linux/amd64", status=1)
        assert "does not exist for linux/amd64" in said
        assert "it exists for linux/arm64" in said
        assert whit("copy", source, "arm:1", "--platform", "linux/arm64")[0].endswith(
            arm.manifest_digest
        )


@pytest.mark.skopeo
def test_a_layout_keeps_the_name_that_was_given(store: Store, tmp_path: Path):
    images(store)
    for kind in ("oci", "oci-archive"):
        place = f"{kind}:{tmp_path}/{kind}:1.2"
        whit("copy", "multi:1", place)
        out, _ = whit("copy", place, "again:1")
        assert out.endswith(store.digest_of("multi:1"))
        subprocess.run(["skopeo", "inspect", place], check=True, capture_output=True)


@pytest.mark.parametrize(
    ("source", "code"),
    [("HOST/nothing:1", "R013"), ("127.0.0.1:1/app:1", "R010"), ("nothing:1", "T005")],
)
def test_what_is_not_there_is_said(there: Registry, source: str, code: str, tmp_path: Path):
    status = 3 if code == "R010" else 1
    named = source.replace("HOST", there.host)
    _, said = whit("copy", named, f"oci:{tmp_path}/out", status=status)
    assert f"error[{code}]" in said
    assert not (tmp_path / "out").exists()


def test_a_docker_archive_comes_back_with_its_config(store: Store, tmp_path: Path):
    amd, _ = images(store)
    whit("copy", "multi:1", f"docker-archive:{tmp_path}/a.tar:app:1", "--platform", "linux/amd64")
    whit("copy", f"docker-archive:{tmp_path}/a.tar", "again:1")
    again = store.find("again:1")
    assert again.config == amd.config
    assert [layer.diff_id for layer in again.layers] == [layer.diff_id for layer in amd.layers]


@pytest.mark.go
def test_archives_hold_all_platforms(store: Store, tmp_path: Path):
    _, arm = images(store)
    digest = store.digest_of("multi:1")
    _, said = whit("copy", "multi:1", f"docker-archive:{tmp_path}/a.tar:app:1")
    assert "a.tar holds 2 platforms: Docker before 25 takes linux/amd64 of it" in said
    assert whit("copy", f"docker-archive:{tmp_path}/a.tar", "again:1")[0].endswith(digest)
    _, said = whit("copy", f"docker-archive:{tmp_path}/a.tar", "arm:1", "--platform", "linux/arm64")
    assert store.find("arm:1").manifest == arm.manifest
    _, said = whit(
        "build", ".", "-t", "hello:1", "--platform", "linux/amd64,linux/arm64,linux/riscv64",
        "--to", f"docker-archive:{tmp_path}/b.tar", "--to", f"oci-archive:{tmp_path}/c.tar",
        cwd=HELLO,
    )  # fmt: skip
    for file in ("docker-archive:{}/b.tar", "oci-archive:{}/c.tar"):
        out, _ = whit("copy", file.format(tmp_path), "back:1")
        assert out.endswith(store.digest_of("hello:1")), file


@pytest.mark.docker
@pytest.mark.go
@pytest.mark.parametrize("format_", ["gzip", "zstd"])
def test_docker_loads_one_platform_of_an_archive_of_several(tmp_path: Path, format_: str):
    name = f"whit-test-{tmp_path.name}-{format_}:1".lower()
    whit(
        "build", ".", "-t", name, "--platform", "linux/arm64,linux/amd64",
        "--compression", format_, "--to", f"docker-archive:{tmp_path}/a.tar", cwd=HELLO,
    )  # fmt: skip
    try:
        subprocess.run(["docker", "load", "-i", tmp_path / "a.tar"], check=True, timeout=120)
        done = subprocess.run(
            ["docker", "run", "--rm", "--network=none", name],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        assert "hello" in done.stdout
    finally:
        subprocess.run(["docker", "image", "rm", name], check=False, capture_output=True)


@pytest.mark.skopeo
def test_skopeo_reads_what_was_pushed(there: Registry, store: Store):
    images(store)
    whit("copy", "multi:1", f"{there.host}/a:1")
    raw = subprocess.run(
        ["skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{there.host}/a:1"],
        capture_output=True, check=True, timeout=60,
    ).stdout  # fmt: skip
    platforms = [m["platform"]["architecture"] for m in json.loads(raw)["manifests"]]
    assert platforms == ["amd64", "arm64"]


@pytest.mark.go
@pytest.mark.sandbox
def test_build_pushes_and_run_pulls(
    there: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    name = f"{there.host}/team/hello"
    out, said = whit(
        *("build", ".", "-t", f"{name}:1", "-t", name + ":{{.Name}}", "--push"),
        *("--platform", "linux/amd64,linux/arm64"),
        cwd=HELLO,
    )
    assert out.startswith(f"{name}:1@")
    assert "4 blobs sent" in said
    there.requests()
    _, said = whit(
        *("build", ".", "-t", f"{name}:1", "--push", "--platform", "linux/amd64,linux/arm64"),
        cwd=HELLO,
    )
    assert "there already, 1 request" in said
    assert [method for method, _, _ in there.requests()] == ["HEAD"]
    monkeypatch.setenv("WHIT_STORE", str(tmp_path / "empty"))
    out, _ = whit("run", f"{name}:hello")
    assert "hello" in out


def test_a_push_needs_a_registry_in_the_name():
    _, said = whit("build", str(HELLO), "-t", "app:1", "--push", status=1)
    assert "names no registry" in said
    _, said = whit("build", str(HELLO), "--push", status=1)
    assert "no name" in said
