"""hello by whit, against engines that build its two-stage Dockerfile (golang, then scratch).

Each engine has a stand-in for the golang image (golang_image.py) and gives what it gives by
itself: BuildKit an OCI layout, buildah and docker an image of their stores. whit builds the source
without the file ("whit") and by the file ("whit -f"). A first build has no step of an earlier one
and no cache. No change means that every step comes from the engine's cache; after one line it
compiles the standard library again, unless the file mounts a build cache, which BuildKit and
buildah can do.
"""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from golang_image import REFERENCE, GolangImage, golang_image
from measure import Absent, Contender, Failed, alternate
from outcome import Case, Claim, Outcome
from peers.engines import Engine, buildah, buildkit, docker
from peers.whit import PROGRAM, build_contender, whit_environment, whit_version
from scenarios.stage import Stage
from sources import Program, go_version, hello

PLAIN, CACHED = "Dockerfile", "Dockerfile.cached"
TEXT = """\
FROM {reference} AS build
WORKDIR /src
COPY . .
RUN {mount}CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /out/hello .

FROM scratch
COPY --from=build /out/hello /hello
ENTRYPOINT ["/hello"]
"""
MOUNT = "--mount=type=cache,target=/root/.cache/go-build "
OPENERS = {"BuildKit": buildkit, "buildah": buildah, "docker": docker}
MOUNTING = ("BuildKit", "buildah")
OURS = ("whit", "whit -f")


def measure_dockerfile(stage: Stage) -> Outcome:
    room = stage.room("dockerfile")
    with ExitStack() as stack:
        base = golang_image(stage.cache)
        engines, absent = _open(stage, room, base, stack)
        mounting = [engine for engine in engines if engine.name in MOUNTING]
        cases = (
            *_cases(stage, room, base, engines, PLAIN),
            *_cases(stage, room, base, mounting, CACHED),
        )
    claims = []
    for case in cases:
        for whit in filter(None, map(case.of, OURS)):
            claims += [
                Claim(
                    f"{case.name}: {whit.name} / {series.name}",
                    whit.ratio_to(series),
                    0.1 if (case.name, series.name) == ("one line", "BuildKit") else 1.0,
                    "x",
                )
                for series in case.series
                if series.name not in OURS
            ]
    tools = {"whit": whit_version(), "go": go_version()}
    tools |= {engine.name: engine.version for engine in engines}
    return Outcome("dockerfile", cases, tuple(claims), tools=tools, absent=absent)


def _open(
    stage: Stage, room: Path, base: GolangImage, stack: ExitStack
) -> tuple[list[Engine], dict[str, str]]:
    """The engines that can be had, open until the stack is closed, and why others cannot."""
    absent: dict[str, str] = {}
    engines: list[Engine] = []
    for name, opener in OPENERS.items():
        try:
            engines.append(stack.enter_context(opener(stage.cache, room / name, base)))
        except (Absent, Failed) as reason:
            absent[name] = str(reason)
    return engines, absent


def _cases(
    stage: Stage,
    room: Path,
    base: GolangImage,
    engines: Sequence[Engine],
    dockerfile: str,
) -> Iterator[Case]:
    suffix = ", cache mounts" if dockerfile == CACHED else ""
    names = (*OURS, *(engine.name for engine in engines))
    trees = {name: _tree(room, name, dockerfile) for name in names}
    slow = dockerfile == PLAIN
    if slow:
        contenders = [
            _by_file(trees["whit -f"], room, base, dockerfile, is_first=True),
            *(_contender(e, trees[e.name], dockerfile, is_first=True) for e in engines),
        ]
        series = alternate(contenders, stage.rounds(2, 1), room / "talk")
        yield Case("first build", "whit -f", tuple(series))
    for name, rounds, edits in (
        ("no change", stage.rounds(9, 3), False),
        ("one line", stage.rounds(3 if slow else 7, 1 if slow else 3), True),
    ):
        contenders = [
            build_contender(trees["whit"], room, edits=edits),
            _by_file(trees["whit -f"], room, base, dockerfile, edits=edits),
            *(_contender(e, trees[e.name], dockerfile, edits=edits) for e in engines),
        ]
        series = alternate(contenders, rounds, room / "talk")
        yield Case(name + suffix, "whit", tuple(series))


def _tree(room: Path, name: str, dockerfile: str) -> Program:
    tree = hello().copy(room / f"{name}-{dockerfile}")
    mount = MOUNT if dockerfile == CACHED else ""
    (tree.directory / dockerfile).write_text(TEXT.format(reference=REFERENCE, mount=mount))
    return tree


def _by_file(
    tree: Program,
    room: Path,
    base: GolangImage,
    dockerfile: str,
    *,
    edits: bool = False,
    is_first: bool = False,
) -> Contender:
    """`whit build -f`, with a store and a cache that no other contender uses."""
    own = room / f"by-file-{dockerfile}"

    def prepare(_: int) -> None:
        if is_first:
            shutil.rmtree(own, ignore_errors=True)
        if edits:
            tree.edit()

    place = f"{REFERENCE}=oci-layout://{base.layout}"
    words = (PROGRAM, "build", "-f", dockerfile, ".", "-t", "bench/by-file")
    return Contender(
        "whit -f",
        (*words, "--build-context", place),
        tree.directory,
        whit_environment(own),
        prepare,
    )


def _contender(
    engine: Engine, tree: Program, dockerfile: str, *, edits: bool = False, is_first: bool = False
) -> Contender:
    def prepare(_: int) -> None:
        engine.before()
        if is_first:
            engine.forget()
        if edits:
            tree.edit()

    return Contender(
        engine.name,
        engine.command(tree.directory, dockerfile),
        tree.directory,
        engine.environment,
        prepare,
    )
