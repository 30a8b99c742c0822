"""Stages and what is known of their steps in, a tree of lines out: the progress of a build.

    builder
    ├─ FROM golang:1.21-alpine sha256:80f965d6f1e8                        2 ms
    ├─ 1/3 WORKDIR /app                                                 cached
    └─ 3/3 RUN go build -o app .                                       12.3 s
         what the step printed last
    stage-1  waits for builder

What does not fit the height is folded: stages that are done, then steps that are done, then what
steps printed.
"""

from collections.abc import Callable, Iterator
from enum import Enum

import msgspec

from whit.report.words import count_text, seconds_text

_LAST_LINES = 6
_FEW_LINES = 2
_TIME_WIDTH = 9


class Phase(Enum):
    RUNNING = "running"
    CACHED = "cached"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"
    WAITING = "waiting"


class Row(msgspec.Struct, frozen=True):
    """One step: `seconds` are what it took, or takes so far; `said` its last lines."""

    number: str
    text: str
    phase: Phase
    seconds: float = 0.0
    said: tuple[str, ...] = ()


class Stem(msgspec.Struct, frozen=True):
    """A stage: its rows so far, and whose ends it waits for."""

    name: str
    rows: tuple[Row, ...] = ()
    waits_for: tuple[str, ...] = ()
    is_done: bool = False


class Line(msgspec.Struct, frozen=True):
    """`phase` is a step's, WAITING for a stage that waits, None for any other stage."""

    text: str
    phase: Phase | None = None
    is_talk: bool = False


def tree_lines(stems: tuple[Stem, ...], width: int, height: int = 0) -> list[Line]:
    """At most `height` lines, each at most `width` wide; all of it when `height` is 0."""
    lines: list[Line] = []
    for fold in _FOLDS:
        lines = [line for stem in stems for line in fold(stem, width)]
        if not height or len(lines) <= height:
            return lines
    return lines[-height:]


def _whole(stem: Stem, width: int, most_said: int = _LAST_LINES) -> Iterator[Line]:
    yield _head(stem, width)
    for place, row in enumerate(stem.rows):
        yield _row(row, width, is_last=place == len(stem.rows) - 1)
        if row.phase is Phase.RUNNING and most_said:
            for line in row.said[-most_said:]:
                yield Line(f"       {line}"[:width], is_talk=True)


def _folded(stem: Stem, width: int, most_said: int = _LAST_LINES) -> Iterator[Line]:
    """A stage that is done is one line."""
    if stem.is_done:
        yield _head(stem, width)
    else:
        yield from _whole(stem, width, most_said)


def _short(stem: Stem, width: int, most_said: int) -> Iterator[Line]:
    """Of a stage that is not done only what runs."""
    if not stem.is_done:
        running = tuple(row for row in stem.rows if row.phase is Phase.RUNNING)
        stem = msgspec.structs.replace(stem, rows=running)
    yield from _folded(stem, width, most_said)


def _least(stem: Stem, width: int) -> Iterator[Line]:
    """Nothing but what runs."""
    if not stem.is_done and not stem.waits_for:
        yield from _short(stem, width, 0)


_FOLDS: tuple[Callable[[Stem, int], Iterator[Line]], ...] = (
    _whole,
    _folded,
    lambda stem, width: _folded(stem, width, _FEW_LINES),
    lambda stem, width: _short(stem, width, _FEW_LINES),
    lambda stem, width: _short(stem, width, 0),
    _least,
)


def _head(stem: Stem, width: int) -> Line:
    if stem.waits_for and not any(row.phase is Phase.RUNNING for row in stem.rows):
        return Line(f"  {stem.name}  waits for {', '.join(stem.waits_for)}"[:width], Phase.WAITING)
    done = sum(row.phase in (Phase.DONE, Phase.CACHED) for row in stem.rows)
    if not stem.is_done:
        return Line(f"  {stem.name}"[:width])
    if all(row.phase is Phase.CACHED for row in stem.rows if row.number):
        return _timed(f"  {stem.name}  {count_text(done, 'step')}", "cached", width, None)
    seconds = sum(row.seconds for row in stem.rows)
    return _timed(f"  {stem.name}  {count_text(done, 'step')}", seconds_text(seconds), width, None)


def _row(row: Row, width: int, *, is_last: bool) -> Line:
    took = seconds_text(row.seconds)
    if row.phase is Phase.RUNNING:
        took = f"{row.seconds:.1f} s"
    elif row.phase is not Phase.DONE:
        took = row.phase.value
    number = f"{row.number} " if row.number else ""
    bough = "└─" if is_last else "├─"
    return _timed(f"  {bough} {number}{row.text}", took, width, row.phase)


def _timed(text: str, took: str, width: int, phase: Phase | None) -> Line:
    """The time stands at the right edge of a usual terminal."""
    room = max(min(width, 88) - _TIME_WIDTH, 12)
    text = text if len(text) <= room else f"{text[: room - 1]}…"
    return Line(f"{text:<{room}}{took:>{_TIME_WIDTH}}"[:width], phase)
