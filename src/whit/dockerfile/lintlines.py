"""The lines of a Dockerfile and its FROM lines in, findings on how they are written out. Pure."""

from collections import Counter
from collections.abc import Mapping

from whit.dockerfile import instructions as i
from whit.dockerfile import rules
from whit.dockerfile.arguments import global_arguments, normal, platform_arguments
from whit.dockerfile.expand import Expanded, Mode, expand
from whit.dockerfile.findings import Book, Edit
from whit.dockerfile.references import full_reference
from whit.dockerfile.stages import PlanOptions
from whit.errors.dockerfile import BadExpansion
from whit.errors.names import BadName
from whit.model.names import Platform


def check_lines(book: Book, instructions: tuple[i.Instruction, ...], options: PlanOptions) -> None:
    """Says what it finds into the book. The file can be planned, so it has a FROM."""
    _Lines(book, instructions, options).check()


class _Lines:
    def __init__(
        self, book: Book, instructions: tuple[i.Instruction, ...], options: PlanOptions
    ) -> None:
        self._book, self._instructions, self._options = book, instructions, options
        self._file = book.file
        self._say, self._edit = book.say, book.edit

    def check(self) -> None:
        self._empty_continuations()
        self._casing()
        self._stage_names()
        self._from_lines()
        for one in self._instructions:
            self._definition(one)

    # ---- the file as text -------------------------------------------------------------------

    def _empty_continuations(self) -> None:
        for end in self._file.empty_continuations:
            one = next(
                (n for n in self._instructions if n.span.line <= end <= n.span.end_line), None
            )
            if one is None:
                continue
            blank = [
                line
                for line in range(one.span.line, end + 1)
                if not self._file.lines[line - 1].strip()
            ]
            edits = tuple(Edit(line, self._file.lines[line - 1], None) for line in blank)
            hint = "take the blank line away, or put a # into it"
            self._say(one, rules.NO_EMPTY_CONTINUATION, "a broken line has a blank one in it", hint,
                      edits)  # fmt: skip

    def _casing(self) -> None:
        kinds = Counter(
            "lower" if one.word.islower() else "upper"
            for one in self._instructions
            if (one.word.islower() or one.word.isupper()) and self._is_in_stage(one)
        )
        is_lower = kinds["lower"] > kinds["upper"]
        for one in self._instructions:
            right = one.word.lower() if is_lower else one.word.upper()
            if one.word != right and self._is_in_stage(one):
                self._say(
                    one, rules.CONSISTENT_INSTRUCTION_CASING,
                    f"{one.word} is not written as most instructions of the file are",
                    f"write {right}", self._first_word(one, right),
                )  # fmt: skip

    def _is_in_stage(self, one: i.Instruction) -> bool:
        first = next(n for n in self._instructions if isinstance(n, i.From))
        return one.span.line >= first.span.line

    def _first_word(self, one: i.Instruction, right: str) -> tuple[Edit, ...]:
        """The word stands first in its line, so the first of its kind is it."""
        line = self._file.lines[one.span.line - 1]
        is_there = line.strip().startswith(one.word)
        return (Edit(one.span.line, one.word, right),) if is_there else ()

    # ---- FROM -------------------------------------------------------------------------------

    def _stage_names(self) -> None:
        seen: set[str] = set()
        for one in self._instructions:
            if not isinstance(one, i.From) or not one.name:
                continue
            if one.written_name != one.name:
                self._say(
                    one, rules.STAGE_NAME_CASING,
                    f"the stage name {one.written_name} has upper-case letters",
                    f"write AS {one.name}", self._edit(one, one.written_name, one.name),
                )  # fmt: skip
            is_one_case = one.word.islower() or one.word.isupper()
            right = one.as_word.lower() if one.word.islower() else one.as_word.upper()
            if is_one_case and one.as_word != right:
                self._say(
                    one, rules.FROM_AS_CASING, f"{one.word} and {one.as_word} differ in case",
                    f"write {right}", self._edit(one, f" {one.as_word} ", f" {right} "),
                )  # fmt: skip
            if one.name in ("scratch", "context"):
                message = f"{one.name} means something else to docker"
                self._say(one, rules.RESERVED_STAGE_NAME, message, "choose another name")
            if one.name in seen:
                message = f"a stage above is called {one.name}, too"
                self._say(one, rules.DUPLICATE_STAGE_NAME, message, "choose another name")
            seen.add(one.name)

    def _from_lines(self) -> None:
        start = [one for one in self._instructions if isinstance(one, i.From)]
        first = self._instructions.index(start[0])
        before = [one for one in self._instructions[:first] if isinstance(one, i.Arg)]
        options, escape = self._options, self._file.escape
        name = options.target or start[-1].name
        predefined = platform_arguments(normal(options.platform), options.build_platform, name)
        given = dict(options.arguments)
        found = global_arguments(predefined, before, given, escape)
        declared = {argument.name for one in before for argument in one.arguments} | set(found)
        try:
            plain = global_arguments(predefined, before, {}, escape)
        except BadExpansion:
            plain = found
        for one in start:
            image = expand(one.image, found, Mode(escape=escape))
            platform = expand(one.platform, found, Mode(escape=escape))
            for missing in sorted((image.missing | platform.missing) - declared):
                close = rules.closest(missing, sorted(declared))
                hint = f"did you mean {close}?" if close else f"write ARG {missing}=…"
                message = f"no ARG before the first FROM declares {missing}"
                self._say(one, rules.UNDEFINED_ARG_IN_FROM, message, hint)
            default = self._without_error(one.image, plain)
            if default is not None and full_reference(default) is None and default != "scratch":
                self._say(one, rules.INVALID_DEFAULT_ARG_IN_FROM,
                          f"without --build-arg, {one.image} is no image name",
                          "give the ARG a default that can be built")  # fmt: skip
            if one.platform:
                self._platform_flag(one, platform, found)

    def _without_error(self, text: str, env: Mapping[str, str]) -> str | None:
        try:
            return expand(text, env, Mode(escape=self._file.escape)).text
        except BadExpansion:
            return None

    def _platform_flag(self, one: i.From, found: Expanded, env: Mapping[str, str]) -> None:
        if found.used == {"TARGETPLATFORM"} and not found.missing:
            if found.text == env["TARGETPLATFORM"]:
                self._say(one, rules.REDUNDANT_TARGET_PLATFORM,
                          f"--platform={one.platform} is what docker takes anyway",
                          "leave the flag out",
                          self._edit(one, f"--platform={one.platform} ", ""))  # fmt: skip
            return
        if found.used or found.missing:
            return
        try:
            platform = Platform.parse(found.text)
        except BadName:
            return
        if platform.os not in one.name and platform.architecture not in one.name:
            self._say(one, rules.FROM_PLATFORM_FLAG_CONST_DISALLOWED,
                      f"--platform={found.text} is the same on every machine",
                      "leave it out, or write --platform=$BUILDPLATFORM")  # fmt: skip

    def _definition(self, one: i.Instruction) -> None:
        names = (
            [argument.name for argument in one.arguments]
            if isinstance(one, i.Arg)
            else [one.name] if isinstance(one, i.From) and one.name else []
        )  # fmt: skip
        if names and one.comments and one.comments[-1].split(" ")[0] not in names:
            message = f"the comment above {one.word} does not begin with the name it explains"
            name = names[0] if len(names) == 1 else "NAME"
            self._say(
                one, rules.INVALID_DEFINITION_DESCRIPTION, message, f"write # {name} and what it is"
            )
