"""Twenty programs of one module: whit build ./cmd/... against twenty single builds and BuildKit.

Every program imports net/http and a package that all share. BuildKit compiles them in one stage
with Go's cache mounted, and gives an image for each by its target: twenty calls, as it has no word
for several images. Nothing is pushed.
"""

import shlex
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from golang_image import REFERENCE, golang_image
from measure import Absent, Contender, Failed, alternate
from outcome import Case, Claim, Outcome
from peers.engines import Engine, buildkit
from peers.whit import PROGRAM, whit_environment, whit_version
from scenarios.stage import Stage
from sources import EDITS, go_version

COUNT = 20
NAMES = tuple(f"program{number:02}" for number in range(COUNT))
MAIN = """package main

import (
	"fmt"
	"net/http"

	"example.com/many/shared"
)

const mark = "{mark}"

func main() {{
	http.HandleFunc("/", func(out http.ResponseWriter, _ *http.Request) {{
		fmt.Fprintln(out, shared.Greeting, mark)
	}})
	fmt.Println(http.ListenAndServe(":80", nil))
}}
"""
SHARED = 'package shared\n\nconst Greeting = "{mark}"\n'
MOUNT = "--mount=type=cache,target=/root/.cache/go-build"
COMPILE = 'go build -trimpath -ldflags="-s -w" -o /out/ ./cmd/...'


def measure_programs(stage: Stage) -> Outcome:
    room = stage.room("programs")
    tools = {"whit": whit_version(), "go": go_version()}
    absent: dict[str, str] = {}
    cases, claims = [], []
    with ExitStack() as stack:
        engine = None
        try:
            base = golang_image(stage.cache)
            engine = stack.enter_context(buildkit(stage.cache, room / "buildkit", base))
            tools["BuildKit"] = engine.version
        except (Absent, Failed) as reason:
            absent["BuildKit"] = str(reason)
        for name, edited, rounds in (
            ("no change", "", stage.rounds(7, 2)),
            ("one program", f"cmd/{NAMES[3]}/main.go", stage.rounds(5, 2)),
            ("the shared package", "shared/shared.go", stage.rounds(3, 1)),
        ):
            contenders = list(_contenders(room / name.replace(" ", "-"), room, edited, engine))
            case = Case(name, "whit", tuple(alternate(contenders, rounds, room / "talk")))
            cases.append(case)
            whit = case.of("whit")
            claims += [
                Claim(f"{name}: whit / {one.name}", whit.ratio_to(one), 1.0, "x")
                for one in case.series
                if whit is not None and one is not whit
            ]
    return Outcome("programs", tuple(cases), tuple(claims), tools=tools, absent=absent)


def _contenders(place: Path, room: Path, edited: str, engine: Engine | None) -> Iterator[Contender]:
    """Each with a copy of the module that only it edits; whit's share a store, as one user's do."""
    single = " && ".join(
        f"{shlex.quote(PROGRAM)} -q build ./cmd/{name} -t bench/{name}" for name in NAMES
    )
    commands = {
        "whit": (PROGRAM, "-q", "build", "./cmd/..."),
        "whit, 20 single builds": ("sh", "-c", single),
    }
    for name, command in commands.items():
        tree = _module(place / str(len(name)))
        environment = whit_environment(room)
        yield Contender(name, command, tree, environment, _edit(tree, edited))
    if engine is not None:
        tree = _module(place / engine.name)
        words = shlex.join(engine.command(tree, "Dockerfile"))
        calls = " && ".join(f"{words} --opt target={name}" for name in NAMES)
        yield Contender(
            engine.name, ("sh", "-c", calls), tree, engine.environment, _edit(tree, edited)
        )


def _module(place: Path) -> Path:
    (place / "shared").mkdir(parents=True)
    (place / "go.mod").write_text("module example.com/many\n\ngo 1.21\n")
    (place / "shared" / "shared.go").write_text(SHARED.format(mark="hello"))
    for name in NAMES:
        (place / "cmd" / name).mkdir(parents=True)
        (place / "cmd" / name / "main.go").write_text(MAIN.format(mark=name))
    stages = [f"FROM scratch AS {n}\nCOPY --from=build /out/{n} /{n}\n" for n in NAMES]
    (place / "Dockerfile").write_text(
        f"FROM {REFERENCE} AS build\nWORKDIR /src\nCOPY . .\n"
        f"RUN {MOUNT} CGO_ENABLED=0 {COMPILE}\n" + "".join(stages)
    )
    return place


def _edit(tree: Path, edited: str) -> Callable[[int], None]:
    """Give one file a text that was never compiled before; "" edits nothing."""

    def prepare(_: int) -> None:
        if edited:
            text = MAIN if edited.startswith("cmd/") else SHARED
            (tree / edited).write_text(text.format(mark=f"edit {next(EDITS):04} of {tree}"))

    return prepare
