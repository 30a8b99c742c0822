"""What `whit size` says of reasons: --why and --dead-code."""

import os

from whit.cli.console import Console


def show_reason(console: Console, target: str, asked: str | None, *, as_json: bool) -> None:
    """Why what was asked for is there; of nothing, why dead methods are."""
    if asked is not None:
        _show_why(console, target, asked, as_json=as_json)
    else:
        _show_dead_code(console, target, as_json=as_json)


def _show_why(console: Console, target: str, asked: str, *, as_json: bool) -> None:
    from whit.build.why import why
    from whit.report.size_why import why_lines

    reason = why(target, os.getcwd(), asked)
    if as_json:
        console.document({"schema": "whit/size-why/v1", "reason": reason})
    else:
        console.out(why_lines(reason))


def _show_dead_code(console: Console, target: str, *, as_json: bool) -> None:
    from whit.build.deadcode import explain_dead_code
    from whit.build.sizing import open_linked
    from whit.report.deadcode import dead_code_document, dead_code_lines

    found = explain_dead_code(*open_linked(target, os.getcwd()))
    if as_json:
        console.document(dead_code_document(target, found))
    else:
        console.out(dead_code_lines(target, found))
