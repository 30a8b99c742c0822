"""`whit size`: where the bytes of a program or an image go."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from whit.cli.console import Console
from whit.errors import UsageError

if TYPE_CHECKING:
    from whit.build.events import Listener
    from whit.model.names import Platform
    from whit.model.weight import Past, Weight
    from whit.report.size import View

VIEWS = ("layer", "file", "directory", "origin", "module", "package", "section", "symbol")


@click.command("size", epilog="Example: whit size ./app --by package --filter 'net/*'")
@click.argument("target", default=".")
@click.option("--by", type=click.Choice(VIEWS), help="One table instead of the usual ones.")
@click.option("--sort", type=click.Choice(("size", "name")), default="size", help="[size]")
@click.option("--depth", type=click.IntRange(1), default=None, help="Of directories and paths.")
@click.option("--filter", "pattern", default="", metavar="TEXT", help="Names with TEXT, or a glob.")
@click.option("--top", type=click.IntRange(0), default=12, help="Rows of a table, 0 for all [12].")
@click.option(
    "-f", "--file", "dockerfile", default="", metavar="FILE", help="A Dockerfile for TARGET."
)
@click.option("--platform", metavar="OS/ARCH", help="One image of an index [this host's].")
@click.option("--against", metavar="TARGET", help="Or git:REVISION: what changed.")
@click.option("--markdown", is_flag=True, help="With --against: a summary for a pull request.")
@click.option("--why", "asked", metavar="NAME", help="What calls this function, package or module?")
@click.option("--dead-code", is_flag=True, help="What keeps dead methods, and what they weigh.")
@click.option("--history", metavar="FILE", help="Append the size to FILE; show how it went.")
@click.option("--html", "page", metavar="FILE", help="Write a page with a treemap.")
@click.option("--tui", "explores", is_flag=True, help="Walk through it on the terminal.")
@click.option("--try", "tries", is_flag=True, help="Build it under every lever, and weigh and run.")
@click.option("--smoke", metavar="ARGS", help="With --try: run it so [--version, or --help].")
@click.option(
    "--with",
    "extra",
    multiple=True,
    metavar="NAME",
    help="With --try: a Go release or upx too; or a lever at its price.",
)
@click.option("--only", multiple=True, metavar="NAME", help="With --try: these levers alone.")
@click.option("--apply", "applies", is_flag=True, help="With --try: write what wins to whit.toml.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
@click.option("--csv", "as_csv", is_flag=True, help="Print a table as CSV.")
@click.pass_obj
def command(
    console: Console,
    /,
    target: str,
    by: str | None,
    sort: str,
    depth: int | None,
    pattern: str,
    top: int,
    dockerfile: str,
    platform: str | None,
    against: str | None,
    markdown: bool,
    asked: str | None,
    dead_code: bool,
    history: str | None,
    page: str | None,
    explores: bool,
    as_json: bool,
    as_csv: bool,
    **trying: Any,
) -> None:
    """Show where the bytes of TARGET go.

    TARGET is a program (./app), Go source, which is compiled first (./cmd/app), a Dockerfile, which
    is built first (Dockerfile, or -f FILE CONTEXT), an archive or a layout (image.tar, ./layout),
    or an image, named as for `whit copy` (app:1.2).

    A Go program is read by section, module, package and symbol, stripped or not; an image by
    layer, package of origin and directory, with what it could do without.
    """
    if any(trying.values()):
        _try(console, target, trying, as_json=as_json)
        return
    from whit.build.sizing import weigh
    from whit.model.names import Platform
    from whit.report.size import View

    if markdown and against is None:
        raise UsageError("--markdown shows what changed", hint="add --against TARGET")
    if asked is not None or dead_code:
        _explain(console, target, asked, as_json=as_json)
        return
    wanted = Platform.parse(platform) if platform else None
    _become_root_for(dockerfile, target, against or "")
    # Symbols are asked for rarely, and are what takes longest.
    deep = by == "symbol" or page is not None or explores
    _refuse_without_terminal(explores=explores)
    weight = weigh(target, os.getcwd(), wanted, console.hear, dockerfile, by_symbol=deep)
    past = _remembered(history, weight)
    before = _before(target, against, wanted, dockerfile, console.hear, by_symbol=deep)
    view = View(by or "", depth or 0, pattern, sort, top)
    if explores:
        _explore(weight)
    elif page is not None:
        _write_page(console, page, weight, before)
    elif before is not None:
        _show_change(console, before, weight, view, as_json=as_json, markdown=markdown)
    else:
        _show(console, weight, view, past, as_json=as_json, as_csv=as_csv)


def _before(
    target: str,
    against: str | None,
    wanted: "Platform | None",
    dockerfile: str,
    hear: "Listener",
    *,
    by_symbol: bool,
) -> "Weight | None":
    """What to compare with."""
    from whit.build.revisions import PREFIX, weigh_revision
    from whit.build.sizing import weigh

    if against is None:
        return None
    if against.startswith(PREFIX):
        revision = against.removeprefix(PREFIX)
        return weigh_revision(target, revision, os.getcwd(), wanted, hear, dockerfile)
    return weigh(against, os.getcwd(), wanted, hear, by_symbol=by_symbol)


def _explain(console: Console, target: str, asked: str | None, *, as_json: bool) -> None:
    from whit.cli.size_reasons import show_reason

    show_reason(console, target, asked, as_json=as_json)


def _try(console: Console, target: str, trying: dict[str, Any], *, as_json: bool) -> None:
    from whit.cli.size_try import show_trials

    show_trials(console, target, trying, as_json=as_json)


def _become_root_for(dockerfile: str, *targets: str) -> None:
    """Of a namespace, where steps of a Dockerfile are to run."""
    import sys

    from whit.build.sizing import is_dockerfile
    from whit.sandbox.nested import enter_namespace

    if dockerfile or any(map(is_dockerfile, targets)):
        enter_namespace(tuple(sys.argv[1:]))


def _remembered(path: str | None, weight: "Weight") -> "tuple[Past, ...]":
    """The history of what was weighed, with the last size in it."""
    if path is None:
        return ()
    from whit.build.history import past_of, remember

    return remember(path, past_of(weight, os.getcwd()))


def _explore(weight: "Weight") -> None:
    from whit.cli.explorer import Explorer

    Explorer(weight).run()


def _refuse_without_terminal(*, explores: bool) -> None:
    """Before anything is weighed."""
    if not explores:
        return
    import sys
    from importlib.util import find_spec

    from whit.errors.sizes import NoExplorer

    if find_spec("textual") is None:
        raise NoExplorer(
            "the explorer needs Textual, which is not installed",
            hint="pip install 'whit[tui]'; --html FILE shows the same on a page",
        )
    if not (sys.stdin.isatty() and sys.stderr.isatty()):  # Textual draws on stderr
        raise NoExplorer("the explorer needs a terminal", hint="--html FILE writes a page")


def _show(
    console: Console,
    weight: "Weight",
    view: "View",
    past: "tuple[Past, ...]",
    *,
    as_json: bool,
    as_csv: bool,
) -> None:
    from whit.report.size import size_csv, size_document, size_lines

    if as_json:
        console.document(size_document(weight, view, past))
    elif as_csv:
        console.out(size_csv(weight, view))
    else:
        console.out(size_lines(weight, view, past))


def _show_change(
    console: Console,
    before: "Weight",
    after: "Weight",
    view: "View",
    *,
    as_json: bool,
    markdown: bool,
) -> None:
    from whit.report.size_change import change_document, change_lines, change_markdown

    if as_json:
        console.document(change_document(before, after, view))
    elif markdown:
        console.out(change_markdown(before, after, view))
    else:
        console.out(change_lines(before, after, view))


def _write_page(console: Console, path: str, weight: "Weight", before: "Weight | None") -> None:
    from importlib.resources import files

    from whit.report.size_page import size_page

    template = (files("whit") / "report" / "size.html").read_text(encoding="utf-8")
    Path(path).write_text(size_page(template, weight, before), encoding="utf-8")
    console.say(f"wrote {path}")
