"""A code in, its page out."""

import click

from whit.cli.console import Console
from whit.errors import UsageError


@click.command("explain", epilog="Example: whit explain N010")
@click.argument("code", required=False)
@click.pass_obj
def command(console: Console, code: str | None) -> None:
    """Print the page of CODE: what it means, how whit knows, how to override it.

    Without CODE, list all of them.
    """
    pages = page_titles()
    if code is None:
        console.out([f"{name}  {title}" for name, title in pages.items()])
        return
    wanted = code.upper()
    if wanted not in pages:
        import difflib

        close = difflib.get_close_matches(wanted, pages, n=1, cutoff=0.7)
        raise UsageError(
            f"there is no code {code!r}",
            hint=f"did you mean {close[0]}?" if close else "`whit explain` lists all codes",
        )
    console.out(read_page(wanted).rstrip())


def read_page(code: str) -> str:
    from importlib.resources import files

    return (files("whit") / "pages" / f"{code}.md").read_text()


def page_titles() -> dict[str, str]:
    """Code -> title of all pages, sorted."""
    from importlib.resources import files

    names = sorted(
        entry.name.removesuffix(".md")
        for entry in (files("whit") / "pages").iterdir()
        if entry.name.endswith(".md")
    )
    return {name: read_page(name).split("\n", 1)[0].partition(": ")[2] for name in names}
