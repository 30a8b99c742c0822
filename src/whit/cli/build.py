"""`whit build`: Go source or a program in, an image reference on stdout."""

from typing import Any

import click

from whit.build.call import build_images
from whit.build.house import open_house
from whit.cli.console import Console
from whit.cli.options import GroupedCommand, request_from, shared


@click.command(
    "build",
    cls=GroupedCommand,
    epilog="Example: whit build ./cmd/app -t registry.example/app:1.2 --push --smoke --version",
)
@shared("compile", "needs", "image", "publish")
@click.option("--push", "pushes", is_flag=True, help="Push it to the registries its names say.")
@click.option("--run", "runs", is_flag=True, help="Run the image when it is built.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as a JSON document.")
@click.pass_context
def command(context: click.Context, /, runs: bool, as_json: bool, **words: Any) -> None:
    """Compile SOURCE, find out what it needs, and make the smallest image that runs it.

    SOURCE is a directory or pattern (. ./cmd/app ./cmd/...), a module path at a version
    (example.com/app/cmd/app@latest), or a static program. The image's reference is printed on
    stdout; it lies in the local store and wherever --to and --push say. Several platforms
    (--platform linux/amd64,linux/arm64 or all) make an index under one name.
    """
    console: Console = context.obj
    request = request_from(words)
    house = open_house()
    results = build_images(request, house, console.hear)
    from whit.report.result import result_document, summary_lines

    for result in results:
        console.say(summary_lines(result))
    if as_json:
        documents = [result_document(result) for result in results]
        console.document(documents[0] if len(documents) == 1 else documents)
    elif not runs:
        console.out(list(dict.fromkeys(result.reference for result in results)))
    if runs:
        from whit.cli.run import run_reference

        context.exit(run_reference(house, results[0].reference, ()))
