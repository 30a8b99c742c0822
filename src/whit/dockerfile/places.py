"""Line numbers in, places out: where in a Dockerfile something stands. Pure."""

import re

import msgspec

from whit.errors import Place


class Span(msgspec.Struct, frozen=True):
    """First and last line of an instruction, counted from 1, and the column of its first letter.

    An instruction that an ONBUILD of the base brought has the lines of the FROM that took it.
    """

    line: int
    end_line: int
    column: int = 1


# What a message names: something in quotes, a flag with its value, or the word it begins with.
_NAMED = tuple(
    map(
        re.compile, (r"'([^']+)'", r"(--[a-z-]+(?:=[^\s:]+)?)", r"^(?!there )(\S*[^A-Z\s:]\S*) is ")
    )
)


def word_of(message: str) -> str:
    """The word of the file that a message is about, as far as it can be told."""
    if " ended with status " in message:
        return ""  # it quotes a whole command, and no word of that is at fault
    return next((found[1] for named in _NAMED if (found := named.search(message))), "")


def place_of(file: str, lines: tuple[str, ...], span: Span, word: str = "") -> Place:
    """The place of `word` within the lines of `span`; of the instruction when it is not found."""
    if word:
        whole = re.compile(rf"(?<![\w./-]){re.escape(word)}(?![\w./-])")
        for number in range(span.line, min(span.end_line, len(lines)) + 1):
            line = lines[number - 1]
            found = whole.search(line)
            column = found.start() if found else line.find(word)
            if column >= 0:
                return Place(file, number, column + 1, len(word), line)
    text = lines[span.line - 1] if 0 < span.line <= len(lines) else ""
    return Place(file, span.line, span.column, max(1, len(text.rstrip()) - span.column + 1), text)
