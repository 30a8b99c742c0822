"""A graph of stages in, the target's end out: stages side by side, each step looked up or done."""

import posixpath
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter

import msgspec

from whit.build.bases import SCRATCH, Base, Bases, suggesting_stages
from whit.build.dockerfile.bench import (
    ContextDigests,
    Files,
    Memory,
    Room,
    explained,
    make_directory,
)
from whit.build.dockerfile.gocache import go_caches, stages_out_of_sight, taken_from
from whit.build.dockerfile.image import Ended
from whit.build.dockerfile.origins import Reading
from whit.build.dockerfile.running import Command, run_command
from whit.build.dockerfile.sources import FileDigests, Filtered, IsHidden, Watched
from whit.build.dockerfile.transfer import Fetched, Move, move_files
from whit.build.events import Branch, BranchEnded, Failed, Finished, Planned, Started
from whit.dockerfile.config import apply_step
from whit.dockerfile.gitrefs import is_remote
from whit.dockerfile.graph import (
    BuildGraph,
    FromBuildContext,
    FromContext,
    FromImage,
    FromScratch,
    FromStage,
    Origin,
    Stage,
    Step,
)
from whit.dockerfile.instructions import CacheMount, Instruction, Owner, Run, Transfer, Workdir
from whit.dockerfile.mounts import placed
from whit.dockerfile.places import Span, word_of
from whit.dockerfile.shell import arguments_of
from whit.dockerfile.state import open_child, open_image
from whit.dockerfile.steps import expand_step
from whit.errors import Place, WhitError
from whit.errors.sandbox import UnknownUser
from whit.layer.stack import Stack
from whit.sandbox.accounts import account_of
from whit.store.unchanged import Watch

# Patterns of .dockerignore's kind -> whether they hide a path, and whether some take back.
Patterns = Callable[[tuple[str, ...]], tuple[IsHidden, bool]]
# URLs of an ADD -> their files.
Fetch = Callable[[Transfer, tuple[str, ...]], tuple[Fetched, ...]]
_SHOWN = 72
_PATIENCE_SECONDS = 15


class Sources(msgspec.Struct, frozen=True):
    """Where files come from: base images, the build context, and directories with names.
    `open_directory` gives the view of a directory with its own .dockerignore.
    """

    bases: Bases
    context: Reading
    digests: ContextDigests
    open_directory: Callable[[str], Stack]
    patterns: Patterns
    fetch: Fetch
    place: Callable[[Span, str], Place | None]


class Options(msgspec.Struct, frozen=True):
    has_go_cache: bool = True


class _StoppedError(Exception):
    """The stage was ended because another failed, or the user did not wait."""


class _End:
    """What a stage came to, for those who wait for it."""

    def __init__(self) -> None:
        self.ready = threading.Event()
        self.value: Ended | None = None

    def result(self) -> Ended:
        self.ready.wait()
        if self.value is None:
            raise _StoppedError
        return self.value


