"""hello by whit, against engines that build its two-stage Dockerfile (golang, then scratch).

Each engine has a stand-in for the golang image (golang_image.py) and gives what it gives by
itself: BuildKit an OCI layout, buildah and docker an image of their stores. No change means that
every step comes from the engine's cache; after one line it compiles the standard library again,
unless the file mounts a build cache, which BuildKit and buildah can do.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from golang_image import REFERENCE, golang_image
from measure import Absent, Contender, Failed, alternate
from outcome import Case, Claim, Outcome
from peers.engines import Engine, buildah, buildkit, docker
from peers.whit import build_contender, whit_version
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


def measure_dockerfile(stage: Stage) -> Outcome:
    room = stage.room("dockerfile")
    with ExitStack() as stack:
        engines, absent = _open(stage, room, stack)
        mounting = [engine for engine in engines if engine.name in MOUNTING]
        cases = (
            *_cases(stage, room, engines, PLAIN),
            *(_cases(stage, room, mounting, CACHED) if mounting else ()),
        )
    claims = []
    for case in cases:
        whit = case.of("whit")
        claims += [
            Claim(f"{case.name}: whit / {series.name}", whit.ratio_to(series), 1.0, "x")
            for series in case.series
            if whit is not None and series is not whit
        ]
    tools = {"whit": whit_version(), "go": go_version()}
    tools |= {engine.name: engine.version for engine in engines}
    return Outcome("dockerfile", cases, tuple(claims), tools=tools, absent=absent)


def _open(stage: Stage, room: Path, stack: ExitStack) -> tuple[list[Engine], dict[str, str]]:
    """The engines that can be had, open until the stack is closed, and why others cannot."""
    absent: dict[str, str] = {}
    engines: list[Engine] = []
    try:
        base = golang_image(stage.cache)
    except (Absent, Failed) as reason:
        return [], dict.fromkeys(OPENERS, str(reason))
    for name, opener in OPENERS.items():
        try:
            engines.append(stack.enter_context(opener(stage.cache, room / name, base)))
        except (Absent, Failed) as reason:
            absent[name] = str(reason)
    return engines, absent


def _cases(stage: Stage, room: Path, engines: Sequence[Engine], dockerfile: str) -> Iterator[Case]:
    suffix = ", cache mounts" if dockerfile == CACHED else ""
    trees = {name: _tree(room, name, dockerfile) for name in ("whit", *(e.name for e in engines))}
    slow = dockerfile == PLAIN
    for name, rounds, edits in (
        ("no change", stage.rounds(9, 3), False),
        ("one line", stage.rounds(3 if slow else 7, 1 if slow else 3), True),
    ):
        contenders = [
            build_contender(trees["whit"], room, edits=edits),
            *(_contender(engine, trees[engine.name], dockerfile, edits) for engine in engines),
        ]
        series = alternate(contenders, rounds, room / "talk")
        yield Case(name + suffix, "whit", tuple(series))


def _tree(room: Path, name: str, dockerfile: str) -> Program:
    tree = hello().copy(room / f"{name}-{dockerfile}")
    mount = MOUNT if dockerfile == CACHED else ""
    (tree.directory / dockerfile).write_text(TEXT.format(reference=REFERENCE, mount=mount))
    return tree


def _contender(engine: Engine, tree: Program, dockerfile: str, edits: bool) -> Contender:
    def prepare(_: int) -> None:
        engine.before()
        if edits:
            tree.edit()

    return Contender(
        engine.name,
        engine.command(tree.directory, dockerfile),
        tree.directory,
        engine.environment,
        prepare,
    )
