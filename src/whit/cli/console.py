"""Lines in, terminal out: stdout is the result, stderr is talk. The only place that prints."""

import os
import sys
from collections.abc import Iterable

import msgspec

from whit.build.events import Event, Finished, Said, Started, Warned
from whit.errors import WhitError

# Where a context keeps what was begun before its words were read.
HEAD_START = "head start"
BOLD, DIM, RED, YELLOW, GREEN, PLAIN = (
    "\x1b[1m",
    "\x1b[2m",
    "\x1b[31m",
    "\x1b[33m",
    "\x1b[32m",
    "\x1b[0m",
)


class Console(msgspec.Struct, frozen=True):
    """`is_live` is whether stderr is a terminal that a line may be redrawn on."""

    is_quiet: bool = False
    has_color: bool = False
    is_live: bool = False
    width: int = 100

    def out(self, lines: Iterable[str] | str) -> None:
        """The result, and nothing else."""
        text = lines if isinstance(lines, str) else "\n".join(lines)
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def document(self, document: object) -> None:
        """One JSON document on stdout."""
        encoded = msgspec.json.encode(document)
        self.out(msgspec.json.format(encoded, indent=2).decode())

    def say(self, lines: Iterable[str] | str) -> None:
        """Talk: progress, summaries, advice."""
        if self.is_quiet:
            return
        self._erase()
        for line in [lines] if isinstance(lines, str) else lines:
            sys.stderr.write(line + "\n")
        sys.stderr.flush()

    def hear(self, event: Event) -> None:
        """Show an event of the corridor as one line."""
        if self.is_quiet and not isinstance(event, Warned):
            return
        self._erase()
        match event:
            case Started(step, detail):
                if self.is_live:
                    sys.stderr.write(self.paint(f"  {step:<8} {detail} …"[: self.width], DIM))
            case Finished(step, detail, seconds, was_cached):
                took = "cached" if was_cached else _took(seconds)
                # The time stands at the right edge of a usual terminal, or after a longer line.
                line = f"  {step:<8} {detail}"
                sys.stderr.write(
                    f"{line:<{min(self.width, 88) - 9}} {self.paint(f'{took:>8}', DIM)}\n"
                )
            case Said(step, line):
                sys.stderr.write(f"  {self.paint(f'{step} |', DIM)} {line}\n")
            case Warned(message, hint):
                sys.stderr.write(self.paint("warning", YELLOW) + f": {message}\n")
                if hint:
                    sys.stderr.write(f"  {hint}\n")
        sys.stderr.flush()

    def draw(self, text: str) -> None:
        """What a terminal is drawn with, as it is."""
        sys.stderr.write(text)
        sys.stderr.flush()

    def fail(self, error: WhitError) -> None:
        from whit.report.errors import error_lines

        self._erase()
        for line in error_lines(error):
            shown = line
            for word, color in (("error[", RED), ("hint:", GREEN)):
                if line.startswith(word):
                    end = line.index(":") if word == "error[" else len(word) - 1
                    shown = self.paint(line[:end], color) + line[end:]
            sys.stderr.write(shown + "\n")
        sys.stderr.flush()

    def paint(self, text: str, color: str) -> str:
        return f"{color}{text}{PLAIN}" if self.has_color else text

    def _erase(self) -> None:
        if self.is_live:
            sys.stderr.write("\r\x1b[K")


def _took(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 0.9995 else f"{seconds:.1f} s"


def open_console(color: str, *, quiet: bool) -> Console:
    """`color` is auto, always or never; NO_COLOR is honoured, and so is a dumb terminal."""
    is_terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    auto = is_terminal and not os.environ.get("NO_COLOR")
    width = 100
    if is_terminal:
        width = os.get_terminal_size(sys.stderr.fileno()).columns
    return Console(
        is_quiet=quiet,
        has_color=color == "always" or (color == "auto" and auto),
        is_live=is_terminal,
        width=width,
    )