class Stages:
    """One run over a graph."""

    def __init__(
        self, room: Room, graph: BuildGraph, sources: Sources, memory: Memory, options: Options
    ) -> None:
        self._room, self._graph, self._sources = room, graph, sources
        self._memory, self._options = memory, options
        self._unseen = stages_out_of_sight(graph) if options.has_go_cache else frozenset()
        self._ends = {stage.index: _End() for stage in graph.stages}
        self._failure: BaseException | None = None
        self._readings: dict[Origin, Reading] = {}
        self._lock = threading.Lock()

    def target(self) -> Ended:
        """Build it all. The first failure ends the other stages' steps, too."""
        ends = self._ends
        self._room.listen(Planned(tuple(map(self._branch, self._graph.stages))))
        threads = [
            threading.Thread(target=self._run, args=(stage,), daemon=True)
            for stage in self._graph.stages
        ]
        try:
            for thread in threads:
                thread.start()
            for stage in self._graph.stages:
                ends[stage.index].ready.wait()
                self._raise_failure()
            return ends[self._graph.target].result()
        except BaseException:
            self._room.stopper.stop()
            for thread in threads:
                if thread.ident:
                    thread.join(_PATIENCE_SECONDS)
            raise

    def layers(self) -> tuple[str, ...]:
        """Of all stages that ended."""
        ends = [end.value for end in self._ends.values() if end.value is not None]
        return tuple(layer for ended in ends for layer in ended.files.layers)

    def steps(self) -> tuple[Files, ...]:
        """Of all stages that ended, in the order of the file."""
        ends = [end.value for end in self._ends.values() if end.value is not None]
        return tuple(files for ended in ends for files in ended.steps)

    def _branch(self, stage: Stage) -> Branch:
        needs = [self._graph.stage(index).title for index in stage.needs]
        return Branch(stage.title, len(stage.steps), tuple(needs))

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _run(self, stage: Stage) -> None:
        """A stage in its thread: it waits for those it needs."""
        end = self._ends[stage.index]
        try:
            end.value = self._stage(stage)
            self._room.listen(BranchEnded(stage.title))
        except _StoppedError:
            pass  # another stage says why
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits
            with self._lock:
                self._failure = self._failure or error
            self._room.stopper.stop()
        if self._failure is not None:
            for one in self._ends.values():
                one.ready.set()
        end.ready.set()

    # ---- one stage --------------------------------------------------------------------------

    def _stage(self, stage: Stage) -> Ended:
        with self._at(stage.span, stage.title):
            ended = self._begin(stage)
        total = len(stage.steps)
        for step in stage.steps:
            if self._room.stopper.is_stopped:
                raise _StoppedError
            title = f"{stage.title} {step.number}/{total}"
            with self._at(step.instruction.span, title):
                ended = self._step(stage, step, title, ended)
        return ended

    @contextmanager
    def _at(self, span: Span, title: str) -> Iterator[None]:
        """Errors within get a place, and whoever draws hears of them."""
        try:
            try:
                yield
            except OSError as error:
                raise explained(error, self._room) from error
        except WhitError as error:
            error.place = error.place or self._sources.place(span, word_of(error.message))
            if not self._room.stopper.is_stopped:
                self._room.listen(Failed(title))
            raise

    def _begin(self, stage: Stage) -> Ended:
        base = stage.base
        if isinstance(base, FromStage):
            before = self._ends[base.index].result()
            return msgspec.structs.replace(before, state=open_child(before.state))
        if isinstance(base, FromScratch):
            return Ended(open_image(None, stage.platform), Files(SCRATCH.key), (), ())
        begun = perf_counter()
        shown = base.written or base.reference if isinstance(base, FromImage) else ""
        detail = f"FROM {shown or getattr(base, 'name', '')}"
        self._room.listen(Started(stage.title, detail))
        found = self._base(base, stage)
        if isinstance(found, Files):
            # A directory as a base is one layer of its own.
            self._room.listen(Finished(stage.title, detail, perf_counter() - begun))
            state = open_image(None, stage.platform)
            return Ended(state, found, (), (), (found,))
        files = Files(found.key, (found.files,) if found.files else ())
        detail += f" {found.digest[:19]}"
        self._room.listen(Finished(stage.title, detail, perf_counter() - begun))
        state = open_image(found.config, stage.platform)
        return Ended(state, files, found.layers, files.layers)

    def _base(self, origin: Origin, stage: Stage) -> Base | Files:
        bases = self._sources.bases
        if isinstance(origin, FromContext):
            directory = bases.directory_of(origin.name, stage.platform)
            if directory is not None:
                return self._reading(origin, stage).settled(self._room, "/")
            return bases.base(origin.name, stage.platform)
        if isinstance(origin, FromImage):
            with suggesting_stages(self._graph, origin):
                return bases.base(origin.reference, origin.platform)
        raise AssertionError("a stage begins with an image, a stage or a named context")

    def _step(self, stage: Stage, step: Step, title: str, ended: Ended) -> Ended:
        step = expand_step(step, ended.state.environment)
        state = apply_step(ended.state, step)
        instruction = step.instruction
        is_root = isinstance(instruction, Workdir) and state.config.working_dir == "/"
        if is_root or not isinstance(instruction, Run | Transfer | Workdir):
            return msgspec.structs.replace(ended, state=state)
        for origin in step.origins:
            if isinstance(origin, FromStage):
                self._ends[origin.index].result()
        shown = _shown(instruction)
        self._room.listen(Started(title, shown))
        parts = {
            "before": ended.files.key,
            "the instruction": repr(msgspec.structs.replace(instruction, span=None, comments=())),
        }
        reads_context = False
        if isinstance(instruction, Run):
            parts["the environment"] = repr(ended.state.variables)
            command = self._command(stage, step, ended, title, shown)
            done = run_command(self._room, ended.files, command)
            shown += " (with Go's caches)" if command.caches else ""
        elif isinstance(instruction, Transfer):
            move = self._move(stage, step, ended, shown)
            done = move_files(self._room, ended.files, move)
            reads_context = move.reading is self._sources.context
        else:
            config = state.config
            done = make_directory(self._room, ended.files, config.working_dir, config.user)
        if not done.was_cached:
            shown += self._why(title, parts, reads_context=reads_context)
        self._memory.note(title, parts)
        self._room.listen(Finished(title, shown, done.seconds, done.was_cached))
        return msgspec.structs.replace(
            ended, state=state, files=done.files, steps=(*ended.steps, done.files)
        )

    def _why(self, title: str, parts: dict[str, str], *, reads_context: bool) -> str:
        """The reason of a miss, in brackets."""
        if self._room.is_fresh:
            return " (--no-cache)"
        why = self._memory.why(title, parts)
        if not why:
            files = ", ".join(self._changed_files()) if reads_context else ""
            knows_files = reads_context and self._room.imported is None
            why = files or ("" if knows_files else "what it reads")
        return f" ({why})" if why == "new" else f" ({why} changed)" if why else ""

    def _changed_files(self) -> list[str]:
        root = self._sources.context.stack.layers[0]
        changed = [path.removeprefix(f"{root}/") for path in self._sources.digests.changed()]
        return [*changed[:2], *(["and more"] if len(changed) > 2 else [])]

    # ---- what a step needs ------------------------------------------------------------------

    def _command(self, stage: Stage, step: Step, ended: Ended, title: str, shown: str) -> Command:
        run = step.instruction
        if not isinstance(run, Run):
            raise TypeError("only a RUN is run")
        state = ended.state
        here = state.config.working_dir or "/"
        run = msgspec.structs.replace(
            run, resolved=tuple(placed(mount, here) for mount in run.resolved)
        )
        args, scripts = arguments_of(run.command, state.config.shell or ())
        readings = tuple(
            None if isinstance(origin, FromScratch) else self._reading(origin, stage)
            for origin in step.origins
        )
        return Command(
            title=title,
            shown=shown,
            args=args,
            env=state.variables,
            working_dir=here,
            user=state.config.user,
            run=run,
            readings=readings,
            platform=stage.platform,
            scripts=scripts,
            unseen=self._graph.proxies,
            caches=self._caches(stage, ended, run),
        )

    def _caches(self, stage: Stage, ended: Ended, run: Run) -> tuple[CacheMount, ...]:
        if stage.index not in self._unseen:
            return ()
        below = ended.files.stack()
        try:
            account = account_of(
                ended.state.config.user, below.read("/etc/passwd"), below.read("/etc/group")
            )
        except UnknownUser:
            return ()  # the run says so
        env = ended.state.environment
        home = env.get("HOME") or account.home or "/"
        taken = taken_from(self._graph, stage.index)
        owner = Owner(account.uid, account.gid)
        return go_caches(stage, below, env, home, taken, run, owner)

    def _move(self, stage: Stage, step: Step, ended: Ended, shown: str) -> Move:
        instruction = step.instruction
        if not isinstance(instruction, Transfer):
            raise TypeError("only COPY and ADD move files")
        origin = step.origins[0] if step.origins else FromBuildContext()
        hidden, reopens = None, False
        if instruction.excludes:
            hidden, reopens = self._sources.patterns(instruction.excludes)
        urls = tuple(source for source in instruction.sources if is_remote(source))
        return Move(
            instruction=instruction,
            shown=shown,
            destination=destination_of(
                instruction.destination, ended.state.config.working_dir or "/"
            ),
            reading=self._reading(origin, stage),
            sources=tuple(source for source in instruction.sources if source not in urls),
            fetched=self._sources.fetch(instruction, urls) if urls else (),
            is_hidden=hidden,
            reopens=reopens,
            has_files=bool(ended.files.layers),
        )

    def _reading(self, origin: Origin, stage: Stage) -> Reading:
        if isinstance(origin, FromBuildContext):
            return self._sources.context
        if isinstance(origin, FromStage):
            files = self._ends[origin.index].result().files
            name = self._graph.stage(origin.index).title
            return Reading(files.stack(), f"the stage {name}", FileDigests(), files)
        with self._lock:
            known = self._readings.get(origin)
            if known is None:
                known = self._readings[origin] = self._opened(origin, stage)
        return known

    def _opened(self, origin: Origin, stage: Stage) -> Reading:
        if isinstance(origin, FromContext):
            directory = self._sources.bases.directory_of(origin.name, stage.platform)
            if directory is not None:
                stack = self._sources.open_directory(directory)
                return Reading(stack, f"the context {origin.name}", self._sources.digests.digests)
        found = self._base(origin, stage)
        if isinstance(found, Files):
            raise TypeError("directories are read where they are")
        files = Files(found.key, (found.files,) if found.files else ())
        name = origin.reference if isinstance(origin, FromImage) else getattr(origin, "name", "")
        return Reading(files.stack(), f"the image {name}", FileDigests(), files, is_published=True)


def destination_of(text: str, working_dir: str) -> str:
    """Absolute, with the slash at its end where it had one."""
    joined = text if text.startswith("/") else f"{working_dir.rstrip('/')}/{text}"
    path = posixpath.normpath(joined).replace("//", "/")
    is_directory = text.endswith(("/", "/.")) or text in ("", ".")
    return f"{path.rstrip('/')}/" if is_directory else path


def open_context(directory: str, patterns: tuple[str, ...], read: Patterns, watch: Watch) -> Stack:
    """A directory of the user's without what its .dockerignore names."""
    stack = Watched(directory, watch)
    if not patterns:
        return stack
    is_hidden, reopens = read(patterns)
    return Filtered(stack, is_hidden, reopens=reopens)


def _shown(instruction: Instruction) -> str:
    text = " ".join(instruction.text.split())
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
