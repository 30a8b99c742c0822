"""Images handed to kind, k3d and minikube.

None of the three can run in the tests: a stand-in on PATH checks that it is called as their
documentation says (kind load image-archive IMAGE.tar --name; k3d image import ARCHIVE --cluster;
minikube image load ARCHIVE --profile), and that the archive it is given is one: for kind, which
hands it to containerd, an OCI archive of all platforms.
"""

import json
import os
import sys
from pathlib import Path

import pytest

from registry_case import images, whit
from whit.build.house import open_house
from whit.store.blobs import Store

STAND_IN = """#!{python}
import json, os, sys, tarfile
with tarfile.open(next(word for word in sys.argv if word.endswith(".tar"))) as tar:
    def read(name):
        return json.load(tar.extractfile(name))

    if sys.argv[0].endswith("kind"):
        entry, = read("index.json")["manifests"]
        name = entry["annotations"]["io.containerd.image.name"]
        index = read("blobs/sha256/" + entry["digest"][7:])
        kinds = [one["platform"]["architecture"] for one in index["manifests"]]
    else:
        entry, = read("manifest.json")
        assert all(tar.getmember(layer).size for layer in entry["Layers"])
        name, = entry["RepoTags"]
        kinds = [read(entry["Config"])["architecture"]]
words = ["FILE" if word.endswith(".tar") else word for word in sys.argv[1:]]
with open(os.environ["TOLD"], "w") as told:
    json.dump([words, name, kinds], told)
if "refused" in sys.argv:
    sys.exit("no nodes found for cluster refused")
"""


@pytest.fixture
def store() -> Store:
    opened = Store.open(open_house().store)
    images(opened)
    opened.close()
    return opened


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the stand-ins write what they were told."""
    for name in ("kind", "k3d", "minikube"):
        program = tmp_path / name
        program.write_text(STAND_IN.format(python=sys.executable))
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("TOLD", str(tmp_path / "told"))
    return tmp_path / "told"


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("kind:", ["load", "image-archive", "FILE"]),
        ("kind:dev", ["load", "image-archive", "FILE", "--name", "dev"]),
        ("k3d:dev", ["image", "import", "FILE", "--cluster", "dev"]),
        ("minikube:", ["image", "load", "FILE"]),
        ("minikube:dev", ["image", "load", "FILE", "--profile", "dev"]),
    ],
)
@pytest.mark.usefixtures("store")
def test_a_cluster_is_given_an_archive(told: Path, target: str, words: list[str]):
    out, said = whit("copy", "multi:1", target)
    assert out == "multi:1"
    if target.startswith("kind"):
        seen = [words, "docker.io/library/multi:1", ["amd64", "arm64"]]
        assert "holds one platform" not in said
    else:
        seen = [words, "multi:1", ["amd64"]]
        assert f"{target.rstrip(':')} holds one platform: it gets linux/amd64" in said
    assert json.loads(told.read_text()) == seen


@pytest.mark.usefixtures("store", "told")
def test_a_cluster_that_refuses_is_told_in_its_own_words():
    _, said = whit("copy", "multi:1", "kind:refused", status=3)
    assert "kind did not take the image" in said
    assert "no nodes found for cluster refused" in said


@pytest.mark.parametrize("name", ["kind", "k3d", "minikube"])
@pytest.mark.usefixtures("store")
def test_a_command_that_is_missing_is_named(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("PATH", str(tmp_path))
    _, said = whit("copy", "multi:1", f"{name}:", status=4)
    assert f"cannot run the {name} command" in said
    assert f"install {name}" in said
