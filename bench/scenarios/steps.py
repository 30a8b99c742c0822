"""Steps of Dockerfiles by whit, against engines that build the same files: what a step costs.

20 steps       small RUNs, each done anew
30 stages      side by side, each a COPY and a RUN, gathered by a last one
10,000 files   one COPY of a context of which one file changed, and of which none did; one RUN that
               makes as many, so that what it changed has to be found and packed
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from golang_image import REFERENCE, GolangImage, golang_image
from measure import Absent, Contender, Failed, alternate
from outcome import Case, Claim, Outcome
from peers.engines import Engine, buildah, buildkit
from peers.whit import PROGRAM, whit_environment, whit_version
from scenarios.stage import Stage

FILES, STEPS, STAGES = 10_000, 20, 30
OPENERS = {"BuildKit": buildkit, "buildah": buildah}
_ROUNDS = itertools.count()
Edit = Callable[[Path], None]


def measure_steps(stage: Stage) -> Outcome:
    room = stage.room("steps")
    base = golang_image(stage.cache)
    absent: dict[str, str] = {}
    with ExitStack() as stack:
        engines: list[Engine] = []
        for name, opener in OPENERS.items():
            try:
                engines.append(stack.enter_context(opener(stage.cache, room / name, base)))
            except (Absent, Failed) as reason:
                absent[name] = str(reason)
        cases = tuple(_cases(stage, room, base, engines))
    claims = [
        Claim(f"{case.name}: whit / {series.name}", whit.ratio_to(series), 1.0, "x")
        for case in cases
        for series in case.series
        if (whit := case.of("whit")) is not None and series is not whit
    ]
    tools = {"whit": whit_version()} | {engine.name: engine.version for engine in engines}
    return Outcome("steps", cases, tuple(claims), tools=tools, absent=absent)


def _cases(
    stage: Stage, room: Path, base: GolangImage, engines: Sequence[Engine]
) -> Iterator[Case]:
    for name, make, edit, rounds in (
        (f"{STEPS} steps", _write_steps, _new_marker, stage.rounds(5, 2)),
        (f"{STAGES} stages", _write_stages, _new_marker, stage.rounds(3, 1)),
        (f"COPY {FILES:,} files, one changed", _write_files, _new_file, stage.rounds(3, 1)),
        (f"COPY {FILES:,} files, no change", _write_files, _nothing, stage.rounds(5, 2)),
        (f"RUN that makes {FILES:,} files", _write_copied, _new_marker, stage.rounds(3, 1)),
    ):
        contenders = []
        for engine in ("whit", *(one.name for one in engines)):
            context = room / f"{engine}-{name}".replace(" ", "-").replace(",", "")
            context.mkdir()
            make(context)
            command, environment = _command(engine, context, room, base, engines)
            contenders.append(
                Contender(engine, command, context, environment, _prepare(context, edit))
            )
        yield Case(name, "whit", tuple(alternate(contenders, rounds, room / "talk")))


def _command(
    engine: str, context: Path, room: Path, base: GolangImage, engines: Sequence[Engine]
) -> tuple[tuple[str, ...], dict[str, str]]:
    if engine == "whit":
        place = f"{REFERENCE}=oci-layout://{base.layout}"
        words = (PROGRAM, "build", "-f", "Dockerfile", ".", "-t", f"bench/{context.name.lower()}")
        return (*words, "--build-context", place), whit_environment(room)
    found = next(one for one in engines if one.name == engine)
    return found.command(context, "Dockerfile"), found.environment


def _prepare(context: Path, edit: Edit) -> Callable[[int], None]:
    return lambda _: edit(context)


# ---- what is built --------------------------------------------------------------------------


def _write_steps(context: Path) -> None:
    lines = [f"FROM {REFERENCE}", "COPY marker /marker"]
    lines += [f"RUN mkdir /step-{number}" for number in range(STEPS)]
    (context / "Dockerfile").write_text("\n".join(lines) + "\n")
    _new_marker(context)


def _write_stages(context: Path) -> None:
    lines = []
    for number in range(STAGES - 1):
        lines += [f"FROM {REFERENCE} AS s{number}", "COPY marker /marker"]
        lines += [f"RUN mkdir /made && cat /marker > /made/{number}"]
    lines += ["FROM scratch"]
    lines += [f"COPY --from=s{number} /made /made" for number in range(STAGES - 1)]
    (context / "Dockerfile").write_text("\n".join(lines) + "\n")
    _new_marker(context)


def _write_files(context: Path) -> None:
    for number in range(FILES):
        path = context / "files" / f"{number // 100:03}" / f"{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{number}\n" * 20)
    (context / "Dockerfile").write_text("FROM scratch\nCOPY files /files\n")


def _write_copied(context: Path) -> None:
    """The files come into the stage once; each round copies them again."""
    _write_files(context)
    lines = [f"FROM {REFERENCE}", "COPY files /files", "COPY marker /marker"]
    lines += ["RUN busybox cp -r /files /copied"]
    (context / "Dockerfile").write_text("\n".join(lines) + "\n")
    _new_marker(context)


def _new_marker(context: Path) -> None:
    (context / "marker").write_text(f"round {next(_ROUNDS)} {context.name}\n")


def _new_file(context: Path) -> None:
    (context / "files" / "000" / "1.txt").write_text(f"round {next(_ROUNDS)}\n")


def _nothing(_: Path) -> None:
    pass
