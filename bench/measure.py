"""Commands in, series of whole-process times out; contenders always take turns.

A round runs every contender once, so that a machine that slows down slows all of them, and a
ratio is taken within each round before the median is. Nothing here judges a figure.
"""

import os
import resource
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median


class Absent(Exception):
    """A peer that cannot be had here, and why: said and recorded, never replaced."""


class Failed(Exception):
    """A command of the benchmark ended with an error; its last words are the message."""


def nothing(_: int) -> None:
    """The preparation of a contender that needs none."""


@dataclass(frozen=True)
class Contender:
    """One command that takes part. `prepare` runs before each run and is not timed.

    `most_rounds` lets a slow peer leave early: the others go on without it.
    """

    name: str
    command: tuple[str, ...]
    directory: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    prepare: Callable[[int], None] = nothing
    most_rounds: int = 1000


@dataclass(frozen=True)
class Run:
    """One finished process: elapsed time, processor time and the largest process of its tree.

    `peak_bytes` is 0 when unknown: Linux counts what the child had before it became the command,
    which is the memory of this benchmark, so a smaller peak cannot be seen.
    """

    wall_seconds: float
    processor_seconds: float
    peak_bytes: int


@dataclass(frozen=True)
class Series:
    """All counted runs of one contender, in order."""

    name: str
    runs: tuple[Run, ...]

    @property
    def median_seconds(self) -> float:
        return median(run.wall_seconds for run in self.runs)

    @property
    def peak_bytes(self) -> int:
        """The largest peak, 0 when it is unknown."""
        return max(run.peak_bytes for run in self.runs)

    def ratio_to(self, other: "Series") -> float:
        """The median of this / other, taken pair by pair."""
        return median(
            mine.wall_seconds / theirs.wall_seconds
            for mine, theirs in zip(self.runs, other.runs, strict=False)
        )

    def seconds_above(self, other: "Series") -> float:
        """The median of this - other, taken pair by pair."""
        return median(
            mine.wall_seconds - theirs.wall_seconds
            for mine, theirs in zip(self.runs, other.runs, strict=False)
        )


def run_once(contender: Contender, talk: Path) -> Run:
    """Run to the end; output goes to the file `talk`, whose tail becomes the error's message."""
    with talk.open("wb") as output:
        start = time.perf_counter()
        process = subprocess.Popen(
            contender.command,
            cwd=contender.directory,
            env={**os.environ, **contender.environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:  # interrupted: leave nothing running
            process.kill()
            process.wait()
            raise
        wall_seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        tail = talk.read_text(errors="replace").strip().splitlines()[-8:]
        words = " ".join(contender.command[:3])
        raise Failed(f"{contender.name} ({words} ...): {process.returncode}\n" + "\n".join(tail))
    own_peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak_bytes = usage.ru_maxrss * 1024 if usage.ru_maxrss > own_peak else 0
    return Run(wall_seconds, usage.ru_utime + usage.ru_stime, peak_bytes)


def alternate(
    contenders: Sequence[Contender], rounds: int, talk: Path, warm_ups: int = 1
) -> list[Series]:
    """A B C A B C ...: `rounds` counted runs of each, after `warm_ups` that are not counted."""
    finished: dict[str, list[Run]] = {contender.name: [] for contender in contenders}
    for number in range(-warm_ups, rounds):
        for contender in contenders:
            if number >= contender.most_rounds:
                continue
            contender.prepare(number)
            run = run_once(contender, talk)
            if number >= 0:
                finished[contender.name].append(run)
    return [Series(name, tuple(runs)) for name, runs in finished.items()]


def output_of(command: Sequence[str], directory: Path | None = None, **environment: str) -> str:
    """What a command prints on stdout, stripped. Raises Failed with its last words."""
    try:
        done = subprocess.run(
            list(command),
            cwd=directory,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise Failed(f"{command[0]}: {error.strerror}") from error
    if done.returncode != 0:
        tail = "\n".join(done.stderr.strip().splitlines()[-8:])
        raise Failed(f"{' '.join(command[:3])}: {done.returncode}\n{tail}")
    return done.stdout.strip()
