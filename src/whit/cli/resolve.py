"""`whit resolve`: manifests that name programs in, the same that name images out."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from whit.build.house import open_house
from whit.cli.console import Console
from whit.cli.options import GroupedCommand, request_from, shared

if TYPE_CHECKING:
    from whit.model.result import Result


@click.command(
    "resolve",
    cls=GroupedCommand,
    epilog="Example: whit resolve -f k8s -t 'r.example/{{.Name}}' --push | kubectl apply -f -",
)
@click.option(
    "-f", "--file", "file", required=True, metavar="FILE", help="A manifest, a directory, or -."
)
@shared("compile", "publish", has_source=False)
@click.option("--push", "pushes", is_flag=True, help="Push the images to the registries named.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="PLACE",
    help="Write there, a directory as a directory [stdout].",
)
@click.pass_obj
def command(console: Console, /, file: str, output: Path | None, **words: Any) -> None:
    """Build what manifests name as whit://./cmd/app, and write the image's digest there.

    Takes Kubernetes manifests, Compose files, Helm values and templates. A value that is
    whit://SOURCE, or NAME=whit://SOURCE, becomes the image's reference; SOURCE is what `whit build`
    takes, seen from the current directory. All else stays as it is, byte for byte: comments, order,
    quotes, several documents. A program is built once, however often it is named.
    """
    from whit.build.call import build_images
    from whit.build.resolve import STDIN, joined, read_manifests, resolve, write_manifests

    manifests = read_manifests(file, sys.stdin.buffer)
    for place in (place for manifest in manifests for place in manifest.left):
        at = f"{place.file}:{place.line}:{place.column}"
        console.say(
            f"warning: {at}: whit:// names no program as it stands here, and is left as it is"
        )
    sources = {mention.source for manifest in manifests for mention in manifest.mentions}
    request = request_from(words | {"source": "."})
    _check_names(request.names, sources)
    house = open_house()

    def build_one(source: str) -> "tuple[Result, ...]":
        return build_images(msgspec.structs.replace(request, source=source), house, console.hear)

    done, references = resolve(manifests, build_one)
    if references and not request.pushes and not request.destinations:
        console.say(
            "the images lie in the local store only: --push sends them where others can pull"
        )
    if not references:
        console.say(f"nothing in {file} names a program as whit://SOURCE")
    if output is not None:
        write_manifests(done, str(output), as_tree=file != STDIN and Path(file).is_dir())
        console.out([f"{source} {reference}" for source, reference in references.items()])
    else:
        sys.stdout.buffer.write(joined(done).encode())
        sys.stdout.buffer.flush()


def _check_names(names: tuple[str, ...], sources: set[str]) -> None:
    """One name cannot mean several images."""
    from whit.errors.request import BadSetting

    plain = next((name for name in names if "{{" not in name), None)
    if plain is not None and len(sources) > 1:
        raise BadSetting(
            f"one name for {len(sources)} images: {plain}",
            hint="say where the program's name belongs: -t 'registry.example/{{.Name}}:1.2'",
        )
