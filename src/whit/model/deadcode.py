"""What keeps dead code alive: Blocker, Measured, DeadCode.

The linker drops the methods that nobody calls, unless some function looks methods up by names that
only the running program knows: then every exported method of every type in an interface stays.
"""

import msgspec


class Blocker(msgspec.Struct, frozen=True):
    """A function that looks methods up; `way` is how it is reached, from main.main where it is."""

    function: str
    package: str
    module: str
    way: tuple[str, ...] = ()


class Measured(msgspec.Struct, frozen=True):
    """The program as it is, and linked as if the blockers did not look anything up."""

    before: int
    after: int

    @property
    def saved(self) -> int:
        return self.before - self.after


class DeadCode(msgspec.Struct, frozen=True):
    """`is_dropped` says whether methods that nobody calls are; None where that is not known.
    `source` is where the blockers were found: the linker's "objects" or the "program" itself.
    """

    is_dropped: bool | None
    blockers: tuple[Blocker, ...] = ()
    source: str = "program"
    measured: Measured | None = None
