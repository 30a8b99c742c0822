"""What lint says, and what a `check` line lets it say. Types, and the reading of settings; pure."""

from collections.abc import Iterable
from enum import StrEnum
from typing import TypeAlias

import msgspec

from whit.dockerfile.instructions import Instruction
from whit.dockerfile.parser import Dockerfile
from whit.dockerfile.places import Span


class Level(StrEnum):
    """A warning is wrong or will be; advice costs size, time or safety."""

    WARNING = "warning"
    ADVICE = "advice"


class Rule(msgspec.Struct, frozen=True):
    """`is_dockers`: docker's own check has it under this name. `why` is one sentence."""

    name: str
    why: str
    level: Level = Level.WARNING
    is_dockers: bool = False
    is_experimental: bool = False


class Edit(msgspec.Struct, frozen=True):
    """In one line, the first `old` becomes `new`; None takes the whole line away."""

    line: int
    old: str
    new: str | None


Edits: TypeAlias = tuple[Edit, ...]


class Finding(msgspec.Struct, frozen=True):
    """`message` says what is wrong there, `hint` what to write; `edits` mend it without any change
    to the image.
    """

    rule: Rule
    message: str
    span: Span
    hint: str = ""
    edits: tuple[Edit, ...] = ()


class Settings(msgspec.Struct, frozen=True):
    """`# check=skip=A,B;error=true;experimental=all`."""

    skipped: frozenset[str] = frozenset()
    experimental: frozenset[str] = frozenset()
    is_strict: bool = False

    def wants(self, rule: Rule) -> bool:
        if rule.is_experimental:
            return bool({"all", rule.name} & self.experimental)
        return not {"all", rule.name} & self.skipped

    def joined(self, other: "Settings") -> "Settings":
        return Settings(
            self.skipped | other.skipped,
            self.experimental | other.experimental,
            self.is_strict or other.is_strict,
        )


def read_settings(text: str) -> Settings:
    """The value of a `check` directive. What cannot be read says nothing."""
    found: dict[str, frozenset[str]] = {}
    for part in text.split(";", 2):
        key, _, value = part.partition("=")
        found[key.strip()] = frozenset(word.strip() for word in value.split(","))
    strict = found.get("error", frozenset()) & {"1", "t", "T", "TRUE", "true", "True"}
    none: frozenset[str] = frozenset()
    return Settings(found.get("skip", none), found.get("experimental", none), bool(strict))


def settings_of(dockerfile: Dockerfile) -> Settings:
    """What the file's own `# check=` line says."""
    texts = [one.value for one in dockerfile.directives if one.name == "check"]
    return read_settings(texts[0].split(" ")[0]) if texts else Settings()


def settings_above(comments: Iterable[str]) -> Settings:
    """What a comment right above an instruction says for it alone."""
    for comment in comments:
        name, equals, value = comment.partition("=")
        if equals and name.strip().lower() == "check":
            return read_settings(value.strip().split(" ")[0])
    return Settings()


class Book:
    """Collects the findings that the settings want, each once."""

    def __init__(self, dockerfile: Dockerfile, settings: Settings) -> None:
        self.file = dockerfile
        self._settings = settings_of(dockerfile).joined(settings)
        self._found: list[Finding] = []

    def say(
        self, one: Instruction, rule: Rule, message: str, hint: str = "", edits: Edits = ()
    ) -> None:
        if not self._settings.joined(settings_above(one.comments)).wants(rule):
            return
        finding = Finding(rule, message, one.span, hint, edits)
        if finding not in self._found:
            self._found.append(finding)

    def edit(self, one: Instruction, old: str, new: str) -> Edits:
        """In the first line of the instruction that has `old`, unless it stands there twice."""
        for line in range(one.span.line, one.span.end_line + 1):
            count = self.file.lines[line - 1].count(old)
            if count:
                return (Edit(line, old, new),) if count == 1 else ()
        return ()

    def findings(self) -> tuple[Finding, ...]:
        """In the order of the file."""
        return tuple(sorted(self._found, key=lambda f: (f.span.line, f.rule.name, f.message)))

    @property
    def is_strict(self) -> bool:
        return self._settings.is_strict
