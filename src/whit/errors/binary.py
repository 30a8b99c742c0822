"""Programs that cannot be read."""

from whit.errors import RequestError


class NotAProgram(RequestError):
    """Not ELF, or an ELF file that is no program."""

    code = "B001"


class BrokenProgram(RequestError):
    """An ELF file that contradicts itself: truncated, overlapping or hostile."""

    code = "B002"


class WrongPlatform(RequestError):
    """A finished program for another platform than the one that was asked for."""

    code = "B003"
