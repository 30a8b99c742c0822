"""Check, Verdict: whether the image runs, and how that is known."""

from enum import StrEnum

import msgspec


class Status(StrEnum):
    """proven: it ran; unproven: checked without running; broken: it cannot run."""

    PROVEN = "proven"
    UNPROVEN = "unproven"
    BROKEN = "broken"


class Check(msgspec.Struct, frozen=True):
    """One thing that was looked at. `hint` says what to do when it failed."""

    name: str
    passed: bool
    detail: str
    hint: str = ""


class Observation(msgspec.Struct, frozen=True):
    """What a run in the sandbox showed. `status` is the exit status; output is bounded."""

    command: tuple[str, ...]
    status: int
    output: str
    seconds: float
    runtime: str


class Verdict(msgspec.Struct, frozen=True):
    status: Status
    checks: tuple[Check, ...]
    observed: tuple[Observation, ...] = ()
    missing: tuple[str, ...] = ()
    unexplained: tuple[str, ...] = ()
