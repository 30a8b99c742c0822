"""`whit shell`: a busybox that is mounted into an image for as long as somebody looks."""

import os
import sys
from pathlib import Path

import click

from whit.build.house import open_house
from whit.cli.console import Console

PLACE = "/.whit/busybox"


@click.command("shell", epilog="Example: whit shell app -c 'ls -l /etc'")
@click.argument("image")
@click.option("-c", "script", default="", metavar="COMMAND", help="Run this instead of a shell.")
@click.option("--user", default="", metavar="UID[:GID]", help="As this user [the image's].")
@click.option("-v", "--volume", "mounts", multiple=True, metavar="HOST:INSIDE[:ro]", help="Mount.")
@click.option("--network", default="", metavar="NAME", help="host, private or none.")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Settings file [nearest whit.toml].",
)
@click.pass_context
def command(
    context: click.Context,
    image: str,
    script: str,
    user: str,
    mounts: tuple[str, ...],
    network: str,
    config: Path | None,
) -> None:
    """Open a shell in IMAGE, whatever it holds: its files, user, variables and directory.

    A static busybox is mounted read-only beside the image's files; no layer changes, and what is
    written is gone afterwards. It is this host's own, or that of Debian's package busybox-static,
    checked as `whit base` checks packages. Without a terminal the script comes from stdin.
    """
    from whit.build.base.shell import shell_directory
    from whit.build.call import request_of
    from whit.cli.run import found_or_pulled, run_reference
    from whit.oci.documents import Config, decode
    from whit.sandbox.spec import DEFAULT_PATH, Mount, RunRequest, network_of, parse_mount
    from whit.store.blobs import Store

    console: Console = context.obj
    house = open_house()
    store = Store.open(house.store)
    found = found_or_pulled(image, store)
    place = shell_directory(found.platform, request_of("", {}, config=config), house, store)
    run = decode(Config, found.config, "the image's config").config
    own = dict(pair.partition("=")[::2] for pair in (run.env or ()) if run) if run else {}
    has_terminal = not script and os.isatty(0) and os.isatty(1)
    if has_terminal:
        console.say(f"a shell in {image}; it lies in {PLACE}, and what you write is not kept")
    request = RunRequest(
        args=(f"{PLACE}/sh",),
        user=user,
        # The image's own programs come first.
        env=(("PATH", f"{own.get('PATH') or DEFAULT_PATH}:{PLACE}"),),
        mounts=(
            Mount(place, PLACE, read_only=True),
            *(parse_mount(text, str(Path.cwd())) for text in mounts),
        ),
        network=network_of(network, ()),
        terminal=has_terminal,
    )
    sys.stdout.flush()
    arguments = ("-c", script) if script else ("-s",)
    context.exit(run_reference(house, image, arguments, request))
