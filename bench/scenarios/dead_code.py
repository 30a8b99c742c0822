"""How long whit takes to say what keeps dead methods, and what brings a package in, of buildctl.

Against linking it once more with -dumpdep, which is what the tools that read the linker's words
begin with: they tell the first cause, and nothing of bytes.
"""

import json

from measure import Contender, alternate, output_of
from outcome import Case, Claim, Outcome
from peers.whit import PROGRAM, whit_environment, whit_version
from scenarios.stage import Stage
from sources import BUILDCTL, GO_FLAGS, go_program, go_version, large

WHY_RATIO = 2.0
LEAST_SHARE = 0.15


def measure_dead_code(stage: Stage) -> Outcome:
    work = stage.room("dead-code")
    tree = large(stage.cache)
    environment = whit_environment(work)
    link = [*GO_FLAGS[:-1], "-ldflags=-s -w -dumpdep", "-o", str(work / "dumped"), tree.package]

    def unlink(_: int) -> None:
        (work / "dumped").unlink(missing_ok=True)

    contenders = [
        Contender(
            "go build -dumpdep", (go_program(), "build", *link), tree.directory, environment, unlink
        ),
        *(
            Contender(f"whit size {words[0]}", (PROGRAM, "size", tree.package, *words),
                      tree.directory, environment)
            for words in (("--why", "text/template"), ("--dead-code",))
        ),
    ]  # fmt: skip
    series = tuple(alternate(contenders, stage.rounds(7, 3), work / "talk", 1))
    case = Case(BUILDCTL.name, contenders[0].name, series)
    told = output_of(
        [PROGRAM, "size", tree.package, "--dead-code", "--json"], tree.directory, **environment
    )
    found = json.loads(told)["dead_code"]
    measured = found["measured"]
    kept = measured["after"] / measured["before"]
    claims = (
        Claim("whit size --why to a link", series[1].ratio_to(series[0]), WHY_RATIO, "x"),
        Claim("buildctl without what keeps dead methods", kept, 1 - LEAST_SHARE, "x"),
    )
    tools = {"whit": whit_version(), "go": go_version()}
    return Outcome("dead-code", (case,), claims, tools=tools)
