r"""A pattern of .dockerignore or --exclude in, what it matches out: moby's rules. Pure.

*      any run of characters but /        ?    one character but /
**     any run of directories             [..] a class, as in regular expressions
\x     x itself                           !    takes back what stood before
"""

import posixpath
import re
from collections.abc import Iterable
from enum import Enum
from functools import lru_cache

import msgspec

from whit.errors.dockerfile import BadPattern

# Sizes that no honest file has.
MAX_PATTERNS = 20_000
MAX_LENGTH = 4_096


class _Way(Enum):
    EXACT = "exact"
    PREFIX = "prefix"
    SUFFIX = "suffix"
    REGEX = "regex"


class Pattern(msgspec.Struct, frozen=True):
    """`text` is clean; `is_exception` was written with a !."""

    text: str
    is_exception: bool
    way: _Way
    regex: str = ""


class Patterns(msgspec.Struct, frozen=True):
    """All patterns, in their order: the last that matches a path or a directory above it counts."""

    patterns: tuple[Pattern, ...]

    @property
    def has_exceptions(self) -> bool:
        return any(pattern.is_exception for pattern in self.patterns)

    def matches(self, path: str) -> bool:
        """Whether a path, relative to the root and without `.` and `..`, is matched."""
        deciding = self.deciding(path)
        return deciding is not None and not deciding.is_exception

    def deciding(self, path: str) -> Pattern | None:
        """The pattern that has the last word on a path."""
        path = posixpath.normpath(path)
        parts = path.split("/")
        above = [] if len(parts) == 1 else ["/".join(parts[:n]) for n in range(1, len(parts))]
        found: Pattern | None = None
        for pattern in self.patterns:
            is_matched = found is not None and not found.is_exception
            if pattern.is_exception != is_matched:
                continue
            if _match(pattern, path) or any(_match(pattern, directory) for directory in above):
                found = pattern
        return found


def compile_patterns(texts: Iterable[str]) -> Patterns:
    """Errors: BadPattern."""
    found: list[Pattern] = []
    for text in texts:
        bare = text.strip()
        if not bare:
            continue
        if len(bare) > MAX_LENGTH or len(found) >= MAX_PATTERNS:
            raise BadPattern(f"patterns are at most {MAX_PATTERNS}, of {MAX_LENGTH} characters")
        bare = posixpath.normpath(bare)
        is_exception = bare.startswith("!")
        if bare == "!":
            raise BadPattern("a ! has no pattern after it", hint="write !path")
        found.append(_compiled(bare.removeprefix("!"), is_exception=is_exception))
    return Patterns(tuple(found))


def _match(pattern: Pattern, path: str) -> bool:
    text = pattern.text
    if pattern.way is _Way.EXACT:
        return path == text
    if pattern.way is _Way.PREFIX:
        return path.startswith(text[:-2])
    if pattern.way is _Way.SUFFIX:
        suffix = text[2:]
        return path.endswith(suffix) or (suffix.startswith("/") and path == suffix[1:])
    return _regex(pattern.regex).fullmatch(path) is not None


@lru_cache(maxsize=4096)
def _regex(text: str) -> re.Pattern[str]:
    """A .dockerignore may have more lines than re keeps by itself."""
    return re.compile(text)


def _compiled(text: str, *, is_exception: bool) -> Pattern:
    """The cheapest way that says the same, as moby chooses it."""
    way = _Way.EXACT
    out: list[str] = []
    at = 0
    while at < len(text):
        character = text[at]
        if text.startswith("**", at):
            start, at = at, at + 2
            at += text.startswith("/", at)
            if at >= len(text):
                out.append(".*")
                way = _Way.PREFIX if way is _Way.EXACT else _Way.REGEX
            else:
                out.append("(?:.*/)?")
                way = _Way.REGEX
            way = _Way.SUFFIX if start == 0 else way
            continue
        at += 1
        if character in "*?":
            out.append("[^/]*" if character == "*" else "[^/]")
        elif character == "[":
            inner, at = _class(text, at)
            out.append(inner)
        elif character == "\\":
            if at >= len(text):
                raise _bad(text, "a backslash at its end escapes nothing")
            out.append(re.escape(text[at]))
            at += 1
        else:
            out.append(re.escape(character))
            if character != "]":
                continue
        way = _Way.REGEX
    return Pattern(text, is_exception, way, "".join(out))


def _class(text: str, at: int) -> tuple[str, int]:
    """`[a-z]` from behind its bracket, as Go's filepath.Match reads it; and where it ends."""
    is_negated = text.startswith("^", at)
    at += is_negated
    items: list[str] = []
    while items == [] or not text.startswith("]", at):
        low, at = _letter(text, at)
        high = low
        if text.startswith("-", at):
            high, at = _letter(text, at + 1)
        # A range that ends before it begins is legal, and holds nothing.
        items.append(f"{_escaped(low)}-{_escaped(high)}" if low <= high else "")
    inner = "".join(items)
    if not inner:
        return ("." if is_negated else "(?!)"), at + 1
    return f"[{'^' * is_negated}{inner}]", at + 1


def _letter(text: str, at: int) -> tuple[str, int]:
    letter = text[at : at + 1]
    if letter in ("", "-", "]"):
        raise _bad(text, "its [ has no partner, or nothing in it")
    if letter != "\\":
        return letter, at + 1
    if at + 1 >= len(text):
        raise _bad(text, "a backslash at its end escapes nothing")
    return text[at + 1], at + 2


def _escaped(letter: str) -> str:
    return letter if letter.isalnum() else f"\\U{ord(letter):08x}"


def _bad(text: str, why: str) -> BadPattern:
    return BadPattern(
        f"the pattern {text!r} cannot be read: {why}", hint="write [[] for a bracket itself"
    )
