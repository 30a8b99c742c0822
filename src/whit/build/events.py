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


Event = Started | Finished | Warned | Said
Listener = Callable[[Event], None]


def unheard(_event: Event) -> None:
    """The listener that does not listen."""
