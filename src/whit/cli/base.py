"""`whit base`: a base made of Debian's packages in, its reference on stdout."""

from typing import Any

import click

from whit.cli.console import Console
from whit.cli.options import GroupedCommand, request_from, shared
from whit.errors import UsageError

# The names are repeated here so that --help imports no room.
KINDS = ("static", "base-nossl", "base", "cc", "update")


@click.command(
    "base",
    cls=GroupedCommand,
    epilog="Example: whit base static --distro debian12 --variant nonroot --to oci:static",
)
@click.argument("kind", type=click.Choice(KINDS))
@shared(
    keys=("base.distro", "platform", "base.mirror", "output.compression", "output.effort",
          "output.to"),
    has_source=False,
)  # fmt: skip
@click.option(
    "--variant",
    type=click.Choice(["nonroot", "debug", "debug-nonroot"]),
    help="Runs as 65532; has a shell in /busybox.",
)
@click.option("--package", "packages", multiple=True, metavar="NAME", help="Add this package too.")
@click.option("--allow-old", "allows_old", is_flag=True, help="Take an older or expired Release.")
@click.option("--push", "pushes", is_flag=True, help="Push it to the registries its names say.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as a JSON document.")
@click.pass_obj
def command(
    console: Console,
    /,
    kind: str,
    variant: str | None,
    packages: tuple[str, ...],
    allows_old: bool,
    as_json: bool,
    **words: Any,
) -> None:
    """Make a base image of Debian's packages, with the content of the distroless images.

    \b
      static      accounts, CA roots, time zones, names of services
      base-nossl  static and glibc
      base        base-nossl and OpenSSL
      cc          base and the runtime of C and C++
      update      choose the packages of all bases in whit.lock anew

    Releases are checked by Debian's keys, indexes and packages by their digests; nothing of a
    package is run. What was chosen is written in whit.lock and taken again, offline too. Packages
    come from --mirror, or from where this host's apt takes them.
    """  # noqa: D301 - click wants a real backspace
    from whit.bases.debian.sets import Order
    from whit.build.base.call import make_bases, update_bases
    from whit.build.house import open_house

    request = request_from({**words, "source": ""})
    if kind == "update":
        if packages or variant:
            raise UsageError("`whit base update` takes neither --variant nor --package")
        changes, path = update_bases(request, open_house(), console.hear, allows_old=allows_old)
        rows = [{"name": d.name, "locked": d.locked, "found": d.found} for d in changes]
        if as_json:
            console.document({"schema": "whit/lock/v1", "path": str(path), "differences": rows})
        else:
            for one in changes:
                console.out(str(one))
        console.say(f"{path}: {'is current' if changes else 'nothing has changed'}")
        return
    distro = request.settings.base.distro
    orders = tuple(Order(kind, distro, variant or "", p, packages) for p in request.platforms)
    based = make_bases(orders, request, open_house(), console.hear, allows_old=allows_old)
    from whit.report.bases import base_document, base_lines

    console.say(base_lines(based.bases, based.lock))
    if as_json:
        digest = based.receipts[-1].digest
        console.document(base_document(based.bases, based.reference, digest, based.lock))
    else:
        console.out(based.reference)
