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

KINDS = ("compose", "kubernetes", "quadlet", "helm-values")


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
            f"{new} asks for more than {old}: " + ", ".join(change.name for change in breaking),
            hint="set these before the new image is rolled out",
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
    from whit.build.handed import read_env_file

    contract = _described(image, console).contract
    env, notes = read_env_file(str(env_file)) if env_file else ({}, ())
    sizes, unusable = read_secret_names(secrets) if secrets else ({}, ())
    wrong, doubtful = check_run(contract, env, sizes)
    console.say([f"warning: {note}" for note in (*notes, *doubtful)])
    wrong = (*unusable, *wrong)
    if wrong:
        raise broken(
            "{} wrong with the configuration", "`whit config show` says what each is for", wrong
        )
    required = sum(variable.required for variable in contract.env)
    console.out(f"all {required} required variables are there" if required else "nothing is wrong")


@command.command("emit", epilog="Example: whit config emit kubernetes app:1.2 > app.yaml")
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("image")
@click.option("--name", default="", metavar="NAME", help="Of the service [the image's].")
@click.pass_obj
def emit(console: Console, kind: str, image: str, name: str) -> None:
    """Write a manifest: secrets referenced, root read-only, capabilities dropped."""
    from whit.report.manifests import Deployed, manifest, service_name

    described = _described(image, console)
    run = described.config.config if described.config is not None else None
    deployed = Deployed(
        name=name or service_name(image),
        reference=image,
        user=run.user if run else "",
        ports=tuple(run.exposed_ports or ()) if run else (),
        volumes=(
            *(run.volumes or () if run else ()),
            *described.contract.observed.written_directories,
        ),
        contract=described.contract,
    )
    console.out(manifest(kind, deployed).rstrip())


def _described(image: str, console: Console) -> "Described":
    """An image's contract, or that of a source with what whit.toml declares."""
    from whit.build.contracts import Described, contract_of_image, contract_of_program

    if not (image.startswith((".", "/")) or os.path.isdir(image) or _is_module(image)):
        return contract_of_image(image, open_house())
    from whit.build.call import plan_images, request_of

    request = request_of(image, {})
    planned = plan_images(request, listen=console.hear)[0]
    contract = contract_of_program(planned.binary, planned.facts, request, console.hear)
    return Described(image, contract)


def _is_module(text: str) -> bool:
    """A module path at a version, example.com/app@v1.2.3, which no image's name looks like."""
    path, at, version = text.partition("@")
    return bool(at) and not version.startswith("sha256:") and "." in path.partition("/")[0]
