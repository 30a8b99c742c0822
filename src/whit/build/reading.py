"""Many programs in, what they need remembered: read on all processors, one process for each.

Reading machine code is Python's work, which threads do not share. A reader is this module, run as
a program: it is told a request and some binaries, and puts what it finds into the store's memory,
where the build then finds it. A reader that fails has only forgotten: the build reads by itself.
"""

import os
import subprocess
import sys
from collections.abc import Sequence

import msgspec

from whit.binary.facts import read_facts
from whit.build.loading import Roots
from whit.build.planning import known_of
from whit.build.programs import Opened, map_file, sysroot_of
from whit.build.request import Request
from whit.errors import WhitError
from whit.model.program import Binary
from whit.store.blobs import Store

# A reader takes a tenth of a second to start, and reading a program often as long.
PROGRAMS_PER_READER = 4
SECONDS = 600


class Task(msgspec.Struct, frozen=True):
    """What a reader is told, as JSON on its stdin."""

    store: str
    request: Request
    binaries: tuple[Binary, ...]


class Readers:
    """Readers under way. `is_ours` says which programs are left to this process."""

    def __init__(self, opened: Sequence[Opened], request: Request, store: Store) -> None:
        count = min(len(os.sched_getaffinity(0)), len(opened) // PROGRAMS_PER_READER + 1)
        self._processes: list[subprocess.Popen[bytes]] = []
        self._ours = {id(one) for number, one in enumerate(opened) if number % count == 0}
        for reader in range(1, count):
            binaries = tuple(one.binary for n, one in enumerate(opened) if n % count == reader)
            self._start(Task(store.directory, request, binaries))

    def is_ours(self, opened: Opened) -> bool:
        return id(opened) in self._ours

    def wait(self) -> None:
        for process in self._processes:
            try:
                process.wait(SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
        self._processes.clear()

    def cancel(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()

    def _start(self, task: Task) -> None:
        process = subprocess.Popen(
            [sys.executable, "-m", "whit.build.reading"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._processes.append(process)
        if process.stdin is not None:
            try:
                process.stdin.write(msgspec.json.encode(task))
                process.stdin.close()
            except BrokenPipeError:
                return


def read_all(task: Task) -> None:
    """Put what the task's programs need into the store's memory."""
    store = Store.open(task.store)
    for binary in task.binaries:
        opened = Opened(binary, map_file(binary.path))
        try:
            facts = read_facts(opened.data)
            known_of(opened, facts, task.request, Roots(sysroot_of(task.request)), store)
        except WhitError:
            continue  # the build comes to the same error, and tells it
    store.close()


if __name__ == "__main__":
    read_all(msgspec.json.decode(sys.stdin.buffer.read(), type=Task))
