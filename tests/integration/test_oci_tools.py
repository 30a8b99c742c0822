"""What whit writes, as other tools see it: skopeo, umoci, buildah and a Docker daemon."""

import json
import subprocess
from pathlib import Path

import pytest

from layer_samples import config, keep, small_tree
from whit.model.image import Compression, Effort, Format, Image
from whit.model.tree import Bytes, File, Link, Tree
from whit.oci.archive import write_contents_archive, write_docker_archive
from whit.oci.assemble import assemble
from whit.oci.contents import write_contents
from whit.oci.graph import content_of
from whit.oci.layout import read_index
from whit.oci.validate import layer_problems_of
from whit.registry.daemon import load_into_daemon
from whit.store.blobs import Store


def run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout


KINDS = [(form, effort) for form in Format for effort in Effort]
NOT_ZSTD = [kind for kind in KINDS if kind[0] is not Format.ZSTD]


@pytest.fixture(params=KINDS, ids="{0[0]}-{0[1]}".format)
def made(request: pytest.FixtureRequest, tmp_path: Path):
    store = Store.open(tmp_path / "store")
    big = bytes(range(256)) * 20_000  # several gzip members
    tree = Tree.of({**small_tree().as_dict(), "/big": File(Bytes(big)), "/ü": Link("big")})
    layers = (
        store.write_layer(small_tree(b"base\n"), Compression(*request.param)),
        store.write_layer(tree, Compression(*request.param)),
    )
    image = assemble(layers, config(labels=(("k", "v"),)))
    keep(store, image, ("app:1",))
    yield store, image
    store.close()


@pytest.mark.skopeo
def test_skopeo_reads_the_store_and_copies_it(made: tuple[Store, Image], tmp_path: Path):
    store, image = made
    seen = json.loads(run("skopeo", "inspect", f"oci:{store.directory}:app:1"))
    assert seen["Digest"] == image.manifest_digest
    assert seen["Layers"] == [layer.digest for layer in image.layers]
    assert seen["Labels"] == {"k": "v"}
    run(
        "skopeo",
        "copy",
        "--preserve-digests",
        f"oci:{store.directory}:app:1",
        f"oci:{tmp_path}/copy:app:1",
    )
    (copied,) = read_index(str(tmp_path / "copy")).manifests
    assert copied.digest == image.manifest_digest


@pytest.mark.skopeo
def test_skopeo_reads_the_archives(made: tuple[Store, Image], tmp_path: Path):
    store, image = made
    with (tmp_path / "oci.tar").open("wb") as out:
        write_contents_archive(out, content_of(image), ("app:1",), store.open_blob)
    with (tmp_path / "docker.tar").open("wb") as out:
        write_docker_archive(out, image, ("app:1",), store.open_blob)
    seen = json.loads(run("skopeo", "inspect", f"oci-archive:{tmp_path}/oci.tar"))
    assert seen["Digest"] == image.manifest_digest
    # decompressing and recompressing checks every diff_id
    run("skopeo", "copy", f"docker-archive:{tmp_path}/docker.tar", f"dir:{tmp_path}/dir")
    raw = run("skopeo", "inspect", "--config", "--raw", f"docker-archive:{tmp_path}/docker.tar")
    assert raw.encode() == image.config


@pytest.mark.skopeo
def test_a_store_another_tool_filled(made: tuple[Store, Image], tmp_path: Path):
    store, image = made
    other = Store.open(tmp_path / "other")
    run(
        "skopeo",
        "copy",
        "--preserve-digests",
        f"oci:{store.directory}:app:1",
        f"oci:{other.directory}:app:1",
    )
    found = other.find("app:1")
    assert found.manifest == image.manifest
    assert [layer.file_count for layer in found.layers] == [3, 4]
    assert other.check() == ()
    for layer in found.layers:
        with other.open_blob(layer.digest) as stream:
            assert layer_problems_of(layer, stream) == ()


@pytest.mark.umoci
@pytest.mark.parametrize("made", NOT_ZSTD, ids="{0[0]}-{0[1]}".format, indirect=True)  # before 0.5
def test_umoci_unpacks_it(made: tuple[Store, Image], tmp_path: Path):
    store, image = made
    write_contents(str(tmp_path / "layout"), content_of(image), ("app",), store.open_blob)
    bundle = tmp_path / "bundle"
    run("umoci", "unpack", "--rootless", "--image", f"{tmp_path}/layout:app", str(bundle))
    assert (bundle / "rootfs/etc/greeting").read_text() == "hello\n"
    assert (bundle / "rootfs/big").read_bytes() == bytes(range(256)) * 20_000
    assert (bundle / "rootfs/app").stat().st_nlink == 2


@pytest.mark.buildah
def test_buildah_pulls_it(made: tuple[Store, Image], tmp_path: Path):
    store, image = made
    own = ["--root", f"{tmp_path}/root", "--runroot", f"{tmp_path}/run", "--storage-driver", "vfs"]
    pulled = run("buildah", *own, "pull", f"oci:{store.directory}:app:1").split()[-1]
    assert pulled == image.config_digest[7:]


@pytest.mark.docker
def test_docker_loads_it(made: tuple[Store, Image]):
    store, image = made
    name = f"whit-test-{image.manifest_digest[7:19]}:1"
    try:
        loaded = load_into_daemon(
            lambda out: write_docker_archive(out, image, (name,), store.open_blob)
        )
        assert loaded == (name,)
        seen = json.loads(run("docker", "image", "inspect", name))[0]
        assert seen["Id"] == image.config_digest
        diff_ids = [layer.diff_id for layer in image.layers]
        assert seen["RootFS"]["Layers"] == diff_ids
    finally:
        subprocess.run(["docker", "image", "rm", name], check=False, capture_output=True)
