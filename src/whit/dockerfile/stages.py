"""A parsed Dockerfile and what was asked of it in, the frozen graph of stages out. Pure.

Names are looked up as docker does it: FROM finds earlier stages by their exact lower-case name;
COPY --from and mounts find any stage whatever the case, the last of that name, and COPY also
finds numbers. What names no stage is a named context, or an image.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import msgspec

from whit.dockerfile import instructions as i
from whit.dockerfile.arguments import (
    global_arguments,
    normal,
    platform_arguments,
    proxies_of,
    settled,
    unknown_arguments,
)
from whit.dockerfile.expand import Mode, expand
from whit.dockerfile.flags import did_you_mean
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
from whit.dockerfile.interpret import instruction_of, interpret
from whit.dockerfile.parser import Dockerfile, parse
from whit.dockerfile.places import word_of
from whit.dockerfile.references import familiar, full_reference
from whit.errors import WhitError
from whit.errors.dockerfile import BadDockerfile, BadExpansion, BadStage
from whit.errors.names import BadName
from whit.model.names import Platform

SCRATCH = "scratch"
# Mounts that take nothing from anywhere unless they say `from`.
_OWN_CONTENT = re.compile(r"type=(cache|tmpfs|secret|ssh)", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?[0-9]{1,18}")


class PlanOptions(msgspec.Struct, frozen=True):
    """`arguments` are --build-arg; `contexts` the names of named contexts (`name` or
    `name::platform`). `target` "" is the last stage. `is_whole` keeps what no one needs, for lint.
    """

    platform: Platform
    build_platform: Platform
    target: str = ""
    arguments: tuple[tuple[str, str], ...] = ()
    contexts: tuple[str, ...] = ()
    is_whole: bool = False


def plan_stages(
    dockerfile: Dockerfile,
    options: PlanOptions,
    triggers: Mapping[int, tuple[str, ...]] | None = None,
) -> BuildGraph:
    """`triggers` are the ONBUILDs of base images, by the index of the stage that takes them.

    Errors: BadDockerfile, BadInstruction, BadExpansion, BadStage, BadName, with their place.
    """
    return _Planner(dockerfile, options, triggers or {}).graph()


class Draft(msgspec.Struct):
    """A stage while its base and steps are found out."""

    index: int
    start: i.From
    instructions: list[i.Instruction]
    image: str = ""
    base: Origin = FromScratch()
    platform: Platform | None = None
    is_replaced: bool = False  # a named context of its name stands for it


class _Planner:
    def __init__(
        self, dockerfile: Dockerfile, options: PlanOptions, triggers: Mapping[int, tuple[str, ...]]
    ) -> None:
        self._file, self._options, self._triggers = dockerfile, options, triggers
        self._given = dict(options.arguments)
        self._target_platform = normal(options.platform)
        self._contexts = {familiar(name): name for name in options.contexts}
        self._before: list[i.Arg] = []
        self._drafts: list[Draft] = []
        self._names: dict[str, int] = {}
        self._steps: dict[int, tuple[Step, ...]] = {}
        self._globals: dict[str, str] = {}
        self._predefined: dict[str, str] = {}

    def graph(self) -> BuildGraph:
        self._split()
        last = self._drafts[-1]
        options = self._options
        self._predefined = platform_arguments(
            self._target_platform, options.build_platform, options.target or last.start.name
        )
        with self._at(self._before[-1] if self._before else last.start):
            self._globals = global_arguments(
                self._predefined, self._before, self._given, self._file.escape
            )
        for draft in self._drafts:
            with self._at(draft.start):
                self._begin(draft)
        target = self._target()
        self._refuse_circles()
        reached = set.union(*map(self._reached, self._sought(target)))
        declared = [
            one for draft in self._drafts for one in draft.instructions if isinstance(one, i.Arg)
        ]
        return BuildGraph(
            stages=tuple(self._stage(draft) for draft in self._drafts if draft.index in reached),
            target=target,
            platform=self._target_platform,
            build_platform=normal(options.build_platform),
            global_arguments=tuple(self._globals.items()),
            proxies=proxies_of(self._given),
            unused=tuple(_title(draft) for draft in self._drafts if draft.index not in reached),
            unknown_arguments=unknown_arguments(
                self._given, [*self._before, *declared], self._predefined
            ),
        )

    def _split(self) -> None:
        for one in interpret(self._file):
            if isinstance(one, i.From):
                self._drafts.append(Draft(len(self._drafts), one, []))
            elif self._drafts:
                self._drafts[-1].instructions.append(one)
            elif isinstance(one, i.Arg):
                self._before.append(one)
            else:
                raise BadStage(
                    f"{one.word} stands before the first FROM",
                    hint="only ARG and comments may; begin with FROM",
                    place=self._file.place(one.span),
                )
        if not self._drafts:
            raise BadStage(
                f"{self._file.file} has no FROM",
                hint="begin with FROM scratch, or with FROM and an image",
                place=self._file.place(self._before[-1].span) if self._before else None,
            )

    @contextmanager
    def _at(self, one: i.Instruction) -> Iterator[None]:
        """Errors within get the place of the instruction."""
        try:
            yield
        except WhitError as error:
            error.place = error.place or self._file.place(one.span, word_of(error.message))
            raise

    # ---- FROM -------------------------------------------------------------------------------

    def _begin(self, draft: Draft) -> None:
        start = draft.start
        draft.image = self._word(start.image)
        if not draft.image:
            raise BadStage(
                f"FROM {start.image} names no image once it is expanded",
                hint=self._unset(start.image) or "give the ARG before the first FROM a value",
            )
        if start.platform:
            draft.platform = self._platform(start.platform)
        earlier = self._names.get(draft.image)
        context = self._contexts.get(familiar(start.name)) if start.name else None
        if context is not None:
            draft.base, draft.is_replaced = FromContext(context), True
        elif earlier is not None:
            draft.base = FromStage(earlier)
            draft.platform = self._drafts[earlier].platform
        elif draft.image == SCRATCH:
            draft.platform = self._target_platform
        else:
            draft.base = self._image(draft.image, draft.platform or self._target_platform)
        draft.platform = draft.platform or self._target_platform
        if start.name:
            self._names[start.name] = draft.index

    def _word(self, text: str) -> str:
        return expand(text, self._globals, Mode(escape=self._file.escape)).text

    def _unset(self, text: str) -> str | None:
        """A hint on names that no ARG before the first FROM has."""
        missing = sorted(expand(text, self._globals, Mode(escape=self._file.escape)).missing)
        if not missing:
            return None
        declared = [argument.name for arg in self._before for argument in arg.arguments]
        if missing[0] in declared:
            return f"it has no value of its own: give it one by --build-arg {missing[0]}=…"
        close = did_you_mean(missing[0], [*declared, *self._globals])
        return f"no ARG before the first FROM sets {missing[0]}" + (f"; {close}" if close else "")

    def _platform(self, text: str) -> Platform:
        word = self._word(text)
        if not word:
            raise BadStage(f"--platform={text} is empty once expanded", hint=self._unset(text))
        try:
            return normal(Platform.parse(word))
        except BadName as error:
            raise BadStage(error.message, hint=self._unset(text) or error.hint) from None

    def _image(self, text: str, platform: Platform) -> Origin:
        """What is no stage: a named context, or an image."""
        name = familiar(text)
        context = self._contexts.get(f"{name}::{platform}") or self._contexts.get(name)
        if context is not None:
            return FromContext(context)
        reference = full_reference(text)
        if reference is None:
            raise BadStage(
                f"{text!r} is no stage above, and cannot be an image",
                hint=did_you_mean(text, self._names) or "image names are lower case",
            )
        return FromImage(reference, platform, text)

    # ---- steps ------------------------------------------------------------------------------

    def _steps_of(self, draft: Draft) -> tuple[Step, ...]:
        if draft.index not in self._steps:
            own = [] if draft.is_replaced else draft.instructions
            taken = [] if draft.is_replaced else self._taken(draft)
            self._steps[draft.index] = tuple(
                self._step(number, one, is_trigger=number <= len(taken))
                for number, one in enumerate([*taken, *own], 1)
            )
        return self._steps[draft.index]

    def _step(self, number: int, one: i.Instruction, *, is_trigger: bool) -> Step:
        with self._at(one):
            origins = self._origins(one)
            if isinstance(one, i.Arg):
                one = settled(one, self._globals, self._given)
            return Step(number, one, origins, self._file.escape, is_trigger)

    def _taken(self, draft: Draft) -> list[i.Instruction]:
        """The triggers of the base: an image's, or the ONBUILDs of the stage it comes from."""
        texts = list(self._triggers.get(draft.index, ()))
        if isinstance(draft.base, FromStage):
            above = self._drafts[draft.base.index].instructions
            texts += [one.trigger for one in above if isinstance(one, i.OnBuild)]
        with self._at(draft.start):
            return [self._trigger(text, draft) for text in texts]

    def _trigger(self, text: str, draft: Draft) -> i.Instruction:
        try:
            nodes = parse(text.encode(errors="replace"), "ONBUILD").nodes
        except BadDockerfile as error:
            raise BadDockerfile(f"{error.message}, in ONBUILD {text!r}", hint=error.hint) from None
        if len(nodes) != 1 or nodes[0].word.upper() in ("ONBUILD", "FROM", "MAINTAINER"):
            raise BadDockerfile(f"ONBUILD {text!r} of the base is not one instruction")
        return instruction_of(msgspec.structs.replace(nodes[0], span=draft.start.span))

    def _origins(self, one: i.Instruction) -> tuple[Origin, ...]:
        if isinstance(one, i.Copy) and one.origin:
            return (self._copied(one.origin),)
        if isinstance(one, i.Transfer):
            return (FromBuildContext(),)
        if isinstance(one, i.Run):
            return tuple(map(self._mounted, one.mounts))
        return ()

    def _copied(self, text: str) -> Origin:
        try:
            is_plain = expand(text, {}, Mode(escape=self._file.escape)).text == text
        except BadExpansion:
            is_plain = False
        if not is_plain:
            raise BadStage(
                f"--from={text} takes no variables",
                hint=f"write FROM {text} AS a-name above, and --from=a-name",
            )
        if not _NUMBER.fullmatch(text):
            return self._named(text)
        if not 0 <= int(text) < len(self._drafts):
            raise BadStage(
                f"--from={text}: the stages are numbered from 0 to {len(self._drafts) - 1}",
                hint="names are safer: FROM image AS name, and --from=name",
            )
        return FromStage(int(text))

    def _mounted(self, mount: i.MountText) -> Origin:
        if mount.origin:
            return self._named(mount.origin)
        has_own = any(_OWN_CONTENT.fullmatch(field) for field in mount.fields)
        return FromScratch() if has_own else FromBuildContext()

    def _named(self, text: str) -> Origin:
        index = self._names.get(text.lower())
        if index is not None:
            return FromStage(index)
        return FromScratch() if text == SCRATCH else self._image(text, self._target_platform)

    # ---- what the target needs --------------------------------------------------------------

    def _target(self) -> int:
        wanted = self._options.target
        if not wanted:
            return self._drafts[-1].index
        index = self._names.get(wanted.lower())
        if index is None:
            names = ", ".join(self._names)
            raise BadStage(
                f"there is no stage {wanted!r}",
                hint=did_you_mean(wanted, self._names)
                or (f"the stages are {names}" if names else "no stage of the file has a name"),
            )
        return index

    def _taken_from(self, draft: Draft) -> list[tuple[int, i.Instruction]]:
        """The stages that steps read, not the base."""
        return [
            (origin.index, step.instruction)
            for step in self._steps_of(draft)
            for origin in step.origins
            if isinstance(origin, FromStage)
        ]

    def _refuse_circles(self) -> None:
        """No stage may need itself, however far around, and whether the target needs it or not."""
        done: set[int] = set()
        for draft in self._drafts:
            trail: list[tuple[int, Iterator[tuple[int, i.Instruction]]]] = []
            if draft.index not in done:
                trail.append((draft.index, iter(self._taken_from(draft))))
            while trail:
                index, rest = trail[-1]
                below = next(rest, None)
                if below is None:
                    done.add(index)
                    trail.pop()
                elif any(below[0] == on for on, _ in trail):
                    raise BadStage(
                        f"the stage {_title(self._drafts[below[0]])} needs itself",
                        hint="a stage can only take files from stages above it",
                        place=self._file.place(below[1].span),
                    )
                elif below[0] not in done:
                    trail.append((below[0], iter(self._taken_from(self._drafts[below[0]]))))

    def _needs(self, draft: Draft) -> tuple[int, ...]:
        needs = {draft.base.index} if isinstance(draft.base, FromStage) else set()
        for index, one in self._taken_from(draft):
            if index > draft.index:
                raise BadStage(
                    f"the stage {_title(self._drafts[index])} is built after this one",
                    hint="move its FROM above, or take the files from a stage above",
                    place=self._file.place(one.span),
                )
            needs.add(index)
        return tuple(sorted(needs))

    def _sought(self, target: int) -> list[int]:
        return [draft.index for draft in self._drafts] if self._options.is_whole else [target]

    def _reached(self, target: int) -> set[int]:
        reached: set[int] = set()
        waiting = [target]
        while waiting:
            index = waiting.pop()
            if index not in reached:
                reached.add(index)
                waiting += self._needs(self._drafts[index])
        return reached

    def _stage(self, draft: Draft) -> Stage:
        return Stage(
            index=draft.index,
            name=draft.start.name,
            base=draft.base,
            platform=draft.platform or self._target_platform,
            steps=self._steps_of(draft),
            needs=self._needs(draft),
            span=draft.start.span,
            comments=draft.start.comments,
        )


def _title(draft: Draft) -> str:
    return draft.start.name or f"stage-{draft.index}"
