"""Documents against the OCI image-spec v1.1's rules, said again as JSON Schema.

Sources: descriptor.md, manifest.md, config.md, image-index.md, image-layout.md. What the
specification only recommends is not here.
"""

import json
from pathlib import Path

import jsonschema
import pytest

from layer_samples import ALL, config, keep, small_tree, written
from whit.model.image import Compression, Image
from whit.oci.assemble import assemble
from whit.store.blobs import Store

DIGEST = {"type": "string", "pattern": r"^[a-z0-9]+([+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$"}
MEDIA = {
    "type": "string",
    "pattern": r"^[A-Za-z0-9][\w!#$&^.+-]{0,126}/[A-Za-z0-9][\w!#$&^.+-]{0,126}$",
}
TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
LIST = {"type": "array", "items": {"type": "string"}}
SET = {"type": "object", "additionalProperties": {"type": "object", "maxProperties": 0}}
TIME = {"type": "string", "format": "date-time", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"}
PLATFORM = {
    "type": "object",
    "required": ["architecture", "os"],
    "properties": {"architecture": {"type": "string"}, "os": {"type": "string"},
                   "variant": {"type": "string", "minLength": 1}},
    "additionalProperties": False,
}  # fmt: skip
DESCRIPTOR = {
    "type": "object",
    "required": ["mediaType", "digest", "size"],
    "properties": {"mediaType": MEDIA, "digest": DIGEST,
                   "size": {"type": "integer", "minimum": 0, "maximum": 2**63 - 1},
                   "platform": PLATFORM, "annotations": TEXTS},
    "additionalProperties": False,
}  # fmt: skip
MANIFEST = {
    "type": "object",
    "required": ["schemaVersion", "mediaType", "config", "layers"],
    "properties": {
        "schemaVersion": {"const": 2},
        "mediaType": {"const": "application/vnd.oci.image.manifest.v1+json"},
        "config": DESCRIPTOR, "layers": {"type": "array", "items": DESCRIPTOR},
        "annotations": TEXTS,
    },
    "additionalProperties": False,
}  # fmt: skip
INDEX = {
    "type": "object",
    "required": ["schemaVersion", "mediaType", "manifests"],
    "properties": {
        "schemaVersion": {"const": 2},
        "mediaType": {"const": "application/vnd.oci.image.index.v1+json"},
        "manifests": {"type": "array", "items": DESCRIPTOR},
    },
    "additionalProperties": False,
}
CONFIG = {
    "type": "object",
    "required": ["architecture", "os", "rootfs"],
    "properties": {
        "created": TIME, "author": {"type": "string"}, "architecture": {"type": "string"},
        "variant": {"type": "string", "minLength": 1}, "os": {"type": "string"},
        "config": {
            "type": "object",
            "properties": {
                "User": {"type": "string"}, "ExposedPorts": SET, "Env": LIST, "Entrypoint": LIST,
                "Cmd": LIST, "Volumes": SET, "WorkingDir": {"type": "string"}, "Labels": TEXTS,
                "StopSignal": {"type": "string"},
            },
            "additionalProperties": False,
        },
        "rootfs": {
            "type": "object",
            "required": ["type", "diff_ids"],
            "properties": {"type": {"const": "layers"},
                           "diff_ids": {"type": "array", "items": DIGEST}},
            "additionalProperties": False,
        },
        "history": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"created": TIME, "created_by": {"type": "string"},
                               "author": {"type": "string"}, "comment": {"type": "string"},
                               "empty_layer": {"type": "boolean"}},
                "additionalProperties": False,
            },
        },
    },
    "additionalProperties": False,
}  # fmt: skip
LAYOUT = {
    "type": "object",
    "required": ["imageLayoutVersion"],
    "properties": {"imageLayoutVersion": {"const": "1.0.0"}},
    "additionalProperties": False,
}
FULL = config(
    cmd=("-v",), env=(("A", "1"),), ports=("80",), volumes=("/data",), stop_signal="SIGINT",
    labels=(("k", "v"),), annotations=(("org.opencontainers.image.title", "app"),),
)  # fmt: skip


def images() -> list[Image]:
    made = [assemble((), config()), assemble((), FULL, 1_700_000_000)]
    for compression in ALL:
        layer = written(small_tree(), compression)[0]
        made.append(assemble((layer, layer), FULL))
    return made


@pytest.mark.parametrize("image", images())
def test_documents_follow_the_specification(image: Image):
    jsonschema.validate(json.loads(image.manifest), MANIFEST)
    jsonschema.validate(json.loads(image.config), CONFIG)


def test_the_store_is_a_layout(tmp_path: Path):
    store = Store.open(tmp_path / "store")
    for number, compression in enumerate(ALL):
        image = assemble((store.write_layer(small_tree(), compression),), config())
        keep(store, image, (f"app:{number}", f"again:{number}"))
    index = json.loads((tmp_path / "store/index.json").read_bytes())
    jsonschema.validate(index, INDEX)
    jsonschema.validate(json.loads((tmp_path / "store/oci-layout").read_bytes()), LAYOUT)
    assert len(index["manifests"]) == 2 * len(ALL)
    names = {
        entry["annotations"]["org.opencontainers.image.ref.name"] for entry in index["manifests"]
    }
    assert len(names) == 2 * len(ALL)
    store.close()


def test_a_new_store_has_an_index(tmp_path: Path):
    Store.open(tmp_path / "store").put(b"x")
    index = tmp_path / "store/index.json"
    jsonschema.validate(json.loads(index.read_bytes()), INDEX)


def test_documents_are_canonical():
    image = assemble((written(small_tree(), Compression())[0],), FULL)
    for data in (image.manifest, image.config):
        again = json.dumps(json.loads(data), separators=(",", ":"), ensure_ascii=False)
        assert again.encode() == data
