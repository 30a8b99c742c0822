"""How long it takes to say where bytes go, and how right the answer is.

Programs are buildkitd as it is shipped, and built without optimisation for a larger one; the image
is a docker archive of 200 MB in 30,000 files. Accuracy is that of the stripped program against the
symbols that the linker wrote into its unstripped twin.
"""

import hashlib
import io
import json
import random
import sys
import tarfile
from pathlib import Path

from measure import Absent, Contender, Failed, Series, alternate, output_of
from outcome import Case, Claim, Outcome
from peers.whit import PROGRAM, whit_environment, whit_version
from scenarios.stage import Stage
from sources import (
    BENCH,
    BUILDKITD,
    GO_ENVIRONMENT,
    Module,
    go_program,
    go_version,
    module_program,
    module_source,
)

GSA = Module("github.com/Zxilly/go-size-analyzer", "latest", "./cmd/gsa")
DIVE = Module("github.com/wagoodman/dive", "v0.13.1", ".")
MEDIUM_MS, LARGE_MS = 1000, 3000
TEXT_ERROR, PACKAGE_ERROR = 1.0, 2.0
UNKNOWN_STRIPPED, UNKNOWN_FULL = 7.0, 3.0
FILES, LAYERS, IMAGE_BYTES = 30_000, 4, 200_000_000


def measure_analysis(stage: Stage) -> Outcome:
    room = stage.room("analysis")
    absent: dict[str, str] = {}
    try:
        gsa = module_program(stage.cache, GSA, "gsa")
    except Absent as reason:
        gsa, absent["go-size-analyzer"] = None, str(reason)
    medium = _built(stage, "buildkitd-stripped", "-ldflags=-s -w")
    full = _built(stage, "buildkitd-full")
    large = _built(stage, "buildkitd-large", "-gcflags=all=-N -l", "-ldflags=-compressdwarf=false")
    cases, claims = [], []
    for name, program, limit in (("stripped", medium, MEDIUM_MS), ("large", large, LARGE_MS)):
        case = _programs(stage, room, name, program, gsa)
        cases.append(case)
        claims += _time_claims(case, limit)
    claims += _accuracy(medium, full)
    try:
        dive = module_program(stage.cache, DIVE, "dive")
        cases.append(_image(stage, room, dive))
        claims.append(_ratio(cases[-1], "dive", "the image: time"))
    except Absent as reason:
        absent["dive"] = str(reason)
    tools = {"whit": whit_version(), "go": go_version(), "dive": DIVE.version}
    return Outcome("analysis", tuple(cases), tuple(claims), tools=tools, absent=absent)


def _built(stage: Stage, name: str, *flags: str) -> Path:
    """Buildkitd with these flags, built once and kept."""
    program = stage.cache / "bin" / f"{name}-{BUILDKITD.version}"
    if program.exists():
        return program
    source = module_source(stage.cache, BUILDKITD)
    program.parent.mkdir(parents=True, exist_ok=True)
    partial = program.with_name(program.name + ".partial")
    words = [go_program(), "build", "-trimpath", *flags, "-o", str(partial), BUILDKITD.package]
    output_of(["nice", *words], source, **GO_ENVIRONMENT)
    partial.rename(program)
    return program


def _programs(stage: Stage, room: Path, name: str, program: Path, gsa: Path | None) -> Case:
    contenders = [
        Contender("whit size", (PROGRAM, "size", str(program)), room, whit_environment(room))
    ]
    if gsa is not None:
        words = (str(gsa), "--format", "json", "-o", str(room / "gsa.json"), str(program))
        contenders.append(Contender("go-size-analyzer", words, room))
    series = alternate(contenders, stage.rounds(7, 2), room / "talk")
    megabytes = program.stat().st_size / 1e6
    return Case(f"buildkitd, {name}, {megabytes:.0f} MB", contenders[-1].name, tuple(series))


