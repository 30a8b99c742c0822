"""A request in, Trials out: the program built under each lever, weighed and run.

Every number is that of the whole image, so that what moves from the program to a file beside it,
or back, is seen. What is built lies in a scratch directory and never gets a name.
"""

import shlex
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter

import msgspec

from whit.build.changing import changed
from whit.build.events import Finished, Listener, unheard
from whit.build.house import House
from whit.build.levering import known_of
from whit.build.packing import PACKERS, packed
from whit.build.pipeline import image_of
from whit.build.planning import Planned, planned
from whit.build.programs import Opened, start_programs
from whit.build.request import Request
from whit.errors import UsageError, WhitError
from whit.golang.levers import combined, levers_of
from whit.golang.versions import parse_release
from whit.model.image import Image
from whit.model.plan import Plan
from whit.model.tree import File, Stored
from whit.model.trial import Check, Lever, Standing, Trial, Trials, Untried
from whit.model.verdict import Observation
from whit.prove.observe import can_run, observe
from whit.report.words import size_text
from whit.store.blobs import Store

UNCHANGED = Lever("unchanged", (), Standing.FREE)
# What nearly every program answers without doing anything.
_QUESTIONS = ("--version", "--help")
# The least of so many starts is the start: everything else was waiting.
_STARTS = 5


class Asked(msgspec.Struct, frozen=True):
    """`smoke` is what the program is run with, None to find something; `extra` names releases of
    Go and packers to try as well, and levers to take although they give something up; `only` are
    the levers to try, if not all.
    """

    smoke: str | None = None
    extra: tuple[str, ...] = ()
    only: tuple[str, ...] = ()

    @property
    def releases(self) -> tuple[str, ...]:
        plain = (name.removeprefix("go-") for name in self.extra)
        return tuple(name for name in plain if parse_release(name) is not None)

    @property
    def packers(self) -> tuple[str, ...]:
        return tuple(name for name in self.extra if name in PACKERS)


class Built(msgspec.Struct, frozen=True):
    opened: Opened
    plan: Planned
    image: Image
    seconds: float


class Bench:
    """Builds, weighs and runs the program of one request in a scratch directory."""

    def __init__(self, request: Request, house: House, place: str, listen: Listener) -> None:
        self.request, self.house, self.place, self._listen = request, house, place, listen
        self.store = Store.open(f"{place}/store")
        self.unchanged = self.build(request)
        self.smoke: tuple[str, ...] = ()
        self._seen: Observation | None = None
        self._is_steady = True
        self._why_not = ""

    def build(self, request: Request) -> Built:
        """Errors: those of a build; UsageError for what is not one program in Go source."""
        begun = perf_counter()
        programs = start_programs(request, out=self.place)
        try:
            opened = programs.opened(unheard)
        finally:
            programs.cancel()
        seconds = perf_counter() - begun
        if len(opened) > 1 or opened[0].binary.recipe is None:
            raise UsageError(
                "--try builds one program from its source",
                hint="name its package: whit size ./cmd/app --try",
            )
        plan = planned(opened[0], request, self.house, self.store, unheard)
        return self._imaged(opened[0], plan, request, seconds)

    def _imaged(self, opened: Opened, plan: Planned, request: Request, seconds: float) -> Built:
        image = image_of(plan.plan, request, self.house, self.store, unheard)
        return Built(opened, plan, image, seconds)

    # ---- running --------------------------------------------------------------------------------

    def ask(self, smoke: str | None) -> None:
        """Run the unchanged program twice: what differs between two runs says nothing later."""
        if not can_run(self.unchanged.plan.plan.config.platform):
            self._why_not = f"this host runs no {self.request.platform} programs"
            return
        given = (tuple(shlex.split(smoke)),) if smoke is not None else ()
        try:
            for words in given or tuple((question,) for question in _QUESTIONS):
                self.smoke, self._seen = words, self._run(self.unchanged, words)
                if self._seen.status == 0 or self._seen.still_ran:
                    break
            again = self._run(self.unchanged, self.smoke)
        except WhitError as error:
            self._seen, self._why_not = None, error.message
            return
        self._is_steady = bool(self._seen and again.output == self._seen.output)

    def check(self, built: Built) -> Check:
        """Whether it ends as the unchanged program does, with the same words."""
        if self._seen is None:
            return Check(None, self._why_not)
        try:
            found = self._run(built, self.smoke)
        except WhitError as error:
            return Check(False, error.message)
        if (found.status, found.still_ran) != (self._seen.status, self._seen.still_ran):
            return Check(False, f"exit {found.status} instead of {self._seen.status}")
        if not self._is_steady:
            return Check(True, "the same status (its words differ from run to run)")
        if found.output != self._seen.output:
            return Check(False, "other output")
        return Check(True, "the same" if not found.still_ran else "still runs, the same")

    def starts(self, built: Built) -> tuple[float, int]:
        """The least seconds that a run takes, and the most bytes of memory that one held."""
        runs = [self._run(built, self.smoke, samples=True) for _ in range(_STARTS)]
        return min(run.seconds for run in runs), max(run.peak_bytes for run in runs)

    def _run(self, built: Built, words: tuple[str, ...], *, samples: bool = False) -> Observation:
        image = built.image
        layers = [partial(self.store.open_blob, one.digest, one.size) for one in image.layers]
        config, cache = built.plan.plan.config, Path(self.house.cache)
        return observe(layers, config, words, cache, samples=samples)

    # ---- trials ---------------------------------------------------------------------------------

    def trial(self, lever: Lever) -> Trial:
        """Errors: those of a build."""
        begun = perf_counter()
        request = changed(self.request, lever.changes)
        if all(key.startswith("output.") for key, _ in lever.changes):
            one = self.unchanged
            built = self._imaged(one.opened, one.plan, request, perf_counter() - begun)
            seconds, check = perf_counter() - begun, Check(True, "the same files")
        else:
            built = self.build(request)
            seconds, check = built.seconds, self.check(built)
        return self._told(lever, built, seconds, check)

    def packed(self, packer: str) -> Trial:
        """The program through an executable packer, with what that costs each start."""
        one = self.unchanged
        opened, seconds = packed(packer, one.opened, self.place)
        plan = msgspec.structs.replace(one.plan, plan=_with_program(one.plan.plan, opened))
        built = self._imaged(opened, plan, self.request, seconds)
        price = "start-up and memory (measured), shared pages, analysis of what is in it"
        lever = Lever(packer, (), Standing.MEASURED, price)
        check = self.check(built)
        start, peak = self.starts(built) if check.passed else (None, None)
        trial = self._told(lever, built, seconds, check)
        return msgspec.structs.replace(trial, start_seconds=start, peak_bytes=peak)

    def _told(self, lever: Lever, built: Built, seconds: float, check: Check) -> Trial:
        disk, compressed = built.image.file_bytes, built.image.size
        detail = f"{lever.name}: {size_text(disk)} on disk, {size_text(compressed)} compressed"
        self._listen(Finished("try", detail, seconds))
        return Trial(lever, disk, compressed, seconds, check)

    def first(self, *, starts: bool) -> Trial:
        """The unchanged program as a trial."""
        check = Check(None, self._why_not) if self._seen is None else Check(True, _seen(self._seen))
        trial = self._told(UNCHANGED, self.unchanged, self.unchanged.seconds, check)
        if not starts or self._seen is None:
            return trial
        start, peak = self.starts(self.unchanged)
        return msgspec.structs.replace(trial, start_seconds=start, peak_bytes=peak)


