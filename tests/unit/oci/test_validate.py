import io
import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from layer_samples import ALL, small_image, small_tree, written
from whit.errors.images import InvalidImage
from whit.model.image import Compression, Image, Layer
from whit.model.names import Digest, digest_of
from whit.oci.read import image_of
from whit.oci.validate import check_image, layer_problems_of, problems_of

IMAGE = small_image()
Change = Callable[[dict[str, Any]], object]
ZEROS = Digest("sha256:" + "0" * 64)


def spoiled(**changes: object) -> Image:
    return msgspec.structs.replace(IMAGE, **changes)


def edited(change_manifest: Change | None = None, change_config: Change | None = None) -> Image:
    """The small image with its documents edited and all digests made right again."""
    manifest, config = json.loads(IMAGE.manifest), json.loads(IMAGE.config)
    if change_config:
        change_config(config)
    config_bytes = json.dumps(config).encode()
    manifest["config"].update(digest=digest_of(config_bytes), size=len(config_bytes))
    if change_manifest:
        change_manifest(manifest)
    manifest_bytes = json.dumps(manifest).encode()
    return spoiled(
        manifest=manifest_bytes,
        manifest_digest=digest_of(manifest_bytes),
        config=config_bytes,
        config_digest=digest_of(config_bytes),
    )


def test_what_whit_makes_is_valid():
    assert problems_of(IMAGE) == ()
    check_image(IMAGE)
    assert problems_of(edited()) == ()


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (spoiled(manifest_digest=ZEROS), "manifest does not have the digest"),
        (spoiled(config_digest=ZEROS), "config does not have the digest"),
        (spoiled(layers=()), "0 at hand"),
        (edited(lambda m: m["layers"][0].update(size=1)), "not the one"),
        (edited(lambda m: m["layers"][0].update(digest=ZEROS)), "not the one"),
        (edited(lambda m: m["layers"][0].update(size=-1)), "specification"),
        (edited(lambda m: m["layers"][0].update(size="1")), "specification"),
        (edited(lambda m: m["layers"][0].update(digest="sha256:xyz")), "specification"),
        (edited(lambda m: m["layers"][0].update(mediaType="text/plain")), "no layer's media type"),
        (edited(lambda m: m["config"].update(mediaType="text/plain")), "config is not"),
        (edited(lambda m: m.update(mediaType="text/plain")), "no manifest's media type"),
        (edited(lambda m: m.update(schemaVersion=1)), "specification"),
        (edited(lambda m: m.pop("layers")), "specification"),
        (edited(lambda m: m.update(annotations={"a": 1})), "specification"),
        (edited(None, lambda c: c["rootfs"].update(diff_ids=[ZEROS])), "diff_id"),
        (edited(None, lambda c: c["rootfs"].update(diff_ids=[])), "0 in the config"),
        (edited(None, lambda c: c["rootfs"].update(type="tar")), "specification"),
        (edited(None, lambda c: c["history"].append({})), "history tells of 2"),
        (edited(None, lambda c: c.update(created="yesterday")), "RFC 3339"),
        (edited(None, lambda c: c.update(created="2026-13-01T00:00:00Z")), "RFC 3339"),
        (edited(None, lambda c: c.update(os="plan9")), "no platform"),
        (edited(None, lambda c: c.update(architecture="arm64")), "image for linux/amd64"),
        (edited(None, lambda c: c["config"].update(Env=["=x"])), "NAME=value"),
        (edited(None, lambda c: c["config"].update(Env="A=x")), "specification"),
        (edited(None, lambda c: c["config"].update(WorkingDir="tmp")), "not absolute"),
        (edited(None, lambda c: c["config"].update(ExposedPorts={"http": {}})), "no port"),
    ],
)
def test_each_broken_rule_is_said(image: Image, said: str):
    assert any(said in problem for problem in problems_of(image)), problems_of(image)
    with pytest.raises(InvalidImage):
        check_image(image)


@pytest.mark.parametrize(
    "moment",
    ["2026-11-23T19:00:00Z", "2026-11-23T19:00:00.123456789Z", "2026-11-23T19:00:00+01:00"],
)
def test_times_that_images_use(moment: str):
    assert problems_of(edited(None, lambda c: c.update(created=moment))) == ()


@pytest.mark.parametrize("compression", ALL, ids=str)
def test_layers_against_their_bytes(compression: Compression):
    layer, data = written(small_tree(), compression)
    assert layer_problems_of(layer, io.BytesIO(data)) == ()
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 1
    assert layer_problems_of(layer, io.BytesIO(bytes(flipped)))
    assert layer_problems_of(layer, io.BytesIO(data[:-1]))
    lying: Layer = msgspec.structs.replace(layer, diff_id=ZEROS, tar_bytes=7)
    assert len(layer_problems_of(lying, io.BytesIO(data))) == 2


def test_documents_become_an_image():
    found = image_of(IMAGE.manifest, IMAGE.config)
    assert (found.manifest_digest, found.config_digest) == (
        IMAGE.manifest_digest,
        IMAGE.config_digest,
    )
    with pytest.raises(InvalidImage, match="another config"):
        image_of(IMAGE.manifest, IMAGE.config + b" ")


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b"{}" + b" " * (5 << 20)]
)
def test_what_is_no_document(data: bytes):
    with pytest.raises(InvalidImage):
        image_of(data, IMAGE.config)
