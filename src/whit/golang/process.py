"""A command line in, its exit status and words out: other programs, run and never left behind.

Each runs in a process group of its own, so that ending it ends the compilers and linkers under it
too. `posix_spawn` instead of `subprocess`: importing the latter costs 8 ms, a tenth of what Go
needs to find out that nothing changed.
"""

import os
import select
import signal
from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Self

import msgspec

from whit.errors import GoStopped

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
    ) -> None:
        """Start `command[0]`, an absolute path, in `directory`.

        `held` is a descriptor that the program inherits, and with it the lock on what it writes:
        should we be killed, the lock lasts as long as the orphan.
        """
        self.command = tuple(command)
        if directory and directory != os.getcwd():
            # posix_spawn cannot change directory; the shell takes 1 ms. Go believes $PWD.
            command = ("/bin/sh", "-c", 'cd -- "$0" && exec "$@"', directory, *command)
            environment = {**environment, "PWD": directory}
        out_read, out_write = os.pipe2(os.O_CLOEXEC)
        error_read, error_write = os.pipe2(os.O_CLOEXEC)
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, out_write, 1),
            (os.POSIX_SPAWN_DUP2, error_write, 2),
        ]
        if held >= 0:
            actions.append((os.POSIX_SPAWN_DUP2, held, 3))
        try:
            self._group = os.posix_spawn(
                command[0],
                tuple(command),
                environment,
                file_actions=actions,
                setpgroup=0,
                setsigmask=(),
                setsigdef=(signal.SIGINT, signal.SIGPIPE, signal.SIGTERM),
            )
        except (OSError, ValueError) as error:
            os.close(out_read)
            os.close(error_read)
            raise GoStopped(
                f"{self.command[0]} could not be started: {error}",
                hint="check that the file exists, is executable and made for this machine",
            ) from error
        finally:
            os.close(out_write)
            os.close(error_write)
        self._names = {out_read: 0, error_read: 1}
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
        self._kill()
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
                self._kill()
                deadline = 0.0
            for descriptor, _ in ready:
                chunk = os.read(descriptor, _CHUNK_BYTES)
                part = self._collected[self._names[descriptor]]
                part += chunk[: MAX_OUTPUT_BYTES - len(part)]
                if not chunk:
                    poll.unregister(descriptor)
                    del self._names[descriptor]
                    os.close(descriptor)

    def _kill(self) -> None:
        try:
            os.killpg(self._group, signal.SIGKILL)
        except ProcessLookupError:
            return


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
