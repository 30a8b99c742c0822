import datetime as dt
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from layer_samples import config, small_tree, written
from whit.errors.images import BadTime
from whit.model.image import Compression, Format
from whit.oci.assemble import assemble, rfc3339
from whit.oci.validate import problems_of

LAYER = written(small_tree(), Compression())[0]


@given(st.integers(0, 253_402_300_799))
def test_times_are_those_of_datetime(seconds: int):
    moment = dt.datetime.fromtimestamp(seconds, dt.UTC)
    assert rfc3339(seconds) == moment.isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize("seconds", [-1, 253_402_300_800])
def test_times_beyond_four_digits_are_refused(seconds: int):
    with pytest.raises(BadTime):
        assemble((), config(), seconds)


def test_no_layer_is_an_empty_list():
    image = assemble((), config())
    assert json.loads(image.manifest)["layers"] == []
    assert json.loads(image.config)["rootfs"] == {"type": "layers", "diff_ids": []}
    assert problems_of(image) == ()


def test_everything_a_config_can_say():
    image = assemble(
        (LAYER, msgspec.structs.replace(LAYER, comment="the program")),
        config(
            cmd=("-v",), env=(("B", "2"), ("A", "x=y")), ports=("8080", "53/udp"),
            volumes=("/data",), stop_signal="SIGINT", labels=(("z", "1"), ("a", "2")),
            annotations=(("org.opencontainers.image.title", "app"),),
        ),
        created=86_400,
    )  # fmt: skip
    found = json.loads(image.config)
    assert found["config"] == {
        "User": "65532:65532",
        "ExposedPorts": {"53/udp": {}, "8080/tcp": {}},
        "Env": ["B=2", "A=x=y"],
        "Entrypoint": ["/app"],
        "Cmd": ["-v"],
        "Volumes": {"/data": {}},
        "WorkingDir": "/",
        "Labels": {"a": "2", "z": "1"},
        "StopSignal": "SIGINT",
    }
    assert [entry["created_by"] for entry in found["history"]] == [
        "whit: 3 files",
        "whit: the program",
    ]
    assert found["created"] == "1970-01-02T00:00:00Z"
    manifest = json.loads(image.manifest)
    assert manifest["annotations"] == {"org.opencontainers.image.title": "app"}
    assert problems_of(image) == ()


def test_order_of_labels_does_not_count():
    one = assemble((LAYER,), config(labels=(("a", "1"), ("b", "2"))))
    two = assemble((LAYER,), config(labels=(("b", "2"), ("a", "1"))))
    assert one == two


def test_compression_leaves_the_config_alone():
    other = written(small_tree(), Compression(Format.ZSTD))[0]
    assert assemble((LAYER,), config()).config == assemble((other,), config()).config