def _time_claims(case: Case, limit: int) -> list[Claim]:
    whit = _series(case, "whit size")
    claims = [Claim(case.name, whit.median_seconds * 1000, limit, "ms")]
    peer = case.of("go-size-analyzer")
    if peer is not None:
        claims.append(_ratio(case, peer.name, f"{case.name}: time"))
        memory = whit.peak_bytes / max(peer.peak_bytes, 1)
        claims.append(Claim(f"{case.name}: memory / {peer.name}", memory, 1.0, "x"))
    return claims


def _ratio(case: Case, peer: str, text: str) -> Claim:
    ratio = _series(case, "whit size").ratio_to(_series(case, peer))
    return Claim(f"{text} / {peer}", ratio, 1.0, "x")


def _series(case: Case, name: str) -> Series:
    found = case.of(name)
    if found is None:
        raise Failed(f"{case.name} was not measured with {name}")
    return found


def _accuracy(stripped: Path, full: Path) -> list[Claim]:
    command = [sys.executable, str(BENCH / "attribution.py"), str(stripped), str(full)]
    told = json.loads(output_of(command))
    rows = (
        ("functions", told["text_error"], TEXT_ERROR),
        ("packages", told["package_error"], PACKAGE_ERROR),
        ("unattributed, stripped", told["unknown_stripped"], UNKNOWN_STRIPPED),
        ("unattributed, with symbols", told["unknown_full"], UNKNOWN_FULL),
    )
    return [Claim(f"attribution: {name}", value, limit, "%") for name, value, limit in rows]


def _image(stage: Stage, room: Path, dive: Path) -> Case:
    archive = room / "image.tar"
    _write_archive(archive)
    contenders = [
        Contender("whit size", (PROGRAM, "size", str(archive)), room, whit_environment(room)),
        Contender(
            "dive",
            (str(dive), "--ci", f"docker-archive://{archive}"),
            room,
            # dive judges the image in CI; this is no trial of its rules.
            {"CI": "true"},
            most_rounds=stage.rounds(3, 1),
        ),
    ]
    contenders[1:] = [_without_rules(contenders[1], room)]
    series = alternate(contenders, stage.rounds(5, 1), room / "talk", warm_ups=0)
    return Case(f"an image of {IMAGE_BYTES // 10**6} MB, {FILES:,} files", "dive", tuple(series))


def _without_rules(dive: Contender, room: Path) -> Contender:
    rules = room / "dive-ci.yaml"
    rules.write_text(
        "rules:\n  lowestEfficiency: disabled\n  highestWastedBytes: disabled\n"
        "  highestUserWastedPercent: disabled\n"
    )
    command = (*dive.command, "--ci-config", str(rules))
    return Contender(dive.name, command, room, dive.environment, most_rounds=dive.most_rounds)


def _write_archive(path: Path) -> None:
    """What `docker save` writes: layers as plain tars, a configuration and a manifest."""
    chance = random.Random(6)
    sizes = [chance.randrange(200, 2 * IMAGE_BYTES // FILES - 200) for _ in range(FILES)]
    noise = chance.randbytes(1 << 20)
    layers = []
    for number in range(LAYERS):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
            for index in range(number, FILES, LAYERS):
                member = tarfile.TarInfo(f"usr/share/d{index % 300}/e{index % 7}/file{index}.txt")
                member.size = sizes[index]
                at = chance.randrange(len(noise) - member.size)
                tar.addfile(member, io.BytesIO(noise[at : at + member.size]))
        layers.append(out.getvalue())
    digests = [hashlib.sha256(layer).hexdigest() for layer in layers]
    config = json.dumps({
        "architecture": "amd64", "os": "linux", "config": {},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in digests]},
        "history": [{"created_by": f"COPY part{n} /"} for n in range(LAYERS)],
    }).encode()  # fmt: skip
    files = {f"{digest}/layer.tar": data for digest, data in zip(digests, layers, strict=True)}
    name = f"{hashlib.sha256(config).hexdigest()}.json"
    manifest = [{"Config": name, "RepoTags": ["bench/files:1"], "Layers": list(files)}]
    files |= {name: config, "manifest.json": json.dumps(manifest).encode()}
    with tarfile.open(path, "w") as tar:
        for entry, data in files.items():
            member = tarfile.TarInfo(entry)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
