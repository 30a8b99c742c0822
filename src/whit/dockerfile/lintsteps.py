"""The stages of a Dockerfile in, findings on what their steps do out. Pure."""

import posixpath
import re
from collections.abc import Mapping

import msgspec

from whit.dockerfile import instructions as i
from whit.dockerfile import rules
from whit.dockerfile.config import NOT_IN_ENVIRONMENT, apply_step
from whit.dockerfile.findings import Book, Edits
from whit.dockerfile.graph import (
    BuildGraph,
    FromBuildContext,
    FromImage,
    FromScratch,
    FromStage,
    Stage,
    Step,
)
from whit.dockerfile.patterns import Patterns
from whit.dockerfile.ports import read_port
from whit.dockerfile.state import State, open_child, open_image
from whit.dockerfile.steps import expanded
from whit.errors import WhitError
from whit.oci.documents import Config

# Words in a name that mean a secret, and words that say it is none.
_SECRET = re.compile(
    r"(?:_|^)(?:apikey|auth|credentials?|key|password|pword|passwd|secret|token)(?:_|$)",
    re.IGNORECASE,
)
_NO_SECRET = re.compile(r"(?:_|^)(?:public|file|version)(?:_|$)", re.IGNORECASE)


class Surroundings(msgspec.Struct, frozen=True):
    """What is known besides the file: .dockerignore, and configs of bases by stage index."""

    ignored: Patterns | None = None
    bases: Mapping[int, Config] = {}


def check_steps(book: Book, graph: BuildGraph, around: Surroundings) -> None:
    """Says what it finds into the book. Errors: those of a file that cannot be built."""
    steps = _Steps(book, around)
    for stage in graph.stages:
        steps.stage(stage)


