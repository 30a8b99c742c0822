"""How long whit takes to say something, against a Python that does nothing."""

import sys
from pathlib import Path

from measure import Contender, alternate
from outcome import Case, Claim, Outcome
from peers.whit import PROGRAM, whit_environment, whit_version
from scenarios.stage import Stage

HELP_MS = 80
NOTHING_MS = 120
COMMANDS = {
    "whit --help": ("--help",),
    "whit images": ("images",),
    "whit explain N010": ("explain", "N010"),
}


def measure_start_up(stage: Stage) -> Outcome:
    work = stage.room("start-up")
    environment = whit_environment(work)
    bare = Contender("python -c pass", (sys.executable, "-c", "pass"), work)
    contenders = [
        Contender(name, (PROGRAM, *words), work, environment) for name, words in COMMANDS.items()
    ]
    talk = Path(work / "talk")
    case = Case(
        "start-up", bare.name, tuple(alternate([bare, *contenders], stage.rounds(25, 7), talk, 2))
    )
    claims = tuple(
        Claim(
            f"{series.name}",
            series.median_seconds * 1000,
            HELP_MS if series.name.endswith("--help") else NOTHING_MS,
            "ms",
        )
        for series in case.series
        if series.name in COMMANDS
    )
    tools = {"whit": whit_version(), "python": sys.version.split()[0]}
    return Outcome("start-up", (case,), claims, tools=tools)
