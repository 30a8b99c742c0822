"""`whit compare`: the same program on other bases, measured."""

from pathlib import Path
from typing import Any

import click

from whit.cli.console import Console
from whit.cli.options import GroupedCommand, request_from, shared


@click.command(
    "compare",
    cls=GroupedCommand,
    epilog="Example: whit compare ./cmd/app --base alpine=oci:alpine --svg sizes.svg",
)
@shared("compile", "needs")
@click.option(
    "--base",
    "bases",
    multiple=True,
    metavar="NAME[=PLACE]",
    help="Only this base, or an image for it.",
)
@click.option("--svg", metavar="FILE", help="Write a chart.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
@click.pass_obj
def command(
    console: Console, /, bases: tuple[str, ...], svg: str | None, as_json: bool, **words: Any
) -> None:
    """Build SOURCE in full, without DWARF and stripped, and weigh it on usual bases.

    Each image is the base, the program, and what the program needs and the base lacks; the last
    row is the image that `whit build` makes. static, base and cc are made as `whit base` makes
    them. PLACE is an image as `whit copy` names it: a name in a registry, oci:DIR,
    docker-archive:FILE, docker-daemon:NAME. Nothing is published.
    """  # fmt: skip
    from whit.build.comparing import compare
    from whit.build.house import open_house
    from whit.report.compare import compare_document, compare_lines

    comparison = compare(request_from(words), open_house(), bases, console.hear)
    if svg is not None:
        from whit.report.compare_chart import compare_chart

        Path(svg).write_text(compare_chart(comparison), encoding="utf-8")
        console.say(f"wrote {svg}")
    if as_json:
        console.document(compare_document(comparison))
    else:
        console.out(compare_lines(comparison))
