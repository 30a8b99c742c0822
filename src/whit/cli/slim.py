"""`whit slim`: the smallest image that does what an existing one does."""

import shlex
from typing import Any

import click

from whit.cli.console import Console
from whit.cli.options import GroupedCommand, request_from, shared


@click.command(
    "slim",
    cls=GroupedCommand,
    epilog="Example: whit slim registry.example/app:1.2 -t registry.example/app:1.2-slim --push",
)
@shared("needs", "image", "publish")
@click.option("--entrypoint", metavar="WORDS", help="What it starts instead of the image's own.")
@click.option("--push", "pushes", is_flag=True, help="Push it to the registries its names say.")
@click.option("--platform", metavar="OS/ARCH", help="Of an index [this host's].")
@click.option("--json", "as_json", is_flag=True, help="Print the result as a JSON document.")
@click.pass_obj
def command(
    console: Console,
    /,
    platform: str | None,
    entrypoint: str | None,
    as_json: bool,
    **words: Any,
) -> None:
    """Keep of the image SOURCE what its program needs, and leave the rest out.

    SOURCE lies in the store, a registry, a layout, an archive or an engine, as `whit copy` takes
    it. Entrypoint, command, environment, user, directories, ports, volumes and health check stay
    what they are. What nobody can know is said; --need tree:/path keeps more.
    """
    from whit.build.house import open_house
    from whit.build.slimmer import slim
    from whit.model.names import Platform
    from whit.report.result import result_document, summary_lines
    from whit.report.slim import slim_lines

    source = words["source"]
    words["source"] = ""
    wanted = Platform.parse(platform) if platform else None
    slimmed = slim(
        source, wanted, request_from(words), open_house(), console.hear,
        tuple(shlex.split(entrypoint or "")),
    )  # fmt: skip
    console.say(summary_lines(slimmed.result))
    console.say(slim_lines(slimmed))
    if as_json:
        document = result_document(slimmed.result)
        document["before"] = {
            "disk": slimmed.before.file_bytes,
            "compressed": slimmed.before.size,
            "files": slimmed.before.file_count,
        }
        document["notes"] = list(slimmed.notes)
        console.document(document)
    else:
        console.out(slimmed.result.reference)
