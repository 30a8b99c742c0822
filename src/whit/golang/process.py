"""A command line in, its exit status and words out: other programs, run and never left behind.

Each runs in a process group of its own, so that ending it ends the compilers and linkers under it
too.
"""

import os
import select
from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Self

import msgspec

from whit.errors.golang import GoStopped
from whit.golang.spawn import Spawned, end_group, spawn

MAX_OUTPUT_BYTES = 8 << 20
_CHUNK_BYTES = 1 << 16


class Outcome(msgspec.Struct, frozen=True):
    """How a program ended. `status` is negative when a signal ended it; text is bounded."""

    status: int
    output: str
    errors: str

    @property
    def is_good(self) -> bool:
        return self.status == 0


class Running:
    """A started program whose words are collected by `wait`."""

    __slots__ = ("_collected", "_group", "_names", "command")

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        directory: str = "",
        held: int = -1,
        started: Spawned | None = None,
    ) -> None:
        """Start `command[0]`, an absolute path, in `directory`.

        `held` is a descriptor that the program inherits, and with it the lock on what it writes:
        should we be killed, the lock lasts as long as the orphan. `started` is this very call,
        under way.
        """
        self.command = tuple(command)
        try:
            spawned = started or spawn(command, environment, directory, held)
        except (OSError, ValueError) as error:
            raise GoStopped(
                f"{self.command[0]} could not be started: {error}",
                hint="check that the file exists, is executable and made for this machine",
            ) from error
        self._group = spawned.group
        self._names = {spawned.output: 0, spawned.errors: 1}
        self._collected = (bytearray(), bytearray())

    def wait(self, limit_seconds: float = 0) -> Outcome:
        """Collect both streams until they close; ends the group when we are interrupted.

        Past `limit_seconds` (0: no limit) the program is ended and its status is -SIGKILL.
        """
        try:
            self._collect(limit_seconds)
            status = os.waitstatus_to_exitcode(os.waitpid(self._group, 0)[1])
        except BaseException:
            self.end()
            raise
        self._group = 0
        output, errors = (part.decode("utf-8", "replace") for part in self._collected)
        return Outcome(status, output, errors)

    def end(self) -> None:
        """Kill the program and everything it started; nothing happens when it has ended."""
        for descriptor in self._names:
            os.close(descriptor)
        self._names = {}
        if not self._group:
            return
        end_group(self._group)
        os.waitpid(self._group, 0)
        self._group = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def _collect(self, limit_seconds: float) -> None:
        deadline = monotonic() + limit_seconds if limit_seconds else 0.0
        poll = select.poll()
        for descriptor in self._names:
            poll.register(descriptor, select.POLLIN)
        while self._names:
            left_milliseconds = max(0.0, deadline - monotonic()) * 1000 if deadline else None
            ready = poll.poll(left_milliseconds)
            if not ready:
                end_group(self._group)
                deadline = 0.0
            for descriptor, _ in ready:
                chunk = os.read(descriptor, _CHUNK_BYTES)
                part = self._collected[self._names[descriptor]]
                part += chunk[: MAX_OUTPUT_BYTES - len(part)]
                if not chunk:
                    poll.unregister(descriptor)
                    del self._names[descriptor]
                    os.close(descriptor)


def run(
    command: Sequence[str],
    environment: Mapping[str, str],
    directory: str = "",
    limit_seconds: float = 0,
) -> Outcome:
    """Start a program and wait for it."""
    return Running(command, environment, directory).wait(limit_seconds)


def find_program(name: str, search: str) -> str:
    """The first executable file of that name on `search` (a PATH), "" when there is none."""
    for directory in search.split(":"):
        path = os.path.join(directory or ".", name)
        if os.access(path, os.X_OK) and os.path.isfile(path):
            return os.path.abspath(path)
    return ""
