"""The text of an env file in, variables and what is to be said of the file out. Pure.

As Docker Compose reads it: NAME=value, `export` before it, comments, quotes around a value that may
then go on over lines, and NAME alone for what is set outside. The last of a name counts, and twice
is worth a word. A `$` stays as it is, where Compose would replace a variable: a password may hold
one.
"""

import re
from collections.abc import Mapping

import msgspec

MAX_BYTES = 1 << 20
_ESCAPED = re.compile(r"\\(.)")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "$": "$"}
_LINE = re.compile(
    r"(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_.-]*)(?:\s*=\s*(?P<value>.*))?", re.DOTALL
)
_REPLACED = re.compile(r"\$[A-Za-z_{]")


class EnvFile(msgspec.Struct, frozen=True):
    """`notes` are worth a word; what is `wrong` would be read as something else."""

    variables: dict[str, str]
    notes: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()


def parse_env_file(text: str, outside: Mapping[str, str]) -> EnvFile:
    """Never a value in what is said: it may be a secret."""
    found: dict[str, str] = {}
    notes: list[str] = []
    wrong: list[str] = []
    # Only a line feed ends a line: a value may hold what Unicode calls one.
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    lines = iter(enumerate(text.split("\n"), 1))
    for number, line in lines:
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        match = _LINE.fullmatch(stripped)
        if match is None:
            wrong.append(f"line {number} is no NAME=value")
            continue
        name, value = match["name"], match["value"]
        quote = ""
        if value is None:
            if name in outside:
                found[name] = outside[name]
            continue
        if value[:1] in ("'", '"'):
            quote = value[0]
            rest = value[1:]
            while not _end(rest, quote):
                more = next(lines, None)
                if more is None:
                    wrong.append(f"line {number}: the quote of {name} is never closed")
                    break
                rest += "\n" + more[1]
            value = rest[: _end(rest, quote) - 1] if _end(rest, quote) else rest
            if quote == '"':
                value = _ESCAPED.sub(lambda m: _ESCAPES.get(m[1], m[0]), value)
        else:
            value = re.split(r"\s+#", value)[0].rstrip()
        if quote != "'" and _REPLACED.search(value):
            notes.append(f"line {number}: the $ of {name} stays; Compose would replace a variable")
        if name in found:
            notes.append(f"line {number}: {name} is there twice, the last one counts")
        found[name] = value
    return EnvFile(found, tuple(notes), tuple(wrong))


def _end(text: str, quote: str) -> int:
    """Where a quoted text ends, counted from 1; 0 when it does not."""
    at = 0
    while at < len(text):
        if text[at] == "\\" and quote == '"':
            at += 2
            continue
        if text[at] == quote:
            return at + 1
        at += 1
    return 0
