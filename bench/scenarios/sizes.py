"""What images weigh: taken from whit's own report, and checked against the blobs it wrote."""

import hashlib
import json
from pathlib import Path
from typing import Any

from measure import Absent, Failed, output_of, run_once
from outcome import Claim, Outcome, Size
from peers.ko import ko
from peers.whit import PROGRAM, whit_environment, whit_version
from scenarios.stage import Stage
from sources import BENCH, CRANE, Program, go_version, hello, module_source

HELLO_DISK_BYTES = 1_520_000
SERVER_GZIP_BYTES = 2_700_000
SERVER_ZSTD_BYTES = 2_450_000
CRANE_LAYER_BYTES = 4_850_000
COMPRESSIONS = ("gzip", "zstd")


def measure_sizes(stage: Stage) -> Outcome:
    room = stage.room("sizes")
    crane_source = module_source(stage.cache, CRANE)
    programs = (
        hello(),
        Program("server", BENCH / "programs" / "server", ".", "main.go", "hello"),
        Program("crane", crane_source, CRANE.package, "cmd/crane/main.go", "crane"),
    )
    sizes: dict[tuple[str, str], Size] = {}
    absent: dict[str, str] = {}
    for program in programs:
        tree = program.copy(room / program.name)
        for compression in COMPRESSIONS:
            try:
                sizes[program.name, compression] = _size_by_whit(tree, room, compression)
            except Failed as failure:
                absent[f"whit, {program.name}, {compression}"] = str(failure)
    by_ko, tools = [], {"whit": whit_version(), "go": go_version()}
    try:
        by_ko = _sizes_by_ko(stage, room, (programs[0], programs[2]))
        tools["ko"] = by_ko[0].tool.removeprefix("ko ")
    except (Absent, Failed) as reason:
        absent["ko"] = str(reason)
    claims = _claims(sizes)
    return Outcome("sizes", (), claims, (*sizes.values(), *by_ko), tools, absent)


def _claims(sizes: dict[tuple[str, str], Size]) -> tuple[Claim, ...]:
    claims = []
    if found := sizes.get(("hello", "gzip")):
        claims.append(Claim("hello: on disk", found.disk_bytes, HELLO_DISK_BYTES, "bytes"))
        claims.append(Claim("hello: number of files", found.file_count or 0, 1, "files"))
    for compression, limit in (("gzip", SERVER_GZIP_BYTES), ("zstd", SERVER_ZSTD_BYTES)):
        if found := sizes.get(("server", compression)):
            claims.append(
                Claim(f"server: all in, {compression}", found.image_bytes, limit, "bytes")
            )
    if found := sizes.get(("crane", "gzip")):
        claims.append(Claim("crane: layers, gzip", found.layer_bytes, CRANE_LAYER_BYTES, "bytes"))
    return tuple(claims)


def _size_by_whit(tree: Program, room: Path, compression: str) -> Size:
    environment = whit_environment(room)
    told = output_of(
        [
            PROGRAM, "--quiet", "build", tree.package, "-t", f"bench/{tree.name}",
            "--compression", compression, "--effort", "best", "--json",
        ],
        tree.directory,
        **environment,
    )  # fmt: skip
    document: dict[str, Any] = json.loads(told)
    layers_bytes, image_bytes = _weigh(room / "store", document["digest"])
    reported = sum(layer["size"] for layer in document["layers"])
    if reported != layers_bytes:
        raise Failed(f"{tree.name}: reported {reported} bytes of layers, wrote {layers_bytes}")
    sizes = document["sizes"]
    return Size(
        tree.name, f"whit {compression}", sizes["disk"], layers_bytes, image_bytes, sizes["files"]
    )


def _weigh(layout: Path, digest: str) -> tuple[int, int]:
    """Bytes of the layers, and of all of the image, each blob read and its digest checked."""
    manifest: dict[str, Any] = json.loads(_blob(layout, digest))
    layers_bytes = sum(len(_blob(layout, layer["digest"])) for layer in manifest["layers"])
    config_bytes = len(_blob(layout, manifest["config"]["digest"]))
    return layers_bytes, layers_bytes + config_bytes + len(_blob(layout, digest))


def _blob(layout: Path, digest: str) -> bytes:
    content = (layout / "blobs" / "sha256" / digest.removeprefix("sha256:")).read_bytes()
    if "sha256:" + hashlib.sha256(content).hexdigest() != digest:
        raise Failed(f"blob {digest} does not hold what its name says")
    return content


def _sizes_by_ko(stage: Stage, room: Path, programs: tuple[Program, ...]) -> list[Size]:
    """ko as it comes, which strips nothing; the layer of its base is not counted."""
    sizes = []
    with ko(stage.cache, room / "ko") as peer:
        for program in programs:
            tree = program.copy(room / f"{program.name}-ko")
            contender = peer.contender(tree, is_stripped=False, edits=False)
            contender.prepare(0)
            run_once(contender, room / "talk")
            layout = peer.layout_of(tree)
            index: dict[str, Any] = json.loads((layout / "index.json").read_text())
            digest = index["manifests"][0]["digest"]
            manifest: dict[str, Any] = json.loads(_blob(layout, digest))
            base_bytes = manifest["layers"][0]["size"]
            layers_bytes, image_bytes = _weigh(layout, digest)
            sizes.append(
                Size(
                    program.name, f"ko {peer.version}", 0,
                    layers_bytes - base_bytes, image_bytes - base_bytes,
                )
            )  # fmt: skip
    return sizes
