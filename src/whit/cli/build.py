"""`whit build`: Go source or a program in, an image reference on stdout."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from whit.build.call import build_images
from whit.build.house import House, open_house
from whit.cli.console import HEAD_START, Console
from whit.cli.dockerfile import dockerfile_options
from whit.cli.options import GroupedCommand, request_from, shared

if TYPE_CHECKING:
    from whit.build.apart import Credentials
    from whit.build.dockerfile.call import Built
    from whit.build.noting import Noting
    from whit.build.request import Request
    from whit.model.result import Result

# More images than this are shown as a table.
MOST_SHOWN = 4


@click.command(
    "build",
    cls=GroupedCommand,
    epilog="Example: whit build ./cmd/app -t registry.example/app:1.2 --push --smoke --version",
)
@shared("compile", "needs", "image", "publish")
@dockerfile_options
@click.option("--push", "pushes", is_flag=True, help="Push it to the registries its names say.")
@click.option("--together", is_flag=True, help="One image for all programs of SOURCE.")
@click.option("--run", "runs", is_flag=True, help="Run the image when it is built.")
@click.option(
    "--secret",
    "secrets",
    multiple=True,
    metavar="id=NAME,…",
    help="For fetching modules, or RUN --mount: src=FILE, env=VAR or cmd=….",
)
@click.option(
    "--ssh",
    "agents",
    multiple=True,
    metavar="default[=SOCKET]",
    help="Fetch modules with this ssh agent.",
)
@click.option(
    "--prove-secrets", "proves", is_flag=True, help="Build with other secrets and compare digests."
)
@click.option("--verify", "verifies", is_flag=True, help="Build twice and compare digests.")
@click.option(
    "--metadata",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write digest and names as JSON.",
)
@click.option(
    "--iidfile", type=click.Path(path_type=Path), metavar="FILE", help="Write the image's digest."
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as a JSON document.")
@click.pass_context
def command(
    context: click.Context,
    /,
    together: bool,
    runs: bool,
    secrets: tuple[str, ...],
    agents: tuple[str, ...],
    proves: bool,
    verifies: bool,
    metadata: Path | None,
    iidfile: Path | None,
    as_json: bool,
    **words: Any,
) -> None:
    """Compile SOURCE, find out what it needs, and make the smallest image that runs it.

    SOURCE is a directory or pattern (. ./cmd/app ./cmd/...), a module path at a version
    (example.com/app/cmd/app@latest), or a finished program. The image's reference is printed on
    stdout; it lies in the local store and wherever --to and --push say. Several platforms
    (--platform linux/amd64,linux/arm64 or all) make an index under one name. Several programs
    (./cmd/...) make an image each, or one with --together.

    With -f SOURCE is the context of a Dockerfile, which is built as docker builds it, without a
    daemon: whit build -f Dockerfile .
    """
    console: Console = context.obj
    request = msgspec.structs.replace(request_from(words), together=together)
    house = open_house(head=context.meta.get(HEAD_START))
    if words["dockerfile"]:
        words |= {"secrets": secrets, "agents": agents, "runs": runs, "as_json": as_json}
        words |= {"metadata": metadata, "iidfile": iidfile}
        context.exit(_build_file(words, request, house, console, (metadata, iidfile)))
    credentials = _credentials(secrets, agents)
    if proves:
        _proven(request, credentials, house, console)
    results = _verified(request, house, console, credentials) if verifies else None
    more = (runs, secrets, agents, proves, verifies, metadata, iidfile, as_json, words["config"])
    noting = None if any(more) else _noting(request, house, console)
    if results is None or request.pushes or request.destinations:
        hear = noting.hear if noting else console.hear
        results = build_images(request, house, hear, credentials)
    from whit.report.result import result_document, summary_lines, summary_table

    lines = (
        summary_table(results) if len(results) > MOST_SHOWN
        else [line for result in results for line in summary_lines(result)]
    )  # fmt: skip
    console.say(lines)
    _write_files(results, metadata, iidfile)
    if as_json:
        documents = [result_document(result) for result in results]
        console.document(documents[0] if len(documents) == 1 else documents)
    elif not runs:
        console.out(list(dict.fromkeys(result.reference for result in results)))
    if noting is not None:
        noting.keep(results, lines)
    if runs:
        context.exit(_run(results, house))


def _run(results: "tuple[Result, ...]", house: House) -> int:
    """The status of the one program that was built."""
    from whit.cli.run import run_reference
    from whit.errors import UsageError

    references = list(dict.fromkeys(result.reference for result in results))
    if len(references) > 1:
        raise UsageError(
            f"--run runs one program, and {len(references)} were built",
            hint=f"whit run {references[0].partition('@')[0]}, for one of them",
        )
    return run_reference(house, references[0], ())


def _noting(request: "Request", house: House, console: Console) -> "Noting | None":
    """What answers the same words while nothing changes."""
    import sys

    from whit.build.noting import Noting, may_note

    return Noting(request, house, sys.argv[1:], console.hear) if may_note(request) else None


def _build_file(
    words: dict[str, Any],
    request: "Request",
    house: House,
    console: Console,
    files: tuple[Path | None, Path | None],
) -> int:
    """A Dockerfile's image, told as any other; the status to end with."""
    from whit.cli.dockerfile import build_file, check_file

    if words["checks"]:
        return check_file(words, request.directory, console)
    built = build_file(words, request, house, console)
    if any(files):
        _write_files((), *files, built)
    if words["as_json"]:
        console.document(built.document())
    elif words["runs"]:
        from whit.cli.run import run_reference

        return run_reference(house, built.reference, ())
    else:
        console.out(built.reference)
    return 0


