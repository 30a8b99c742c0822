"""The bytes of a .dockerignore in, its patterns out; and what they hide. Pure.

A line is a pattern, unless a # is its very first character. `!` takes back. Absolute patterns
mean the root of the context.
"""

import posixpath
from collections.abc import Callable

from whit.dockerfile.expand import SPACES
from whit.dockerfile.lexer import MAX_LINE_BYTES
from whit.dockerfile.patterns import compile_patterns
from whit.errors import Place
from whit.errors.dockerfile import BadPattern


def read_ignore(data: bytes, file: str = ".dockerignore") -> tuple[str, ...]:
    """The patterns in their order. Errors: BadPattern."""
    found = []
    for number, row in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if len(row) > MAX_LINE_BYTES:
            raise BadPattern(f"line {number} of {file} is too long", place=Place(file, number))
        line = row.removesuffix(b"\r").decode(errors="surrogateescape")
        text = line.strip(SPACES)
        if line.startswith("#") or not text:
            continue
        mark = "!" if text.startswith("!") else ""
        text = text.removeprefix("!").strip(SPACES) if mark else text
        if text:
            text = posixpath.normpath(text)
            text = text.lstrip("/") or "/" if text.startswith("/") else text
        elif mark:
            raise BadPattern(
                f"line {number} of {file} is a ! without a pattern",
                hint="write !path",
                place=Place(file, number, 1, 1, line),
            )
        found.append(mark + text)
    return tuple(found)


def patterns(texts: tuple[str, ...]) -> tuple[Callable[[str], bool], bool]:
    """Whether a path relative to the root is hidden, and whether some pattern takes back.

    Without such a pattern, nothing below a hidden directory is ever seen again.
    """
    compiled = compile_patterns(texts)
    return compiled.matches, compiled.has_exceptions
