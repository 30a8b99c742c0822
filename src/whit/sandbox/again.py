"""A step that failed in, a shell where it began out: what `whit debug` finds and starts (a door).

<cache>/run/<name>/again.json   the command, and the bundle of its container
<cache>/run/<name>/kept         says how long: an hour from then
"""

import os
from pathlib import Path
from typing import NoReturn

import msgspec

from whit.errors.dockerfile import NoFailedStep

_GREATEST_BYTES = 1 << 20
_PREFIX = "whit-"


class Again(msgspec.Struct, frozen=True):
    """`words` end in the runtime, running the container of `bundle`."""

    title: str
    words: tuple[str, ...]
    bundle: str


class FailedStep(msgspec.Struct, frozen=True):
    """`id` is what a user types; `age_seconds` since it failed."""

    id: str
    title: str
    age_seconds: float
    again: Again


def again_command(name: str) -> str:
    """What to type for the workspace `name`."""
    return f"whit debug {name.removeprefix(_PREFIX)}"


def write_again(workspace: Path, again: Again) -> None:
    (workspace / "again.json").write_bytes(msgspec.json.encode(again))


def failed_steps(cache: Path, now: float) -> tuple[FailedStep, ...]:
    """Those that are still there, the last one first."""
    found = []
    for path in (cache / "run").glob(f"{_PREFIX}*/again.json"):
        try:
            with path.open("rb") as file:
                again = msgspec.json.decode(file.read(_GREATEST_BYTES), type=Again)
            age = now - path.stat().st_mtime
        except (OSError, msgspec.DecodeError):
            continue
        found.append(FailedStep(path.parent.name.removeprefix(_PREFIX), again.title, age, again))
    return tuple(sorted(found, key=lambda step: step.age_seconds))


def chosen_step(steps: tuple[FailedStep, ...], wanted: str) -> FailedStep:
    """The one whose id begins so, "" for the last. Errors: NoFailedStep."""
    found = [step for step in steps if step.id.startswith(wanted.removeprefix(_PREFIX))]
    if not found or (wanted and len(found) > 1):
        known = ", ".join(step.id for step in steps[:4])
        raise NoFailedStep(
            f"{len(found)} failed steps are called {wanted}"
            if wanted
            else "no failed step is here",
            hint=f"there are: {known}" if known else "a step is kept for an hour after it failed",
        )
    return found[0]


def enter_step(step: FailedStep, command: str = "") -> NoReturn:
    """Become its shell; with `command` run that by its shell, without a terminal."""
    words = step.again.words
    if command or not os.isatty(0):
        words = _without_terminal(step.again, command)
    os.execvp(words[0], words)  # noqa: S606


def _without_terminal(again: Again, command: str) -> tuple[str, ...]:
    """The same with another document next to the first."""
    bundle = Path(again.bundle)
    document = msgspec.json.decode((bundle / "config.json").read_bytes())
    process = document["process"]
    process["args"] = ["/bin/sh", *(["-c", command] if command else [])]
    process.pop("terminal", None)
    other = bundle.with_name("bundle-plain")
    other.mkdir(exist_ok=True)
    (other / "config.json").write_bytes(msgspec.json.encode(document))
    return tuple(str(other) if word == again.bundle else word for word in again.words)
