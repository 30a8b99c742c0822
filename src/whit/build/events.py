"""Progress as data: what the corridor is doing, for whoever wants to show it."""

from collections.abc import Callable

import msgspec


class Started(msgspec.Struct, frozen=True, tag=True):
    """A step that may take a while has begun."""

    step: str
    detail: str


class Finished(msgspec.Struct, frozen=True, tag=True):
    """A step is done; `detail` says what came of it and why, in one line."""

    step: str
    detail: str
    seconds: float
    was_cached: bool = False


class Warned(msgspec.Struct, frozen=True, tag=True):
    """Something the user should know although the build goes on."""

    message: str
    hint: str = ""


class Said(msgspec.Struct, frozen=True, tag=True):
    """A line that a program of the step printed."""

    step: str
    line: str


class Branch(msgspec.Struct, frozen=True):
    """A stage that will be built: its name, how many steps it has, and the names it waits for."""

    name: str
    steps: int
    needs: tuple[str, ...] = ()


class Planned(msgspec.Struct, frozen=True, tag=True):
    """Stages that are built side by side. Their steps are named `NAME 3/4`, their base `NAME`."""

    branches: tuple[Branch, ...]


class BranchEnded(msgspec.Struct, frozen=True, tag=True):
    """A stage of the plan is done with all its steps, also those that nobody hears of."""

    branch: str


class Failed(msgspec.Struct, frozen=True, tag=True):
    """A step came to nothing; the error says why."""

    step: str


Event = Started | Finished | Warned | Said | Planned | BranchEnded | Failed
Listener = Callable[[Event], None]


def unheard(_event: Event) -> None:
    """The listener that does not listen."""
