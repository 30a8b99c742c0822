"""`whit copy`: an image from one place to another, byte for byte."""

from pathlib import Path

import click

from whit.cli.console import Console


@click.command(
    "copy", epilog="Example: whit copy registry.example/app:1.2 oci:app --platform linux/arm64"
)
@click.argument("source")
@click.argument("target")
@click.option("--platform", metavar="OS/ARCH", help="One image of an index [all of it].")
@click.option(
    "--referrers", is_flag=True, help="Take along what refers to it: signatures, SBOMs, contracts."
)
@click.option("--insecure", multiple=True, metavar="HOST", help="Allow this registry plain HTTP.")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Settings file [nearest whit.toml].",
)
@click.pass_obj
def command(
    console: Console,
    source: str,
    target: str,
    platform: str | None,
    referrers: bool,
    insecure: tuple[str, ...],
    config: Path | None,
) -> None:
    """Copy the image SOURCE to TARGET; its digest stays what it is.

    \b
    Both are one of:
      registry.example/app:1.2    a registry
      app:1.2                     the local store
      oci:DIR[:NAME]              an OCI layout
      oci-archive:FILE[:NAME]     the same in a tar
      docker-archive:FILE[:NAME]  what `docker load` reads
      docker-daemon:NAME, podman:NAME, containerd:NAME
    TARGET may also be kind:[CLUSTER], k3d:[CLUSTER] or minikube:[PROFILE].

    What a registry has already is not fetched, and a blob that another of its repositories has is
    mounted.
    """  # noqa: D301 - click wants a real backspace
    import os

    from whit.build.copy import copy
    from whit.build.ends import parse_end
    from whit.build.following import follow, way_between
    from whit.build.house import open_house
    from whit.build.registries import Registries
    from whit.build.settings import insecurely, read_settings
    from whit.model.names import Platform
    from whit.store.blobs import Store

    settings, home = read_settings({}, os.environ, Path.cwd(), config)
    registries = Registries(
        insecurely(settings.registries, insecure), str(home), listen=console.hear
    )
    ends = parse_end(source), parse_end(target)
    wanted = Platform.parse(platform) if platform else None
    store = Store.open(open_house().store)
    try:
        way = way_between(*ends, registries) if referrers else None
        copied = copy(*ends, wanted, registries, store, str(Path.cwd()), console.hear)
        if way is not None:
            follow(copied.digest, way, store, console.hear)
    finally:
        store.close()
    console.out(copied.reference)
