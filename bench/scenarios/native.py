"""C code: what a program with sqlite weighs in each way, and how long a closure takes."""

import json
import shutil
import sys
from pathlib import Path
from statistics import median

from measure import Absent, Contender, Failed, alternate, output_of
from outcome import Case, Claim, Outcome, Size
from peers.whit import PROGRAM, whit_environment, whit_version
from scenarios.stage import Stage
from sources import BENCH, Program, go_version

LIBRARIES = 50
CLOSURE_MS = 200


def measure_native(stage: Stage) -> Outcome:
    room = stage.room("native")
    absent: dict[str, str] = {}
    sizes, claims = [], []
    cases: tuple[Case, ...] = ()
    for way in ("static", "dynamic"):
        try:
            sizes.append(_size(room, way))
        except Failed as failure:
            absent[f"sqlite, cgo {way}"] = str(failure)
    static = next((size for size in sizes if size.tool.endswith("static")), None)
    if static is not None:
        claims.append(Claim("sqlite, static: number of files", static.file_count or 0, 1, "files"))
    try:
        program = _program_with_libraries(room)
        told = json.loads(
            output_of(
                [sys.executable, str(BENCH / "closure.py"), program, str(stage.rounds(15, 5))]
            )
        )
        # The C library is one more.
        if told["libraries"] <= LIBRARIES:
            raise Failed(f"the closure has {told['libraries']} libraries, not all {LIBRARIES}")
        name = f"closure of {LIBRARIES} libraries"
        claims.append(Claim(name, median(told["milliseconds"]), CLOSURE_MS, "ms"))
        cases = (_whole(room, program, stage),)
    except Absent as reason:
        absent["closure"] = str(reason)
    tools = {"whit": whit_version(), "go": go_version()}
    return Outcome("native", cases, tuple(claims), tuple(sizes), tools, absent)


def _whole(room: Path, program: str, stage: Stage) -> Case:
    """Whole commands, as a user waits for them. ldd runs the loader, which reads nothing else."""
    own = whit_environment(room)

    def forget(_: int) -> None:
        shutil.rmtree(room / "store", ignore_errors=True)

    contenders = [
        Contender("ldd", ("ldd", program), room),
        Contender("whit plan", (PROGRAM, "plan", program), room, own, forget),
    ]
    series = alternate(contenders, stage.rounds(11, 3), room / "talk")
    return Case(f"a program with {LIBRARIES} libraries", "ldd", tuple(series))


def _size(room: Path, way: str) -> Size:
    tree = Program("sqlite", BENCH / "programs" / "sqlite", ".", "main.go", "sqlite")
    copy = tree.copy(room / way)
    environment = whit_environment(room)
    # The environment of the other scenarios turns C code off.
    del environment["CGO_ENABLED"]
    words = ("--quiet", "build", copy.package, "-t", f"bench/sqlite-{way}", "--cgo", way, "--json")
    # Its driver loads a zone that a connection string may name; ours names none.
    words += ("--without", "zones")
    document = json.loads(output_of([PROGRAM, *words], copy.directory, **environment))
    sizes = document["sizes"]
    layers = sum(layer["size"] for layer in document["layers"])
    return Size(
        "sqlite", f"whit cgo {way}", sizes["disk"], layers, sizes["compressed"], sizes["files"]
    )


def _program_with_libraries(room: Path) -> str:
    """A program whose libraries need each other, each in a directory that only RUNPATH names."""
    if shutil.which("gcc") is None:
        raise Absent("no gcc")
    place = room / "lib"
    place.mkdir()
    for number in reversed(range(LIBRARIES)):
        needs = [f"-la{other}" for other in (number * 2 + 1, number * 2 + 2) if other < LIBRARIES]
        source = place / f"a{number}.c"
        calls = "".join(f"int f{other[3:]}(void);" for other in needs)
        sums = "".join(f" + f{other[3:]}()" for other in needs)
        source.write_text(f"{calls} int f{number}(void) {{ return {number}{sums}; }}\n")
        _gcc("-shared", "-fPIC", str(source), "-o", f"{place}/liba{number}.so", f"-L{place}",
             f"-Wl,-rpath,{place}", f"-Wl,-soname,liba{number}.so", *needs)  # fmt: skip
    (place / "main.c").write_text("int f0(void); int main(void) { return f0() == 0; }\n")
    program = str(room / "with-libraries")
    _gcc(f"{place}/main.c", "-o", program, f"-L{place}", f"-Wl,-rpath,{place}", "-la0")
    return program


def _gcc(*words: str) -> None:
    output_of(["gcc", "-O1", "-s", *words])
