"""A variable's value and what follows its name in `${…}` in, the result out. Pure."""

import re
from collections.abc import Callable, Mapping

# What one expansion may grow to: ${a//?/…} multiplies.
MAX_RESULT = 4 << 20
# Searching a pattern at every place of a value takes time by its square.
MAX_SEARCHED = 1 << 16


class Refused(Exception):
    """Why a substitution has no result."""


def _default(value: str | None, word: str, is_empty: bool) -> str:
    return word if is_empty or value is None else value


def _alternative(_value: str | None, word: str, is_empty: bool) -> str:
    return "" if is_empty else word


def _demanded(value: str | None, word: str, is_empty: bool) -> str:
    if value is None or is_empty:
        raise Refused(word or f"is not allowed to be {'unset' if value is None else 'empty'}")
    return value


def _without_prefix(value: str | None, word: str, _is_empty: bool) -> str:
    is_longest = word.startswith("#")
    match = glob_of(word[is_longest:], is_greedy=is_longest).match(value or "")
    return (value or "")[match.end() :] if match else value or ""


def _without_suffix(value: str | None, word: str, _is_empty: bool) -> str:
    """A regex finds no shortest match at the end: both are reversed and matched at the start."""
    is_longest = word.startswith("%")
    reversed_value = (value or "")[::-1]
    match = glob_of(_reversed_glob(word[is_longest:]), is_greedy=is_longest).match(reversed_value)
    return (reversed_value[match.end() :] if match else reversed_value)[::-1]


OPERATORS: Mapping[str, Callable[[str | None, str, bool], str]] = {
    "-": _default,
    "+": _alternative,
    "?": _demanded,
    "#": _without_prefix,
    "%": _without_suffix,
}


def _reversed_glob(pattern: str) -> str:
    """Escapes stay before what they escape."""
    return "".join(reversed(re.findall(r"\\.|.", pattern, re.DOTALL)))


def glob_of(pattern: str, *, is_greedy: bool) -> re.Pattern[str]:
    """The glob as a regex that never goes back further than its last star.

    The first place that fits is the best one for all but the last star, so what stands before it
    is atomic: hostile patterns such as `*a*a*a*b` stay linear.
    """
    segments: list[list[str]] = [[]]
    at = 0
    while at < len(pattern):
        character = pattern[at]
        at += 1
        if character == "*":
            if segments[-1] or len(segments) == 1:
                segments.append([])  # neighbouring stars are one
        elif character == "?":
            segments[-1].append(".")
        elif character == "\\":
            escaped = pattern[at : at + 1]
            if escaped and escaped in "}/":
                continue  # it is only escaped for the ${…} around it
            at += 1
            if escaped not in ("*", "?", "\\"):
                raise Refused(f"invalid escape '\\{escaped}' in the pattern")
            segments[-1].append("\\" + escaped)
        else:
            segments[-1].append(re.escape(character))
    first, *rest = ("".join(segment) for segment in segments)
    inner = "".join(f"(?>.*?{segment})" for segment in rest[:-1])
    last = f".*{'' if is_greedy else '?'}{rest[-1]}" if rest else ""
    return re.compile(first + inner + last)


def replace_every(glob: re.Pattern[str], replacement: str, value: str) -> str:
    """As Go's ReplaceAllString does it, which takes no empty match right after another one."""
    out: list[str] = []
    at = 0
    length = 0
    for match in glob.finditer(value):
        if match.end() == match.start() == at and out:
            continue
        text = _from_template(replacement, match[0])
        out += [value[at : match.start()], text]
        length += len(text)
        if length > MAX_RESULT:
            raise Refused(f"the result is longer than {MAX_RESULT} characters")
        at = match.end()
    return "".join([*out, value[at:]])


def _from_template(replacement: str, matched: str) -> str:
    """`$$`, `$name` and `${name}` as Go's regexp.Expand reads them; a glob has only group 0."""

    def value(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        name = match[0].strip("${}")
        return matched if name.isdecimal() and int(name) == 0 else ""

    return re.sub(r"\$\$|\$\w+|\$\{\w+\}", value, replacement)
