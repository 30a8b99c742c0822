"""The one exception tree: what happened, what to do, where, and how the process should end.

The classes stand in a module for each room that raises them. Every one has a code of its own and a
page `src/whit/pages/<code>.md` that `whit explain <code>` prints.

    WhitError
    ├── RequestError   exit 1   the request cannot be met as it stands
    ├── UsageError     exit 2   the words on the command line are off
    ├── WorldError     exit 3   something outside failed; `temporary` says whether a retry may help
    └── HostError      exit 4   this host cannot do it; `whit doctor` says why

Message says what, hint says what to do, the exception's cause says why.
"""

from enum import IntEnum
from typing import ClassVar


class Exit(IntEnum):
    OK = 0
    REQUEST = 1
    USAGE = 2
    WORLD = 3
    HOST = 4
    BUG = 70
    INTERRUPTED = 130


class Place:
    """Where in one of the user's own files the trouble is; line and column count from 1."""

    __slots__ = ("column", "file", "length", "line", "text")

    def __init__(
        self, file: str, line: int, column: int = 1, length: int = 1, text: str = ""
    ) -> None:
        self.file, self.line, self.column, self.length, self.text = file, line, column, length, text


class WhitError(Exception):
    """Base of all errors a user can meet. Only subclasses are raised."""

    code: ClassVar[str] = "W000"
    exit: ClassVar[Exit] = Exit.REQUEST
    temporary: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        place: Place | None = None,
        output: str | None = None,
    ) -> None:
        """`output` is another program's own words, shown unchanged."""
        super().__init__(message)
        self.message, self.hint, self.place, self.output = message, hint, place, output


class RequestError(WhitError):
    exit = Exit.REQUEST


class UsageError(WhitError):
    code = "W002"
    exit = Exit.USAGE


class WorldError(WhitError):
    exit = Exit.WORLD


class HostError(WhitError):
    exit = Exit.HOST
