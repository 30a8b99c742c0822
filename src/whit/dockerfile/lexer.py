"""Bytes in, lines and words out: the lowest level of the Dockerfile language. Pure.

The rules are those of BuildKit's code where its documentation says something else.
"""

import re

from whit.dockerfile.expand import SPACES
from whit.errors import Place
from whit.errors.dockerfile import BadDockerfile

# bufio.Scanner's limit for a token in Go: BuildKit refuses longer lines.
MAX_LINE_BYTES = 65535
# No Dockerfile is that long, and a file of the context may be anything.
MAX_FILE_BYTES = 8 << 20
# Flags and the first word of HEALTHCHECK are split at these only, elsewhere at Unicode's spaces.
ASCII_SPACES = "\t\n\v\f\r "
BLANKS = re.compile(r"[\t\v\f\r ]+")
# A continuation is an escape character at the end that no other one stands before.
_CONTINUATIONS = {
    "\\": re.compile(r"(?<!\\)\\[ \t]*\Z"),
    "`": re.compile(r"(?<!`)`[ \t]*\Z"),
}


def read_lines(data: bytes, file: str) -> tuple[str, ...]:
    """The file's lines, each with its end. Errors: BadDockerfile."""
    if len(data) > MAX_FILE_BYTES:
        raise BadDockerfile(
            f"{file} has {len(data)} bytes, and whit reads at most {MAX_FILE_BYTES}",
            hint="COPY large content from files of the context instead",
        )
    if not data:
        raise BadDockerfile(f"{file} is empty", hint="a Dockerfile needs at least a FROM")
    rows = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    lines = [_read_line(row, file, number) + "\n" for number, row in enumerate(rows, 1)]
    lines[-1] = lines[-1][:-1]
    return tuple(lines if lines[-1] else lines[:-1])


def _read_line(row: bytes, file: str, number: int) -> str:
    if len(row) > MAX_LINE_BYTES:
        raise BadDockerfile(
            f"line {number} of {file} has {len(row)} bytes, and docker takes {MAX_LINE_BYTES}",
            hint="break it with a backslash at the end of a line",
            place=Place(file, number),
        )
    try:
        return row.decode()
    except UnicodeDecodeError as error:
        text = row.decode(errors="replace")
        if text.lstrip(SPACES).startswith("#"):
            return text
        raise BadDockerfile(
            f"line {number} of {file} is not UTF-8",
            hint="save the file as UTF-8; binary content belongs into a file of the context",
            place=Place(file, number, len(row[: error.start].decode()) + 1, 1, text.rstrip()),
        ) from None


def without_continuation(line: str, escape: str) -> tuple[str, bool]:
    """The line without its continuation character, and whether it ended with one."""
    match = _CONTINUATIONS[escape].search(line)
    return (line[: match.start()], True) if match else (line, False)


def split_words(text: str, escape: str) -> list[str]:
    """Split as a shell does, but keep the quotes and escapes, which expansion will read."""
    words: list[str] = []
    word: list[str] = []
    quote = ""
    at = 0
    while at < len(text):
        character = text[at]
        at += 1
        if character == escape and quote != "'":
            if at == len(text):
                break  # an escape at the end escapes nothing
            word += (character, text[at])
            at += 1
        elif quote:
            quote = "" if character == quote else quote
            word.append(character)
        elif character in SPACES:
            if word:
                words.append("".join(word))
            word = []
        else:
            quote = character if character in "'\"" else ""
            word.append(character)
    return [*words, "".join(word)] if word else words


def split_instruction(line: str, escape: str) -> tuple[str, tuple[str, ...], str]:
    """The instruction's word, its flags, and the rest."""
    word, *rest = BLANKS.split(line.strip(SPACES), maxsplit=1)
    if not rest:
        return word, (), ""
    flags, end = _split_flags(rest[0], escape)
    return word, flags, rest[0][end:].strip(SPACES)


def _split_flags(text: str, escape: str) -> tuple[tuple[str, ...], int]:
    """Leading words that start with `--`, without their quotes; and where the rest begins."""
    flags: list[str] = []
    at = 0
    while True:
        while at < len(text) and text[at] in ASCII_SPACES:
            at += 1
        if not text.startswith("--", at):
            return tuple(flags), at
        word, at = _flag(text, at, escape)
        if word == "--" and at < len(text):
            return tuple(flags), at
        if word != "--":
            flags.append(word)


def _flag(text: str, at: int, escape: str) -> tuple[str, int]:
    """One word from `at`; an escape counts in both kinds of quotes."""
    word: list[str] = []
    quote = ""
    while at < len(text):
        character = text[at]
        if not quote and character in ASCII_SPACES:
            break
        at += 1
        if character == quote:
            quote = ""
        elif not quote and character in "'\"":
            quote = character
        elif character == escape:
            word.append(text[at : at + 1])
            at += 1
        else:
            word.append(character)
    return "".join(word), min(at, len(text))
