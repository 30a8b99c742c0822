"""`whit lock`: write down what goes into the images besides the source."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from whit.cli.console import Console
from whit.errors import UsageError

if TYPE_CHECKING:
    from whit.build.lock import Lock
    from whit.build.request import Request

SECTIONS = ("go", "modules", "certificates", "zones", "compressors")


@click.command("lock", epilog="Example: whit lock --update certificates alpine:3.20")
@click.argument("names", nargs=-1)
@click.option("--update", is_flag=True, help="Take what is current, for NAMES or for everything.")
@click.option("--source", default="", metavar="SOURCE", help="Of which program [.].")
@click.option("--json", "as_json", is_flag=True, help="Print the differences as JSON.")
@click.option("--insecure", multiple=True, metavar="HOST", help="Allow this registry plain HTTP.")
@click.option("--offline", is_flag=True, help="Make no request to the network.")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Settings file [nearest whit.toml].",
)
@click.pass_obj
def command(
    console: Console,
    names: tuple[str, ...],
    update: bool,
    source: str,
    as_json: bool,
    insecure: tuple[str, ...],
    offline: bool,
    config: Path | None,
) -> None:
    """Write whit.lock: the Go release, modules, CA roots, zones, compressors and base images.

    Where the file is there already, say what differs from it. NAMES are its sections, or base
    images such as alpine:3.20. Builds use the Go release that is locked; `whit build --frozen`
    refuses every difference.
    """
    from whit.build.call import request_of
    from whit.build.copy import base_digests
    from whit.build.house import open_house
    from whit.build.lock import differences, inputs_of, read_lock, updated, write_lock
    from whit.build.registries import Registries
    from whit.build.request import lock_path
    from whit.store.blobs import Store

    request = request_of(source, {}, config=config, insecure=insecure, offline=offline)
    path = lock_path(request)
    before = read_lock(path)
    if names and not update:
        raise UsageError("NAMES go with --update", hint=f"whit lock --update {' '.join(names)}")
    _check_names(names, before)
    registries = Registries(
        request.settings.registries, request.home, offline=offline, listen=console.hear
    )
    found = inputs_of(request, _go_version(request), before)
    after = found
    if update:
        store = Store.open(open_house().store)
        after = updated(
            before, found, names, lambda n: base_digests(n, registries, store, request.directory)
        )
        store.close()
    drift = differences(before, after) if before else ()
    if as_json:
        document = [{"name": d.name, "locked": d.locked, "found": d.found} for d in drift]
        console.document({"schema": "whit/lock/v1", "path": str(path), "differences": document})
    else:
        for one in drift:
            console.out(str(one))
    if before is None or (update and drift):
        write_lock(path, after)
        console.say(f"wrote {path}")
    elif drift:
        console.say(f"{path} is as it was; `whit lock --update` takes what is here")
    else:
        console.say(f"{path}: nothing has changed")


def _check_names(names: tuple[str, ...], before: "Lock | None") -> None:
    """A bare word is a section, or a base that is locked under it: nobody is asked for a slip.

    Errors: UsageError.
    """
    known = {*SECTIONS, *(before.base if before else ())}
    for name in names:
        if name not in known and not set(name) & set("/:@."):
            raise UsageError(
                f"whit.lock has no section {name!r}",
                hint=f"its sections are {', '.join(SECTIONS)}; "
                f"a base image is named with its tag: {name}:latest",
            )


def _go_version(request: "Request") -> str:
    """The release that would compile without a lock; "" for a finished program."""
    from whit.build.programs import recipe_of
    from whit.golang.compile import toolchain_for

    if Path(request.directory, request.source).is_file():
        return ""
    return toolchain_for(recipe_of(request, request.platform)).version