class _Steps:
    def __init__(self, book: Book, around: Surroundings) -> None:
        self._book, self._around = book, around
        self._states: dict[int, State] = {}
        self._known: set[int] = set()  # stages whose whole environment is known
        self._with_workdir: set[int] = set()

    def stage(self, stage: Stage) -> None:
        base = self._around.bases.get(stage.index)
        if isinstance(stage.base, FromStage):
            state = open_child(self._states[stage.base.index])
            is_known = stage.base.index in self._known
            if stage.base.index in self._with_workdir:
                self._with_workdir.add(stage.index)
        else:
            state = open_image(base, stage.platform)
            is_known = base is not None or isinstance(stage.base, FromScratch)
            self._platform(stage, base)
        if is_known:
            self._known.add(stage.index)
        used: dict[type[i.Instruction], i.Instruction] = {}
        for step in stage.steps:
            one = step.instruction
            try:
                now, missing = expanded(step, state.environment)
                after = apply_step(state, now)
            except WhitError as error:
                error.place = error.place or self._book.file.place(one.span)
                raise
            self._undefined(one, missing, state, is_known=is_known)
            self._once(one, used)
            self._words(step, now, state)
            if isinstance(now.instruction, i.Workdir):
                self._workdir(stage, now.instruction)
            state = after
        self._states[stage.index] = state

    def _platform(self, stage: Stage, base: Config | None) -> None:
        expected = stage.platform
        if base is None or not isinstance(stage.base, FromImage):
            return
        if (base.os, base.architecture) != (expected.os, expected.architecture):
            start = i.From(span=stage.span, word="FROM", text="", comments=stage.comments, image="")
            self._book.say(
                start,
                rules.INVALID_BASE_IMAGE_PLATFORM,
                f"{stage.base.written} is for {base.os}/{base.architecture}, not for {expected}",
                "take an image that exists for the platform",
            )

    def _workdir(self, stage: Stage, one: i.Workdir) -> None:
        is_absolute = one.path.startswith("/") or re.match(r"[A-Za-z]:", one.path)
        if stage.index not in self._with_workdir and not is_absolute:
            self._book.say(
                one,
                rules.WORKDIR_RELATIVE_PATH,
                f"WORKDIR {one.path} depends on where the base image begins",
                f"write WORKDIR /{one.path}",
            )
        self._with_workdir.add(stage.index)

    def _undefined(
        self, one: i.Instruction, missing: frozenset[str], state: State, *, is_known: bool
    ) -> None:
        """Where the base is not known, only what looks like a misspelling is told."""
        declared = {name for name, _ in state.arguments}
        # PATH is what every image gets; an unknown base may well set GOPATH.
        near = [name for name in state.environment if is_known or name != "PATH"]
        for name in sorted(missing - declared - set(NOT_IN_ENVIRONMENT)):
            close = rules.closest(name, near)
            if is_known or close:
                self._book.say(
                    one,
                    rules.UNDEFINED_VAR,
                    f"nothing gives ${name} a value",
                    f"did you mean ${close}?" if close else f"declare it with ARG {name}",
                )

    def _once(self, one: i.Instruction, used: dict[type[i.Instruction], i.Instruction]) -> None:
        if not isinstance(one, i.Cmd | i.Entrypoint | i.Healthcheck):
            return
        before = used.get(type(one))
        if before is not None:
            word = before.word.upper()
            self._book.say(
                before,
                rules.MULTIPLE_INSTRUCTIONS_DISALLOWED,
                f"this {word} has no effect: another one follows in the stage",
                "remove it",
            )
        used[type(one)] = one

    def _words(self, step: Step, now: Step, state: State) -> None:
        written, one = step.instruction, now.instruction
        match one:
            case i.Env() | i.Label():
                self._pairs(written, one)
            case i.Arg():
                for argument in one.arguments:
                    self._secret(one, argument.name)
            case i.Cmd() | i.Entrypoint() if one.command.is_shell and not state.config.shell:
                self._book.say(
                    one,
                    rules.JSON_ARGS_RECOMMENDED,
                    f"{one.word.upper()} runs through a shell, which passes no signals on",
                    f'write {one.word.upper()} ["program", "argument"]',
                )
            case i.Maintainer():
                self._book.say(
                    one,
                    rules.MAINTAINER_DEPRECATED,
                    "MAINTAINER is deprecated",
                    f'write LABEL org.opencontainers.image.authors="{one.author}"',
                )
            case i.Expose():
                self._ports(one)
            case i.Transfer():
                self._ignored(now, one)
            case _:
                return

    def _pairs(self, written: i.Instruction, one: i.Env | i.Label) -> None:
        word = one.word.upper()
        for pair in one.pairs:
            if pair.is_legacy:
                self._book.say(
                    one,
                    rules.LEGACY_KEY_VALUE_FORMAT,
                    f"{word} {pair.key} has its value after a space, which is deprecated",
                    f"write {word} {pair.key}=…",
                    self._modern(written),
                )
            if isinstance(one, i.Env):
                self._secret(one, pair.key)

    def _modern(self, one: i.Instruction) -> Edits:
        """Only where the value needs no care: one line, no quotes, no escapes."""
        if not isinstance(one, i.Env | i.Label) or one.span.line != one.span.end_line:
            return ()
        key, value = one.pairs[0].key, one.pairs[0].value
        if set(value) & set("\"'\\`") or set(key) & set("\"'\\`$"):
            return ()
        line = self._book.file.lines[one.span.line - 1].rstrip()
        quoted = f'"{value}"' if re.search(r"\s", value) else value
        old = re.search(rf"{re.escape(key)}[\t\v\f\r ]+{re.escape(value)}\Z", line)
        return self._book.edit(one, old[0], f"{key}={quoted}") if old else ()

    def _secret(self, one: i.Instruction, name: str) -> None:
        if _SECRET.search(name) and not _NO_SECRET.search(name):
            self._book.say(
                one,
                rules.SECRETS_USED_IN_ARG_OR_ENV,
                f"{one.word.upper()} {name} would be readable in the image's history or config",
                "use RUN --mount=type=secret for what must stay secret",
            )

    def _ports(self, one: i.Expose) -> None:
        for word in one.ports:
            port = read_port(word)
            if port.is_upper:
                number, _, protocol = word.rpartition("/")
                right = f"{number}/{protocol.lower()}"
                self._book.say(
                    one, rules.EXPOSE_PROTO_CASING, f"the protocol of {word} is not in lower case",
                    f"write {right}", self._book.edit(one, word, right),
                )  # fmt: skip
            if port.has_host:
                right = word.rpartition(":")[2]
                self._book.say(
                    one, rules.EXPOSE_INVALID_FORMAT,
                    f"{word} names an address or port of the host, which an image cannot",
                    f"write {right}", self._book.edit(one, word, right),
                )  # fmt: skip

    def _ignored(self, step: Step, one: i.Transfer) -> None:
        """Where .dockerignore takes something back, nothing can be said without the files."""
        patterns = self._around.ignored
        if patterns is None or patterns.has_exceptions:
            return
        if step.origins != (FromBuildContext(),):
            return
        for source in one.sources:
            if re.match(r"https?://|git@|ssh://|git://", source):
                continue
            path = posixpath.normpath(source)
            if path in (".", "/") and not any(
                pattern.text in ("*", "**", "**/*") for pattern in patterns.patterns
            ):
                continue
            by = patterns.deciding(path)
            if by is not None:
                self._book.say(
                    one,
                    rules.COPY_IGNORED_FILE,
                    f".dockerignore leaves {source} out, by its line {by.text}",
                    "take the line away, or do not copy it",
                )