def _seen(one: Observation) -> str:
    return "still runs" if one.still_ran else f"exit {one.status}"


def _with_program(plan: Plan, opened: Opened) -> Plan:
    """The plan with another program in the place of its own."""
    binary = opened.binary
    entries = tuple(
        msgspec.structs.replace(
            entry, node=File(Stored(binary.path, binary.size, binary.digest), mode=0o755)
        )
        if entry.is_program
        else entry
        for entry in plan.entries
    )
    return msgspec.structs.replace(plan, entries=entries)


def try_levers(request: Request, house: House, asked: Asked, listen: Listener) -> Trials:
    """Errors: those of a build; UsageError for names that mean nothing here."""
    request = msgspec.structs.replace(request, platforms=request.platforms[:1])
    with tempfile.TemporaryDirectory(prefix="whit-try-") as place:
        bench = Bench(request, house, place, listen)
        try:
            return _tried(bench, asked)
        finally:
            bench.store.close()


def _tried(bench: Bench, asked: Asked) -> Trials:
    known, unknown_tags = known_of(bench.request, bench.unchanged.opened, bench.unchanged.plan,
                                   asked.releases)  # fmt: skip
    levers = levers_of(known)
    taken = _names(asked, levers)
    if asked.only:
        chosen = {*asked.only, *asked.extra, *(f"go-{release}" for release in asked.releases)}
        levers = tuple(lever for lever in levers if lever.name in chosen)
    bench.ask(asked.smoke)
    unchanged = bench.first(starts=bool(asked.packers))
    trials: list[Trial] = []
    untried: list[Untried] = []
    for lever in levers:
        _append(trials, untried, lever.name, partial(bench.trial, lever))
    for packer in asked.packers:
        _append(trials, untried, packer, partial(bench.packed, packer))
    done = tuple(trials)
    best = _combination(bench, combined(unchanged, done, taken, all_trades=False), done)
    most = _combination(bench, combined(unchanged, done, taken, all_trades=True), done)
    is_more = best is None or most is None or most.lever.changes != best.lever.changes
    return Trials(
        name=bench.unchanged.opened.binary.name,
        go_version=bench.unchanged.plan.go_version,
        platform=str(bench.request.platform),
        smoke=bench.smoke,
        unchanged=unchanged,
        trials=done,
        best=best,
        most=most if is_more else None,
        untried=tuple(untried),
        unknown_tags=unknown_tags,
    )


def _append(
    trials: list[Trial], untried: list[Untried], name: str, attempt: Callable[[], Trial]
) -> None:
    """One lever that cannot be had is no reason to have none."""
    try:
        trials.append(attempt())
    except WhitError as error:
        untried.append(Untried(name, error.message))


def _names(asked: Asked, levers: tuple[Lever, ...]) -> frozenset[str]:
    """The levers to take by name. Errors: UsageError."""
    known = {lever.name for lever in levers}
    others = {*asked.packers, *asked.releases}
    for name in (*asked.extra, *asked.only):
        if name.removeprefix("go-") not in others and name not in known:
            raise UsageError(
                f"{name}: there is no such lever for this program",
                hint=f"a release of Go (1.25.5), {' or '.join(PACKERS)}, or one of "
                + ", ".join(lever.name for lever in levers),
            )
    return frozenset(known & set(asked.extra))


def _combination(
    bench: Bench, levers: tuple[Lever, ...], trials: tuple[Trial, ...]
) -> Trial | None:
    """All these levers at once, built and run like each of them; None for none."""
    if not levers:
        return None
    if len(levers) == 1:
        return next(trial for trial in trials if trial.lever == levers[0])
    changes = tuple(change for lever in levers for change in lever.changes)
    price = "; ".join(lever.price for lever in levers if lever.standing is Standing.TRADE)
    return bench.trial(Lever(" + ".join(one.name for one in levers), changes, price=price))
