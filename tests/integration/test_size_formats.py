"""Images as other tools write them in, the same weight out: layers in every compression, indexes
with attestations, foreign layers, and what kaniko, ko and apko put into their tars.
"""

import gzip
import hashlib
import io
import json
import os
import struct
import subprocess
import tarfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

from whit.binary.facts import read_facts
from whit.build.sizing import weigh, weigh_program
from whit.model.names import Platform
from whit.model.weight import Weight
from whit.report.size import View, size_lines

OCI = "application/vnd.oci.image"
CASES = Path(__file__).parent.parent / "cases"
FILES = {
    "usr/bin/app": b"program" * 900,
    "etc/conf": b"a=1\n",
    "usr/share/doc/app/README": b"x" * 80,
}


def tar_of(files: dict[str, bytes], start: str = "", **fields: Any) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", **fields) as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(start + name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return out.getvalue()


def estargz(data: bytes) -> bytes:
    """A gzip member for each block of the tar, the index as a file, and the footer of 51 bytes."""
    whole = data[:-10240] if data.endswith(bytes(10240)) else data.rstrip(b"\0")
    whole += bytes(-len(whole) % 512)
    index = tar_of({"stargz.index.json": b'{"version":1,"entries":[]}'})
    members = [whole[at : at + 1024] for at in range(0, len(whole), 1024)] + [index]
    header = b"\x1f\x8b\x08\x04" + bytes(5) + b"\xff"
    extra = b"SG" + struct.pack("<H", 22) + b"%016xSTARGZ" % 0
    footer = header + struct.pack("<H", len(extra)) + extra + b"\x01\0\0\xff\xff" + bytes(8)
    return b"".join(map(gzip.compress, members)) + footer


def chunked(data: bytes) -> bytes:
    """Frames one after the other, and the table of contents in one that readers skip."""
    compress = zstandard.ZstdCompressor().compress
    frames = [compress(data[at : at + 2048]) for at in range(0, len(data), 2048)]
    return b"".join(frames) + struct.pack("<II", 0x184D2A50, 40) + bytes(40)


ENCODINGS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "plain": ("", bytes),
    "gzip": ("+gzip", gzip.compress),
    "estargz": ("+gzip", estargz),
    "zstd": ("+zstd", zstandard.ZstdCompressor().compress),
    "zstd chunked": ("+zstd", chunked),
}


class Layout:
    """An OCI archive in the making."""

    def __init__(self) -> None:
        self.files = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}'}

    def blob(self, data: bytes, kind: str, **more: Any) -> dict[str, Any]:
        digest = hashlib.sha256(data).hexdigest()
        self.files[f"blobs/sha256/{digest}"] = data
        return {"mediaType": kind, "digest": f"sha256:{digest}", "size": len(data), **more}

    def image(self, layers: list[dict[str, Any]], architecture: str, **more: Any) -> dict[str, Any]:
        config = {"architecture": architecture, "os": "linux", "config": {}, "rootfs": {
            "type": "layers", "diff_ids": [layer["digest"] for layer in layers]}}  # fmt: skip
        document = {
            "schemaVersion": 2,
            "mediaType": f"{OCI}.manifest.v1+json",
            "config": self.blob(json.dumps(config).encode(), f"{OCI}.config.v1+json"),
            "layers": layers,
        }
        return self.blob(json.dumps(document).encode(), f"{OCI}.manifest.v1+json", **more)

    def index(self, *entries: dict[str, Any]) -> bytes:
        return json.dumps(
            {"schemaVersion": 2, "mediaType": f"{OCI}.index.v1+json", "manifests": entries}
        ).encode()

    def write(self, path: Path, *entries: dict[str, Any]) -> Path:
        path.write_bytes(tar_of({**self.files, "index.json": self.index(*entries)}))
        return path


def weigh_at(path: Path, platform: str = "") -> Weight:
    wanted = Platform.parse(platform) if platform else None
    return weigh(str(path), "/", wanted, by_symbol=False)


def sizes(weight: Weight) -> dict[str, int]:
    return {leaf.place[1]: leaf.size for leaf in weight.leaves}


WHOLE = {f"/{name}": len(data) for name, data in FILES.items()}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_compression_behind_an_index_with_attestations(tmp_path: Path, encoding: str):
    """As BuildKit exports with --provenance: an index in the index, an attestation beside."""
    suffix, encode = ENCODINGS[encoding]
    layout = Layout()
    layer = layout.blob(encode(tar_of(FILES)), f"{OCI}.layer.v1.tar{suffix}")
    image = layout.image([layer], "arm64", platform={"os": "linux", "architecture": "arm64"})
    statement = layout.blob(b"{}", "application/vnd.in-toto+json")
    attestation = layout.image(
        [statement],
        "unknown",
        platform={"os": "unknown", "architecture": "unknown"},
        annotations={"vnd.docker.reference.type": "attestation-manifest"},
    )
    inner = layout.blob(layout.index(image, attestation), f"{OCI}.index.v1+json")
    path = layout.write(tmp_path / "image.tar", inner)
    for platform in ("", "linux/arm64"):  # on this host's platform there is none
        found = weigh_at(path, platform)
        seen = sizes(found)
        seen.pop("/stargz.index.json", None)
        assert seen == WHOLE
        assert found.layers[0].compressed == layer["size"]
        assert [one.kind for one in found.wasted] == ["documentation"]


