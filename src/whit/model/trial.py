"""One program built in several ways: Lever, Trial, Trials."""

from enum import StrEnum

import msgspec


class Standing(StrEnum):
    """What a lever may be used for.

    free       nothing is lost when the program runs
    trade      it saves, and gives up what its price says: taken only when it is named
    measured   it shows what something costs, and is never taken
    """

    FREE = "free"
    TRADE = "trade"
    MEASURED = "measured"


class Lever(msgspec.Struct, frozen=True):
    """A change of settings by their dotted keys; a list is what is added to the list that is
    there. Of one `group` only one can be taken, unless the group is "".
    """

    name: str
    changes: tuple[tuple[str, object], ...]
    standing: Standing = Standing.TRADE
    price: str = ""
    group: str = ""


class Check(msgspec.Struct, frozen=True):
    """Whether the program did what the unchanged one does; `said` is that in words. `passed` is
    None where it could not be run.
    """

    passed: bool | None
    said: str


class Trial(msgspec.Struct, frozen=True):
    """A lever with what came of it. Sizes are exact: all files of the image, and what a registry
    holds. `seconds` was measured once, with Go's cache as it was; so were `start_seconds` (the
    least of a few runs) and `peak_bytes`, which are None where nobody asked.
    """

    lever: Lever
    disk: int
    compressed: int
    seconds: float
    check: Check
    start_seconds: float | None = None
    peak_bytes: int | None = None


class Untried(msgspec.Struct, frozen=True):
    """A lever that could not be tried, with the reason."""

    name: str
    reason: str


class Trials(msgspec.Struct, frozen=True):
    """`unchanged` is the program as the settings make it. `best` gives up nothing but what was
    named in so many words, `most` whatever saves; None where nothing saves, or nothing more.
    """

    name: str
    go_version: str
    platform: str
    smoke: tuple[str, ...]
    unchanged: Trial
    trials: tuple[Trial, ...]
    best: Trial | None = None
    most: Trial | None = None
    untried: tuple[Untried, ...] = ()
    unknown_tags: tuple[str, ...] = ()
