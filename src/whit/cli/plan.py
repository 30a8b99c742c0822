"""`whit plan`: what an image would hold and why, without making it."""

from typing import Any

import click

from whit.build.call import plan_images
from whit.build.house import open_house
from whit.cli.console import HEAD_START, Console
from whit.cli.options import GroupedCommand, request_from, shared


@click.command("plan", cls=GroupedCommand, epilog="Example: whit plan . --why-not /etc/ssl/certs")
@shared("compile", "needs", "image")
@click.option("--why", metavar="PATH", help="Why is this path in the image?")
@click.option("--why-not", metavar="PATH", help="Why is it not?")
@click.option("--all", "everything", is_flag=True, help="Every file and every rule.")
@click.option("--json", "as_json", is_flag=True, help="Print the plan as a JSON document.")
@click.pass_context
def command(
    context: click.Context,
    /,
    why: str | None,
    why_not: str | None,
    everything: bool,
    as_json: bool,
    **words: Any,
) -> None:
    """Show every entry of the image for SOURCE with size, provider, code and reason.

    Then what was left out and why, and the totals. Nothing is written but Go's own cache.
    """
    console: Console = context.obj
    request = request_from(words)
    plans = plan_images(request, open_house(head=context.meta.get(HEAD_START)), console.hear)
    from whit.needs.declared import is_providable
    from whit.needs.planner import why as why_of
    from whit.needs.planner import why_not as why_not_of
    from whit.report.plan import plan_document, plan_lines, why_lines, why_not_lines

    for planned in plans:
        plan = planned.plan
        if why is not None:
            console.out(why_lines(why_of(plan, why), why))
        elif why_not is not None:
            is_there = why_of(plan, why_not) is not None
            found = why_not_of(plan, why_not)
            providable = {need.code for need in found if is_providable(need.code)}
            console.out(why_not_lines(found, providable, is_there, why_not))
        elif as_json:
            console.document({"schema": "whit/plan/v1", **plan_document(plan)})
        else:
            console.out(plan_lines(plan, everything=everything))