@pytest.mark.parametrize(
    ("start", "fields"),
    [
        ("/", {"format": tarfile.USTAR_FORMAT}),  # ko and kaniko write absolute names
        ("./", {"format": tarfile.GNU_FORMAT}),  # bazel and apko begin with a dot
        ("", {"format": tarfile.PAX_FORMAT, "pax_headers": {"comment": "x"}}),
    ],
)
def test_names_as_kaniko_ko_and_apko_write_them(tmp_path: Path, start: str, fields: dict[str, Any]):
    layout = Layout()
    installed = b"P:app\nV:1\nF:usr/bin\nR:app\n\n"
    files = FILES | {"lib/apk/db/installed": installed}
    data = gzip.compress(tar_of(files, start, **fields))
    image = layout.image([layout.blob(data, f"{OCI}.layer.v1.tar+gzip")], "amd64")
    found = weigh_at(layout.write(tmp_path / "image.tar", image))
    assert sizes(found) == WHOLE | {"/lib/apk/db/installed": len(installed)}
    assert {leaf.place[1]: leaf.origin for leaf in found.leaves}["/usr/bin/app"] == "apk:app"


def test_a_foreign_layer_is_said_and_not_counted(tmp_path: Path):
    layout = Layout()
    absent = {
        "mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "digest": f"sha256:{'0' * 64}",
        "size": 77,
        "urls": ["https://example.com/layer"],
    }
    own = layout.blob(gzip.compress(tar_of(FILES)), f"{OCI}.layer.v1.tar+gzip")
    found = weigh_at(layout.write(tmp_path / "image.tar", layout.image([absent, own], "amd64")))
    assert [(layer.files, layer.compressed) for layer in found.layers] == [
        (0, 77),
        (3, own["size"]),
    ]
    assert "1 foreign layer not here, and not counted" in size_lines(found, View())


def test_an_archive_that_docker_saves(tmp_path: Path):
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {
        "type": "layers", "diff_ids": []}}).encode()  # fmt: skip
    layers = {"a/layer.tar": tar_of(FILES), "b/layer.tar": tar_of({"etc/.wh.conf": b""})}
    manifest = [{"Config": "c.json", "RepoTags": ["app:1"], "Layers": list(layers)}]
    path = tmp_path / "saved.tar"
    path.write_bytes(
        tar_of({"c.json": config, **layers, "manifest.json": json.dumps(manifest).encode()})
    )
    found = weigh_at(path)
    assert (found.files, found.disk) == (2, sum(WHOLE.values()))
    assert ("removed", "/etc/conf", 2) in {(w.kind, w.path, w.layer) for w in found.wasted}


@pytest.mark.buildah
@pytest.mark.skipif(os.geteuid() != 0, reason="buildah without rights needs a namespace")
def test_an_image_of_buildah(tmp_path: Path):
    (tmp_path / "context").mkdir()
    for name, data in FILES.items():
        (tmp_path / "context" / name.rpartition("/")[2]).write_bytes(data)
    (tmp_path / "Dockerfile").write_text(
        "FROM scratch\nCOPY app README /srv/\nCOPY conf /srv/app\n"
    )
    places = ["--root", str(tmp_path / "root"), "--runroot", str(tmp_path / "run")]
    words = ["buildah", *places, "--storage-driver", "vfs"]
    out = tmp_path / "image.tar"
    words += ["bud", "--layers", "-q", "-t", f"oci-archive:{out}"]
    subprocess.run(
        [*words, "-f", "Dockerfile", "context"],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    found = weigh_at(out)
    assert sizes(found)["/srv/README"] == 80
    assert ("overwritten", "/srv/app") in {(one.kind, one.path) for one in found.wasted}


def test_a_packed_program_says_so():
    """Written by UPX 4.2.2: tiny.c beside it, 48,672 bytes before."""
    data = (CASES / "upx/tiny.upx").read_bytes()
    found = weigh_program("packed", memoryview(data))
    assert found.disk == len(data)
    assert {leaf.place[0] for leaf in found.leaves} == {"(packed by UPX)"}
    lines = size_lines(found, View())
    assert any("packed by UPX, which hides 48.7 kB of program" in line for line in lines)


@pytest.mark.go
def test_an_obfuscated_program_is_told_apart_by_what_its_table_says(tmp_path: Path):
    """As garble leaves it: another magic, no build info, hashes for the paths of packages."""
    (tmp_path / "go.mod").write_text("module example.com/app\n\ngo 1.21\n")
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner/inner.go").write_text(
        "package inner\n\n//go:noinline\nfunc Say() { println(1) }\n"
    )
    (tmp_path / "main.go").write_text(
        'package main\n\nimport "example.com/app/inner"\n\nfunc main() { inner.Say() }\n'
    )
    environment = os.environ | {"CGO_ENABLED": "0", "GOFLAGS": ""}
    command = ["go", "build", "-trimpath", "-ldflags=-s -w", "-o", "app", "."]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True)
    data = bytearray((tmp_path / "app").read_bytes())
    facts = read_facts(memoryview(bytes(data)))
    assert facts.table is not None
    data[facts.table.offset : facts.table.offset + 4] = b"\xab\xf0\xec\x06"
    at = data.index(b"\xff Go buildinf:")
    data[at + 33 : at + 35] = b"un"  # the version: "unknown", where "go1.26.8" is
    names = bytes(data[facts.table.names[0] : facts.table.names[1]])
    hashed = names.replace(b"example.com/app/inner.", b"jX4fg8Xx62oG_zMxTI0Wi.")
    data[facts.table.names[0] : facts.table.names[1]] = hashed
    found = weigh_program("app", memoryview(bytes(data)))
    assert found.unknown < 0.07 * found.disk
    by_module = Counter[str]()
    for leaf in found.leaves:
        by_module[leaf.place[0]] += leaf.size
    assert by_module["(obfuscated)"] > 0
    assert by_module["std"] > by_module["(obfuscated)"]
    assert "jX4fg8Xx62oG_zMxTI0Wi" in {leaf.place[1] for leaf in found.leaves}
    assert any("names are obfuscated" in line for line in size_lines(found, View()))
