"""`whit config`: what a program reads from its environment, and whether a run has it."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from whit.build.house import open_house
from whit.cli.console import Console
from whit.errors.request import ContractBroken

if TYPE_CHECKING:
    from whit.build.contracts import Described
    from whit.build.deploying import Directory
    from whit.model.plan import Plan
    from whit.oci.documents import RunDocument

KINDS = ("compose", "kubernetes", "quadlet", "systemd", "helm-values")


@click.group("config", epilog="Example: whit config check app:1.2 --env-file .env")
def command() -> None:
    """Show what a program reads from its environment: variables, flags and their defaults.

    IMAGE is a name in the local store or in a registry, or Go source (a path, or a module at a
    version). An image built with image.contract = true carries its contract as a label; otherwise
    it is read from the program.
    """


@command.command("show", epilog="Example: whit config show ./cmd/app")
@click.argument("image")
@click.option("--all", "everything", is_flag=True, help="Also what only libraries read.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
@click.pass_obj
def show(console: Console, image: str, everything: bool, as_json: bool) -> None:
    """List variables with what is known of each, and from where."""
    from whit.report.contract import contract_document, contract_lines

    contract = _described(image, console).contract
    if as_json:
        console.document(contract_document(contract))
    else:
        console.out(contract_lines(contract, everything=everything))


@command.command("diff", epilog="Example: whit config diff app:1.1 app:1.2")
@click.argument("old")
@click.argument("new")
@click.pass_obj
def diff(console: Console, old: str, new: str) -> None:
    """Say what NEW asks for that OLD did not; end with 1 where that breaks a deployment."""
    from whit.model.contract import changes
    from whit.report.contract import change_lines

    found = changes(_described(old, console).contract, _described(new, console).contract)
    console.out(change_lines(found))
    breaking = [change for change in found if change.breaks]
    if breaking:
        raise ContractBroken(
            f"what runs {old} breaks with {new}: " + ", ".join(change.name for change in breaking),
            hint="set what is new and leave out what is gone before it is rolled out",
        )


@command.command("check", epilog="Example: whit config check app:1.2 --env-file .env")
@click.argument("image")
@click.option(
    "--env-file",
    "env_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="NAME=value lines, as for Compose.",
)
@click.option("--secrets", type=click.Path(), metavar="DIR", help="A file for each secret.")
@click.pass_obj
def check(console: Console, image: str, env_file: Path | None, secrets: str | None) -> None:
    """Compare a run's variables and secrets with the contract; list all that is wrong."""
    from whit.build.contracts import broken, read_secret_names
    from whit.build.contracts import check as check_run
    from whit.build.envfile import EnvFile
    from whit.build.handed import files_of, read_env_file, unmentioned

    described = _described(image, console)
    contract = described.contract
    given = read_env_file(str(env_file)) if env_file else EnvFile({})
    sizes, unusable = read_secret_names(secrets) if secrets else ({}, ())
    wrong, doubtful = check_run(contract, given.variables, sizes, files_of(described.config))
    if described.config is not None:
        doubtful = unmentioned(doubtful, contract, image, open_house())
    console.say([f"warning: {note}" for note in (*given.notes, *doubtful)])
    wrong = (*given.wrong, *unusable, *wrong)
    if wrong:
        hint = f"`whit config show {image}` says what each is for"
        raise broken("{} wrong with the configuration", hint, wrong)
    required = sum(variable.required for variable in contract.env)
    said = {0: "nothing is wrong", 1: "the required variable is there"}
    console.out(said.get(required, f"all {required} required variables are there"))


@command.command("emit", epilog="Example: whit config emit kubernetes app:1.2 > app.yaml")
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("image")
@click.option("--name", default="", metavar="NAME", help="Of the service [the image's].")
@click.pass_obj
def emit(console: Console, kind: str, image: str, name: str) -> None:
    """Write a manifest: secrets referenced, root read-only, capabilities dropped.

    Memory is mounted exactly where the program writes, probes are those of [entry] health, and what
    is required and has no value has to be filled in before anything starts. systemd is a unit for
    the image's files without an engine, quadlet one for podman 4.4 or newer.
    """
    from whit.build.deploying import deployed_of
    from whit.report.manifests import manifest, service_name

    if name and name != service_name(name):
        raise click.BadParameter(
            f"{name!r} is none that DNS takes; {service_name(name)!r} would be", param_hint="--name"
        )
    described, run, directories = _to_deploy(image, console)
    deployed = deployed_of(described, name or service_name(image), run, directories)
    console.out(manifest(kind, deployed).rstrip())


def _to_deploy(
    image: str, console: Console
) -> "tuple[Described, RunDocument | None, dict[str, Directory]]":
    """An image of the store, or one that is only planned."""
    from whit.build.deploying import directories_of, directories_of_tree
    from whit.errors.images import UnknownImage
    from whit.store.blobs import Store

    if _is_source(image):
        from whit.oci.assemble import run_document

        described, plan = _planned(image, console)
        return described, run_document(plan.config), directories_of_tree(plan.tree())
    house = open_house()
    described = _described(image, console)
    store = Store.open(house.store)
    try:
        directories = directories_of(store.find(image), store)
    except UnknownImage:  # a contract can be read where the image is not
        directories = {}
    return described, described.config.config if described.config else None, directories


def _is_source(image: str) -> bool:
    """A path, or a module path at a version (example.com/app@v1.2.3), which no image's name looks
    like.
    """
    path, at, version = image.partition("@")
    is_module = bool(at) and not version.startswith("sha256:") and "." in path.partition("/")[0]
    return is_module or image.startswith((".", "/")) or os.path.isdir(image)


def _described(image: str, console: Console) -> "Described":
    """An image's contract, or that of a source with what whit.toml declares."""
    from whit.build.contracts import contract_of_image

    if _is_source(image):
        return _planned(image, console)[0]
    return contract_of_image(image, open_house())


def _planned(source: str, console: Console) -> "tuple[Described, Plan]":
    from whit.build.call import plan_images, request_of
    from whit.build.contracts import Described, contract_of_program
    from whit.report.manifests import service_name

    request = request_of(source, {})
    planned = plan_images(request, listen=console.hear)[0]
    contract = contract_of_program(planned.binary, planned.facts, request, console.hear)
    said = request.settings.image.name
    named = said if said and "{{" not in said else service_name(source)
    return Described(named, contract), planned.plan
