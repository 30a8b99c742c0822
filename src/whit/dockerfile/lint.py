"""A Dockerfile in, findings out: docker's 22 rules under docker's names, and those for Go images.

Every stage is looked at, whether the target needs it or not. Nothing is asked of a registry:
what a base image sets is known only where the caller passes its config.
"""

import msgspec

from whit.dockerfile.findings import Book, Finding, Settings
from whit.dockerfile.interpret import interpret
from whit.dockerfile.lintgo import check_go
from whit.dockerfile.lintlines import check_lines
from whit.dockerfile.lintsteps import Surroundings, check_steps
from whit.dockerfile.parser import Dockerfile
from whit.dockerfile.stages import PlanOptions, plan_stages


class Linted(msgspec.Struct, frozen=True):
    """`is_strict`: the file itself asks for failure on findings (`# check=error=true`)."""

    findings: tuple[Finding, ...]
    is_strict: bool = False


def lint(
    dockerfile: Dockerfile,
    options: PlanOptions,
    around: Surroundings | None = None,
    settings: Settings | None = None,
) -> Linted:
    """In the order of the file. Errors: those of a file that cannot be built."""
    around = around or Surroundings()
    book = Book(dockerfile, settings or Settings())
    graph = plan_stages(dockerfile, msgspec.structs.replace(options, is_whole=True))
    check_lines(book, interpret(dockerfile), options)
    check_steps(book, graph, around)
    check_go(book, graph, around.ignored)
    return Linted(book.findings(), book.is_strict)


def mended(lines: tuple[str, ...], findings: tuple[Finding, ...]) -> tuple[str, ...]:
    """The lines after every edit of the findings; layers and config stay what they were."""
    new: dict[int, str | None] = dict(enumerate(lines, 1))
    for finding in findings:
        for edit in finding.edits:
            text = new[edit.line]
            if text is not None:
                new[edit.line] = None if edit.new is None else text.replace(edit.old, edit.new, 1)
    return tuple(text for text in new.values() if text is not None)
