import io
import json
import tarfile
from pathlib import Path

import pytest

from layer_samples import config, small_tree, written
from whit.errors.images import CannotWriteImage, InvalidImage, NotALayout
from whit.errors.names import BadName
from whit.model.image import Compression, Format, Image
from whit.model.names import Digest
from whit.oci.archive import full_name, write_contents_archive, write_docker_archive
from whit.oci.assemble import assemble
from whit.oci.contents import OpenBlob, content_in, write_contents
from whit.oci.graph import Content, content_of
from whit.oci.layout import check_marker, name_of, read_index


class Made:
    """An image and the blobs it needs."""

    def __init__(self, text: bytes = b"one\n", form: Format = Format.GZIP) -> None:
        layer, data = written(small_tree(text), Compression(form))
        self.image: Image = assemble((layer,), config())
        self.digest = self.image.manifest_digest
        self.blobs = {layer.digest: data, self.image.config_digest: self.image.config}
        self.tar = written(small_tree(text))[1]

    @property
    def content(self) -> Content:
        return content_of(self.image)

    def open_blob(self, digest: str) -> io.BytesIO:
        return io.BytesIO(self.blobs[Digest(digest)])

    def lay(self, directory: Path, *names: str, open_blob: OpenBlob | None = None) -> None:
        write_contents(str(directory), self.content, names, open_blob or self.open_blob)


def index_names(directory: Path) -> list[tuple[str, str]]:
    entries = read_index(str(directory)).manifests
    return sorted((name_of(entry), entry.digest) for entry in entries)


def test_what_is_written_is_read(tmp_path: Path):
    made, other = Made(), Made(b"two\n")
    made.lay(tmp_path / "l", "a:1", "b:2")
    other.lay(tmp_path / "l")
    assert index_names(tmp_path / "l") == [
        ("", other.digest), ("a:1", made.digest), ("b:2", made.digest)
    ]  # fmt: skip
    for one in (made, other):
        assert content_in(str(tmp_path / "l"), one.digest) == one.content
    assert not list((tmp_path / "l").rglob("*.partial"))


def test_writing_twice_changes_nothing(tmp_path: Path):
    made = Made()
    for _ in range(2):
        made.lay(tmp_path, "a:1")
    assert index_names(tmp_path) == [("a:1", made.digest)]


def test_a_name_moves_and_its_old_image_stays(tmp_path: Path):
    made, other = Made(), Made(b"two\n")
    made.lay(tmp_path, "a:1")
    other.lay(tmp_path, "a:1")
    assert index_names(tmp_path) == sorted([("", made.digest), ("a:1", other.digest)])
    made.lay(tmp_path, "a:1")
    assert index_names(tmp_path) == sorted([("", other.digest), ("a:1", made.digest)])


def test_other_content_is_left_alone(tmp_path: Path):
    (tmp_path / "main.go").touch()
    with pytest.raises(NotALayout, match="holds no OCI layout"):
        Made().lay(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["main.go"]


@pytest.mark.parametrize("marker", ["", "{}", '{"imageLayoutVersion":"2.0.0"}', "[]"])
def test_an_unknown_layout_is_refused(tmp_path: Path, marker: str):
    (tmp_path / "oci-layout").write_text(marker)
    with pytest.raises(NotALayout):
        check_marker(str(tmp_path))
    with pytest.raises(NotALayout):
        Made().lay(tmp_path)


def test_a_failed_blob_leaves_no_file(tmp_path: Path):
    def refuse(digest: str) -> io.BytesIO:
        raise OSError(28, "No space left on device")

    with pytest.raises(CannotWriteImage, match="no space"):
        Made().lay(tmp_path, "a", open_blob=refuse)
    assert list((tmp_path / "blobs/sha256").iterdir()) == []
    assert index_names(tmp_path) == []


def test_a_flipped_byte_in_a_document_is_said(tmp_path: Path):
    made = Made()
    made.lay(tmp_path)
    path = tmp_path / "blobs/sha256" / made.digest[7:]
    path.write_bytes(path.read_bytes().replace(b"config", b"konfig"))
    with pytest.raises(InvalidImage, match=made.digest):
        content_in(str(tmp_path), made.digest)


# ---- archives -------------------------------------------------------------------------------


def contents(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive}


def test_an_oci_archive_is_a_layout(tmp_path: Path):
    made, out = Made(), io.BytesIO()
    write_contents_archive(out, made.content, ("app",), made.open_blob)
    with tarfile.open(fileobj=io.BytesIO(out.getvalue())) as archive:
        # Python 3.11.2, Debian 12's, knows no filters yet; the archive is our own.
        safe = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        archive.extractall(tmp_path, **safe)  # type: ignore[arg-type]
    (entry,) = read_index(str(tmp_path)).manifests
    assert (name_of(entry), entry.digest) == ("app", made.digest)
    assert content_in(str(tmp_path), made.digest) == made.content
    assert entry.annotations["io.containerd.image.name"] == "docker.io/library/app:latest"
    blob = tmp_path / "blobs/sha256" / made.image.layers[0].digest[7:]
    assert blob.read_bytes() == made.blobs[made.image.layers[0].digest]


@pytest.mark.parametrize("form", Format)
def test_a_docker_archive(form: Format):
    made, out = Made(form=form), io.BytesIO()
    write_docker_archive(out, made.image, ("app", "r.example/x:2"), made.open_blob)
    found = contents(out.getvalue())
    (entry,) = json.loads(found["manifest.json"])
    assert entry["RepoTags"] == ["app:latest", "r.example/x:2"]
    assert found[entry["Config"]] == made.image.config
    (layer,) = entry["Layers"]
    wanted = made.blobs[made.image.layers[0].digest] if form is Format.GZIP else made.tar
    assert found[layer] == wanted


def test_a_layer_of_another_size_is_an_error():
    made = Made()
    made.blobs = {digest: data[:-1] for digest, data in made.blobs.items()}
    with pytest.raises(InvalidImage, match="not"):
        write_docker_archive(io.BytesIO(), made.image, ("app",), made.open_blob)


@pytest.mark.parametrize(
    ("short", "full"),
    [
        ("app", "docker.io/library/app:latest"),
        ("me/app:1", "docker.io/me/app:1"),
        ("localhost:5000/app", "localhost:5000/app:latest"),
    ],
)
def test_full_names(short: str, full: str):
    assert full_name(short) == full


def test_a_bad_name_is_said():
    made = Made()
    with pytest.raises(BadName):
        write_docker_archive(io.BytesIO(), made.image, ("App",), made.open_blob)
