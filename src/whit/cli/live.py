"""Events of a build in, a tree of stages and steps out that is drawn in place; for terminals only.

Imported only where stderr is one. What is drawn is `whit.report.branches`; what belongs to no stage
(warnings, an import of steps) is written above the tree, and the tree stays when it is done.
"""

import os
import sys
import threading
from collections import deque
from time import monotonic
from types import TracebackType
from typing import Self

import msgspec

from whit.build.events import Branch, BranchEnded, Event, Failed, Finished, Planned, Said, Started
from whit.cli.console import BOLD, DIM, RED, Console
from whit.report.branches import Line, Phase, Row, Stem, tree_lines

_FRAME_SECONDS = 0.1
_KEPT_LINES = 6
_PHASE_COLORS = {
    Phase.RUNNING: BOLD, Phase.CACHED: DIM, Phase.FAILED: RED, Phase.STOPPED: DIM,
    Phase.WAITING: DIM,
}  # fmt: skip
# No line wraps while a frame is drawn, so that a frame has as many rows as lines.
_NO_WRAP, _WRAP = "\x1b[?7l", "\x1b[?7h"


class _Step:
    def __init__(self, text: str) -> None:
        self.text, self.phase, self.began = text, Phase.RUNNING, monotonic()
        self.seconds = 0.0
        self.said: deque[str] = deque(maxlen=_KEPT_LINES)

    def row(self, number: str) -> Row:
        seconds = monotonic() - self.began if self.phase is Phase.RUNNING else self.seconds
        return Row(number, self.text, self.phase, seconds, tuple(self.said))


class Live:
    """A listener while it is entered. Stages call it from their threads; one more redraws."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.Lock()
        self._branches: tuple[Branch, ...] = ()
        self._steps: dict[str, dict[str, _Step]] = {}
        self._ends: set[str] = set()
        self._drawn = 0  # lines of the frame that stands on the terminal
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._redraw, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()
        with self._lock:
            self._settle()

    def hear(self, event: Event) -> None:
        with self._lock:
            if isinstance(event, Planned):
                self._settle()
                self._branches = event.branches
                self._steps = {branch.name: {} for branch in event.branches}
                self._ends = set()
            elif isinstance(event, BranchEnded):
                self._ends.add(event.branch)
            elif not self._takes(event):
                self._above(event)
            self._draw()

    def _takes(self, event: Event) -> bool:
        """Whether it is about a stage of the tree."""
        if not isinstance(event, Started | Finished | Said | Failed):
            return False
        name, _, number = event.step.partition(" ")
        if name not in self._steps:
            return False
        steps = self._steps[name]
        number = number.partition("/")[0]
        match event:
            case Started(_, detail):
                steps[number] = _Step(detail)
            case Finished(_, detail, seconds, was_cached):
                step = steps.setdefault(number, _Step(detail))
                step.text, step.seconds = detail, seconds
                step.phase = Phase.CACHED if was_cached else Phase.DONE
            case Said(_, line) if number in steps:
                steps[number].said.append(line.replace("\t", "    "))
            case Failed(_) if number in steps:
                step = steps[number]
                step.phase, step.seconds = Phase.FAILED, monotonic() - step.began
        return True

    def _above(self, event: Event) -> None:
        if len(self._ends) == len(self._steps):
            self._settle()  # what follows comes after the stages
        self._erase()
        self._console.hear(event)

    # ---- drawing ----------------------------------------------------------------------------

    def _redraw(self) -> None:
        while not self._ended.wait(_FRAME_SECONDS):
            with self._lock:
                self._draw()

    def _draw(self) -> None:
        if not self._branches:
            return
        size = os.get_terminal_size(sys.stderr.fileno())
        # The last column and row stay free: a full one would scroll or wrap.
        lines = tree_lines(self._stems(), size.columns - 1, max(size.lines - 1, 1))
        self._console.draw(self._cleared() + self._painted(lines))
        self._drawn = len(lines)

    def _settle(self) -> None:
        """The tree as it ended, whole, for good."""
        if not self._branches:
            return
        for steps in self._steps.values():
            for step in steps.values():
                if step.phase is Phase.RUNNING:
                    step.phase, step.seconds = Phase.STOPPED, monotonic() - step.began
        columns = os.get_terminal_size(sys.stderr.fileno()).columns
        stems = tuple(msgspec.structs.replace(stem, waits_for=()) for stem in self._stems())
        lines = tree_lines(tuple(stem for stem in stems if stem.rows), columns - 1)
        self._console.draw(self._cleared() + self._painted(lines))
        self._branches, self._steps, self._drawn = (), {}, 0

    def _erase(self) -> None:
        self._console.draw(self._cleared())
        self._drawn = 0

    def _cleared(self) -> str:
        return f"\x1b[{self._drawn}A\r\x1b[J" if self._drawn else ""

    def _stems(self) -> tuple[Stem, ...]:
        return tuple(map(self._stem, self._branches))

    def _stem(self, branch: Branch) -> Stem:
        steps = self._steps[branch.name]
        rows = tuple(step.row(self._number(branch, number)) for number, step in steps.items())
        waits = tuple(name for name in branch.needs if name not in self._ends)
        return Stem(branch.name, rows, waits, is_done=branch.name in self._ends)

    def _number(self, branch: Branch, number: str) -> str:
        return f"{number}/{branch.steps}" if number else ""

    def _painted(self, lines: list[Line]) -> str:
        return _NO_WRAP + "".join(f"{self._paint(line)}\n" for line in lines) + _WRAP

    def _paint(self, line: Line) -> str:
        if line.is_talk:
            return self._console.paint(line.text, DIM)
        color = _PHASE_COLORS.get(line.phase) if line.phase else None
        return self._console.paint(line.text, color) if color else line.text
