import io
import os
import time
from pathlib import Path

import pytest

from layer_samples import config, keep, small_tree, stored
from whit.errors.images import BrokenBlob, BrokenStore, StoreUnwritable, UnknownImage
from whit.errors.layer import ContentChanged
from whit.model.image import Compression, Effort, Format, Image
from whit.model.tree import File, Tree
from whit.oci.assemble import assemble
from whit.store.blobs import MAX_UNNAMED, Store


@pytest.fixture
def store(tmp_path: Path):
    opened = Store.open(tmp_path / "store")
    yield opened
    opened.close()


def made(store: Store, text: bytes = b"one\n", *names: str) -> Image:
    image = assemble((store.write_layer(small_tree(text), Compression()),), config())
    keep(store, image, names)
    return image


def blob(store: Store, digest: str) -> Path:
    return Path(store.directory, "blobs/sha256", digest[7:])


def partials(store: Store) -> list[str]:
    return os.listdir(Path(store.directory, "partial"))


def test_a_new_store_is_an_empty_layout(store: Store):
    assert Path(store.directory, "oci-layout").read_text() == '{"imageLayoutVersion":"1.0.0"}'
    assert store.images() == ()
    assert store.check() == ()


def test_a_directory_of_other_things_is_refused(tmp_path: Path):
    (tmp_path / "main.go").touch()
    with pytest.raises(StoreUnwritable, match=r"main\.go"):
        Store.open(tmp_path)
    with pytest.raises(StoreUnwritable):
        Store.open(tmp_path / "main.go")


def test_an_image_comes_back_equal(store: Store):
    image = made(store, b"one\n", "app:latest")
    assert store.find("app") == image
    assert Store.open(store.directory).find("app:latest") == image
    assert partials(store) == []


def test_a_layer_is_written_once(store: Store, tmp_path: Path):
    path = tmp_path / "program"
    path.write_bytes(b"program")
    tree = Tree.of({"/app": File(stored(path))})
    first = store.write_layer(tree, Compression(), "first")
    path.unlink()
    second = store.write_layer(tree, Compression(), "second")
    assert second.digest == first.digest
    assert (first.comment, second.comment) == ("first", "second")


def test_other_compressions_are_other_layers(store: Store):
    digests = {
        store.write_layer(small_tree(), Compression(f, e)).digest for f in Format for e in Effort
    }
    assert len(digests) >= 4


@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_the_next_build_mends_a_damaged_layer(store: Store, damage: str):
    image = made(store, b"one\n", "app")
    path = blob(store, image.layers[0].digest)
    data = path.read_bytes()
    if damage == "remove":
        path.unlink()
    else:
        path.write_bytes(data[:-1] if damage == "cut" else data[:-1] + bytes([data[-1] ^ 1]))
        with (
            pytest.raises(BrokenBlob, match=image.layers[0].digest),
            store.open_blob(image.layers[0].digest, image.layers[0].size) as stream,
        ):
            stream.read()
    assert [problem.subject for problem in store.check()][-1].startswith("app sha256:")
    assert made(store, b"one\n", "app") == image
    assert path.read_bytes() == data
    assert store.check() == ()


def test_the_next_build_mends_a_damaged_document(store: Store):
    image = made(store, b"one\n", "app")
    path = blob(store, image.config_digest)
    path.write_bytes(b"x" * len(image.config))
    assert store.images()[0].is_broken
    made(store, b"one\n", "app")
    assert path.read_bytes() == image.config


def test_a_forgotten_step_is_only_a_miss(store: Store):
    image = made(store, b"one\n", "app")
    for step in Path(store.directory, "steps").iterdir():
        step.write_bytes(b"nonsense")
    assert made(store, b"one\n", "app") == image
    for step in Path(store.directory, "steps").iterdir():
        step.unlink()
    found = store.find("app")
    assert found.layers[0].file_count == image.layers[0].file_count
    assert found.manifest == image.manifest


def test_a_failed_layer_leaves_nothing(store: Store, tmp_path: Path):
    path = tmp_path / "program"
    path.write_bytes(b"program")
    tree = Tree.of({"/app": File(stored(path))})
    path.write_bytes(b"another")
    with pytest.raises(ContentChanged):
        store.write_layer(tree, Compression())
    assert partials(store) == []
    assert os.listdir(Path(store.directory, "blobs/sha256")) == []


def test_an_image_whose_layer_is_missing_is_refused(store: Store):
    image = made(store)
    blob(store, image.layers[0].digest).unlink()
    with pytest.raises(BrokenBlob, match="missing"):
        keep(store, image, ("app",))


