"""Line numbers in, places out: where in a Dockerfile something stands. Pure."""

import msgspec

from whit.errors import Place


class Span(msgspec.Struct, frozen=True):
    """First and last line of an instruction, counted from 1, and the column of its first letter.

    An instruction that an ONBUILD of the base brought has the lines of the FROM that took it.
    """

    line: int
    end_line: int
    column: int = 1


def place_of(file: str, lines: tuple[str, ...], span: Span, word: str = "") -> Place:
    """The place of `word` within the lines of `span`; of the instruction when it is not found."""
    if word:
        for number in range(span.line, min(span.end_line, len(lines)) + 1):
            column = lines[number - 1].find(word)
            if column >= 0:
                return Place(file, number, column + 1, len(word), lines[number - 1])
    text = lines[span.line - 1] if 0 < span.line <= len(lines) else ""
    return Place(file, span.line, span.column, max(1, len(text.rstrip()) - span.column + 1), text)
