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
    """What a run in the sandbox showed. `status` is the exit status; output is bounded.

    `still_ran` says that the program was stopped by us, `ports` on which it listened then.
    `peak_bytes` is the most memory that was seen, where that was asked.
    """

    command: tuple[str, ...]
    status: int
    output: str
    seconds: float
    runtime: str
    still_ran: bool = False
    ports: tuple[int, ...] = ()
    peak_bytes: int = 0

    @property
    def told(self) -> str:
        """How it went, in words."""
        if not self.still_ran:
            return f"ended with status {self.status}"
        if self.ports:
            return f"was still serving on port {', '.join(map(str, self.ports))}"
        return f"still ran after {self.seconds:.0f} s"


class Verdict(msgspec.Struct, frozen=True):
    status: Status
    checks: tuple[Check, ...]
    observed: tuple[Observation, ...] = ()
    missing: tuple[str, ...] = ()
    unexplained: tuple[str, ...] = ()