def _credentials(secrets: tuple[str, ...], agents: tuple[str, ...]) -> "Credentials | None":
    if not secrets and not agents:
        return None
    import os

    from whit.build.apart import Credentials, parse_agent
    from whit.build.secrets import read_secrets

    sockets = tuple(parse_agent(text, os.environ) for text in agents)
    return Credentials(read_secrets(secrets, os.environ, str(Path.cwd())), sockets)


def _proven(
    request: "Request", credentials: "Credentials | None", house: House, console: Console
) -> None:
    """Build without publishing, and again with other secrets."""
    if credentials is None:
        raise click.UsageError("--prove-secrets needs a --secret to prove something about")
    from whit.build.call import as_locked
    from whit.build.noninterference import prove_secrets

    quiet = as_locked(msgspec.structs.replace(request, pushes=False, destinations=()))
    results = build_images(quiet, house, console.hear, credentials)
    prove_secrets(quiet, credentials, results, house, console.hear)


def _verified(
    request: "Request", house: House, console: Console, credentials: "Credentials | None"
) -> "tuple[Result, ...]":
    """Build without publishing, and again in other surroundings."""
    import sys
    from time import perf_counter

    from whit.build.events import Finished
    from whit.build.verify import verify

    quiet = msgspec.structs.replace(request, pushes=False, destinations=())
    results = build_images(quiet, house, console.hear, credentials)
    begun = perf_counter()
    verify(request, again(sys.argv[1:]), results)
    same = "a second build in other surroundings gave the same digest"
    console.hear(Finished("verify", same, perf_counter() - begun))
    return results


def again(arguments: "list[str]") -> "list[str]":
    """The words of a second build, which publishes nothing."""
    kept: list[str] = []
    words = iter(arguments[arguments.index("build") :])
    for word in words:
        name, has_value, _ = word.partition("=")
        if name in ("--to", "--metadata", "--iidfile"):
            if not has_value:
                next(words, None)
        elif word not in ("--verify", "--push", "--run", "--json"):
            kept.append(word)
    return kept


def _write_files(
    results: "tuple[Result, ...]",
    metadata: Path | None,
    iidfile: Path | None,
    built: "Built | None" = None,
) -> None:
    """What scripts read; complete or not there."""
    from whit.build.publish import write_file
    from whit.report.result import metadata_document

    if iidfile is not None:
        digests = dict.fromkeys(one.digest for one in ((built,) if built else results))
        write_file(str(iidfile), lambda out: out.write("\n".join(digests).encode()))
    if metadata is not None:
        data = msgspec_json(built.document() if built else metadata_document(results))
        write_file(str(metadata), lambda out: out.write(data))


def msgspec_json(document: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
