"""Jobs in, their results in the same order out, worked off by as many threads as the host has.

A door, since it asks the host for its processors. Their number decides the time only: which bytes
make a job, and what comes of it, must not depend on it.
"""

import os
import threading
from _queue import SimpleQueue
from collections.abc import Callable
from typing import Generic, TypeVar

Given = TypeVar("Given")
Made = TypeVar("Made")

# Beyond eight threads one reader and hasher is the bottleneck (sha256 1.8 GB/s, libdeflate-1
# 0.13 GB/s a thread), and each thread holds a block.
MAX_WORKERS = 8


def workers() -> int:
    return max(1, min(MAX_WORKERS, len(os.sched_getaffinity(0))))


class _Job(Generic[Given, Made]):
    __slots__ = ("_done", "given")

    def __init__(self, given: Given) -> None:
        self.given = given
        self._done: SimpleQueue[Made | BaseException] = SimpleQueue()

    def finish(self, outcome: Made | BaseException) -> None:
        self._done.put(outcome)

    def wait(self) -> Made:
        outcome = self._done.get()
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome


class Ordered(Generic[Given, Made]):
    """`give` jobs; `take` results in the order given. Bounded: `is_full` says when to take.

    Threads start with the first jobs and end with `close`. (concurrent.futures would do, and
    costs 17 ms to import: a fifth of the whole budget for a small build.)
    """

    def __init__(self, work: Callable[[Given], Made], count: int) -> None:
        self._work, self._count = work, count
        self._queue: SimpleQueue[_Job[Given, Made] | None] = SimpleQueue()
        self._pending: list[_Job[Given, Made]] = []
        self._threads: list[threading.Thread] = []

    @property
    def is_full(self) -> bool:
        return len(self._pending) > self._count

    @property
    def is_empty(self) -> bool:
        return not self._pending

    def give(self, given: Given) -> None:
        if len(self._threads) < self._count:
            # daemon: an interrupted build must not wait for blocks that nobody wants any more
            thread = threading.Thread(target=self._serve, daemon=True, name="whit-layer")
            self._threads.append(thread)
            thread.start()
        job: _Job[Given, Made] = _Job(given)
        self._pending.append(job)
        self._queue.put(job)

    def take(self) -> Made:
        return self._pending.pop(0).wait()

    def close(self) -> None:
        """Drop what is pending and let the threads end."""
        self._pending.clear()
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    def _serve(self) -> None:
        while (job := self._queue.get()) is not None:
            try:
                job.finish(self._work(job.given))
            except BaseException as error:  # noqa: BLE001 - handed to whoever waits
                job.finish(error)
