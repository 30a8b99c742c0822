"""`whit images`: list, check, remove and prune the local store."""

import click

from whit.build.house import open_house
from whit.cli.console import Console
from whit.errors import Exit, UsageError, WhitError
from whit.report.words import aligned, size_text
from whit.store.blobs import Store
from whit.store.listing import Listed


@click.command("images", epilog="Example: whit images --prune")
@click.argument("names", nargs=-1)
@click.option("--check", "checks", is_flag=True, help="Verify every byte of the store.")
@click.option("--remove", is_flag=True, help="Remove the named images.")
@click.option("--prune", is_flag=True, help="Free what no image uses.")
@click.option("--keep", default="", metavar="SIZE", help="With --prune: at most so much cache.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
@click.pass_context
def command(
    context: click.Context,
    names: tuple[str, ...],
    checks: bool,
    remove: bool,
    prune: bool,
    keep: str,
    as_json: bool,
) -> None:
    """List the images of the local store, newest first; NAMES limits the list.

    --prune also takes of the cache of Dockerfile builds what no build used for a day (steps) or a
    month (cache mounts, downloads); with --keep 5g more, what was not used for longest first.

    The store is an OCI layout: skopeo and crane open it at the path that is shown.
    """
    console: Console = context.obj
    if remove and not names:
        raise UsageError("--remove needs the names of images", hint="`whit images` lists them")
    if keep and not prune:
        raise UsageError("--keep goes with --prune", hint="whit images --prune --keep 5g")
    house = open_house()
    store = Store.open(house.store)
    for name in names if remove else ():
        store.remove(name)
        console.say(f"removed {name}")
    if prune:
        from whit.build.dockerfile.upkeep import prune_cache
        from whit.sandbox.spec import parse_memory

        bound = parse_memory(keep, "--keep") if keep else -1
        freed = store.prune() + prune_cache(house.cache, house.now, bound)
        console.say(f"freed {size_text(freed)}")
    if checks:
        problems = store.check()
        for problem in problems:
            console.out(f"{problem.subject}: {problem.what}")
            if problem.hint:
                console.out(f"  {problem.hint}")
        if problems:
            context.exit(Exit.REQUEST)
        console.say("every blob is what its digest says")
    if remove or prune or checks:
        return
    _list(console, store, names, as_json=as_json)


def _list(console: Console, store: Store, names: tuple[str, ...], *, as_json: bool) -> None:
    wanted = {name if ":" in name else f"{name}:latest" for name in names}
    images = [image for image in store.images() if not names or image.name in wanted]
    for name in sorted(wanted - {image.name for image in images}):
        store.find(name)  # which says that there is none, and what there is
    if as_json:
        console.document(
            {
                "schema": "whit/images/v2",
                "store": store.directory,
                "images": [
                    {
                        "name": i.name,
                        "digest": i.digest,
                        "platforms": [str(platform) for platform in i.platforms],
                        "disk": disk_bytes(store, i),
                        "compressed": i.size,
                        "broken": i.is_broken,
                    }
                    for i in images
                ],
            }
        )
        return
    if not images:
        console.say(f"no images in {store.directory}; `whit build` makes one")
        return
    rows = [("NAME", "DIGEST", "PLATFORM", "DISK", "COMPRESSED")]
    for i in images:
        disk = disk_bytes(store, i)
        sizes = ("damaged", "-") if disk is None else (size_text(disk), size_text(i.size))
        rows.append((i.name or "-", i.digest[7:19], _platforms(i), *sizes))
    console.out(aligned(rows, right=(3, 4)))
    console.say(f"store: {store.directory}")


def _platforms(listed: Listed) -> str:
    """`linux/amd64`, or `linux/amd64 +3` for an index of four."""
    if not listed.platforms:
        return "-"
    more = len(listed.platforms) - 1
    return f"{listed.platforms[0]} +{more}" if more else str(listed.platforms[0])


def disk_bytes(store: Store, listed: Listed) -> int | None:
    """Bytes of the image's files; None when it is damaged."""
    try:
        layers = {
            layer.digest: layer.file_bytes
            for digest in listed.images
            for layer in store.image(digest).layers
        }
        return None if listed.is_broken else sum(layers.values())
    except WhitError:
        return None
