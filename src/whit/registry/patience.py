"""Work that may fail for a while in, its result out: tries, waits, and a word on why. A door: time.

The registry's own Retry-After is followed, else waits grow, with jitter; all of a conversation has
one budget. Each reason for another try is told once, however many threads meet it.
"""

import os
import threading
import time
from collections.abc import Callable
from typing import Any

from whit.errors import WhitError
from whit.model.registries import Patience
from whit.registry.failures import Temporary


def untold(_reason: str) -> None:
    """Nobody is told."""


class Retrying:
    """The patience that one registry is met with. Threads may share it."""

    def __init__(self, patience: Patience, tell: Callable[[str], None]) -> None:
        self._patience, self._tell = patience, tell
        self._lock = threading.Lock()
        self._waited = 0.0
        self._told: set[str] = set()

    def __call__(self, work: Callable[[], Any]) -> Any:
        """Call `work` until it succeeds, fails for good, or patience ends."""
        patience = self._patience
        for attempt in range(1, patience.tries + 1):
            try:
                return work()
            except Temporary as failure:
                tries = min(failure.tries or patience.tries, patience.tries)
                wait = min(patience.first_wait_seconds * 2 ** (attempt - 1), 10.0)
                wait *= (1 + os.urandom(1)[0] / 255) / 2
                asked = failure.wait_seconds or 0.0
                wait = max(wait, asked)
                with self._lock:
                    is_spent = self._waited + wait > patience.budget_seconds
                    if not is_spent:
                        self._waited += wait
                if attempt >= tries or is_spent:
                    too_long = asked if asked > patience.budget_seconds else 0.0
                    raise _gave_up(failure.error, attempt, too_long) from None
                self._say(failure.error.message, tries)
                time.sleep(wait)
        raise AssertionError("the last try raises")

    def _say(self, reason: str, tries: int) -> None:
        with self._lock:
            is_new = reason not in self._told
            self._told.add(reason)
        if is_new:
            self._tell(f"{reason}: trying again, {tries} times at most")


def _gave_up(error: WhitError, attempts: int, too_long: float) -> WhitError:
    message = error.message
    if too_long:
        message += f", and wants to be left alone for {too_long:.0f} seconds"
    if attempts > 1:
        message += f" ({attempts} tries)"
    return type(error)(message, hint=error.hint, output=error.output)