def test_put_and_open(store: Store):
    digest = store.put(b"data")
    assert store.has(digest)
    for verify in (True, False):
        with store.open_blob(digest, verify=verify) as stream:
            assert stream.read() == b"data"
    with pytest.raises(BrokenBlob):
        store.open_blob("sha256:" + "0" * 64)


def test_finding(store: Store):
    one, two = made(store, b"one\n", "app:1", "app:latest"), made(store, b"two\n", "app:2")
    assert store.find("app") == store.find("app:1") == one
    assert store.find(two.manifest_digest) == two
    assert store.find(two.manifest_digest[:19]) == store.find(two.manifest_digest[7:17]) == two
    assert store.find(f"app@{two.manifest_digest}") == two
    for unknown in ("ap", "app:3", "sha256:", "", "zz" * 5):
        with pytest.raises(UnknownImage):
            store.find(unknown)


def test_a_moved_name_leaves_the_old_image_by_digest(store: Store):
    old, new = made(store, b"one\n", "app"), made(store, b"two\n", "app")
    assert store.find("app") == new
    assert store.find(old.manifest_digest) == old
    assert [listed.name for listed in store.images()] == ["app", ""]


def test_unnamed_images_are_bounded(store: Store):
    for number in range(MAX_UNNAMED + 5):
        made(store, b"%d\n" % number, "app")
    assert len(store.images()) == MAX_UNNAMED + 1


def test_removing(store: Store):
    image = made(store, b"one\n", "app:1", "app:2")
    store.remove("app:1")
    assert [listed.name for listed in store.images()] == ["app:2"]
    store.remove(image.manifest_digest)
    assert store.images() == ()
    with pytest.raises(UnknownImage):
        store.remove("app:2")


def test_prune_frees_what_no_name_reaches(store: Store):
    old, new = made(store, b"one\n", "app"), made(store, b"two\n", "app")
    assert store.prune(keep_unnamed=True) == 0
    freed = store.prune()
    assert freed == old.size
    assert not store.has(old.layers[0].digest)
    assert store.find("app") == new
    assert store.check() == ()
    assert store.prune() == 0


def test_prune_spares_what_another_build_just_wrote(store: Store):
    other = Store.open(store.directory)
    layer = other.write_layer(small_tree(), Compression())
    assert store.prune() == 0
    assert store.has(layer.digest)
    hours_ago = time.time() - 7200
    os.utime(blob(store, layer.digest), (hours_ago, hours_ago))
    assert store.prune() == layer.size
    other.close()


def test_listing_tells_when_an_image_was_made(store: Store):
    before = time.time() - 2
    image = made(store, b"one\n", "app")
    (listed,) = store.images()
    assert (listed.size, listed.images) == (image.size, (image.manifest_digest,))
    assert listed.created_at >= before


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"schemaVersion":2}', b"\xff" * 100])
def test_a_corrupt_index_is_said(store: Store, data: bytes):
    image = made(store, b"one\n", "app")
    index = Path(store.directory, "index.json")
    index.write_bytes(data)
    for use in (store.images, lambda: store.find("app"), lambda: keep(store, image, ("app",))):
        with pytest.raises(BrokenStore, match=r"index\.json"):
            use()
    assert "index.json" in store.check()[0].subject
    index.unlink()  # as the hint says
    made(store, b"one\n", "app")
    assert store.find("app") == image


def test_leftovers_of_killed_writers_are_swept(store: Store):
    leftover = Path(store.directory, "partial", "1-0")
    leftover.write_bytes(b"half")
    made(Store.open(store.directory), b"one\n", "app")
    assert not leftover.exists()


def test_half_documents_of_killed_writers(tmp_path: Path):
    directory = tmp_path / "store"
    directory.mkdir()
    (directory / "oci-layout.1.partial").touch()
    (directory / "index.json.1.partial").write_bytes(b"half")
    store = Store.open(directory)
    assert store.prune() == 4
    assert not (directory / "index.json.1.partial").exists()
    store.close()


def test_what_a_living_writer_writes_is_not_swept(store: Store):
    from whit.store.files import partial_file, sweep

    with partial_file(store.directory) as (file, path):
        file.write(b"half")
        sweep(store.directory)
        assert os.path.exists(path)


def test_check_names_strange_files(store: Store):
    Path(store.directory, "blobs/sha256/readme").touch()
    assert [problem.subject for problem in store.check()] == ["readme"]


def test_a_blob_another_tool_wrote_is_weighed(store: Store):
    image = made(store, b"one\n", "app")
    with store.open_blob(image.layers[0].digest) as stream:
        assert isinstance(stream, io.BufferedIOBase)
