"""The options of `whit build -f Dockerfile`, and what they do."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from whit.cli.console import Console

if TYPE_CHECKING:
    from whit.build.dockerfile.asked import Asked
    from whit.build.dockerfile.call import Built
    from whit.build.events import Listener
    from whit.build.house import House
    from whit.build.request import Request
    from whit.model.secret import Secrets

OPTIONS = (
    click.option("-f", "--file", "dockerfile", metavar="FILE", help="Build this Dockerfile."),
    click.option("--target", metavar="STAGE", default="", help="Stop at this stage."),
    click.option("--build-arg", "build_args", multiple=True, metavar="NAME[=V]", help="An ARG."),
    click.option("--build-context", "contexts", multiple=True, metavar="NAME=PLACE",
                 help="What a name in FROM or --from stands for."),
    click.option("--go-cache", type=click.Choice(["auto", "off"]), default="auto",
                 help="Keep Go's caches between builds [auto]."),
    click.option("--rewrite-timestamp", "rewrites_times", is_flag=True,
                 help="No file is younger than SOURCE_DATE_EPOCH."),
    click.option("--slim", "slims", is_flag=True,
                 help="Keep of its image what the program needs."),
    click.option("--check", "checks", is_flag=True, help="Only lint it; build nothing."),
    click.option("--no-cache", is_flag=True, help="Do every step anew."),
    click.option("--cache-from", multiple=True, metavar="PLACE",
                 help="Look steps up there: a registry's NAME:TAG or a directory."),
    click.option("--cache-to", multiple=True, metavar="PLACE",
                 help="Keep all steps there for other machines."),
    click.option("--progress", type=click.Choice(["auto", "plain"]), default="auto",
                 help="A tree on a terminal, or every line of output [auto]."),
    click.option("--memory", default="", metavar="SIZE", help="Limit each RUN's memory: 512m, 2g."),
    click.option("--pids", default=0, metavar="N", help="Limit each RUN's processes."),
)  # fmt: skip


def dockerfile_options(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(OPTIONS):
        function = option(function)
    return function


def check_file(words: Mapping[str, Any], directory: str, console: Console) -> int:
    """--check: lint as this build would be made; the status to end with."""
    from whit.build.dockerfile.asked import find_context, find_file, parse_arguments
    from whit.cli.lint import is_bad, linted_file, read_file
    from whit.dockerfile.parser import parse
    from whit.report.lint import lint_document, lint_lines

    context = find_context(os.path.join(directory, words["source"] or "."))
    file = find_file(words["dockerfile"], context)
    dockerfile = parse(read_file(file), os.path.relpath(file))
    arguments = parse_arguments(words["build_args"], os.environ)
    linted = linted_file(dockerfile, context, words["target"], arguments)
    if words["as_json"]:
        console.document(lint_document(dockerfile, linted))
    else:
        console.out(lint_lines(dockerfile, linted))
    return int(is_bad(linted))


def build_file(
    words: Mapping[str, Any], request: "Request", house: "House", console: Console
) -> "Built":
    """Build, and return what came of it."""
    if os.geteuid():
        from whit.sandbox.nested import enter_namespace

        enter_namespace(tuple(sys.argv[1:]))
    from whit.build.dockerfile.asked import (
        Asked,
        find_context,
        find_file,
        parse_agents,
        parse_arguments,
        parse_contexts,
    )
    from whit.build.dockerfile.call import build_dockerfile
    from whit.sandbox.spec import parse_memory

    context = find_context(os.path.join(request.directory, words["source"] or "."))
    asked = Asked(
        file=find_file(words["dockerfile"], context),
        context=context,
        target=words["target"],
        arguments=parse_arguments(words["build_args"], os.environ),
        contexts=parse_contexts(words["contexts"]),
        secrets=_secrets(words["secrets"], request.directory),
        agents=parse_agents(words["agents"], os.environ),
        has_go_cache=words["go_cache"] == "auto",
        rewrites_times=words["rewrites_times"],
        is_fresh=words["no_cache"],
        memory_bytes=parse_memory(words["memory"]),
        pids=max(words["pids"], 0),
        cache_from=tuple(words["cache_from"]),
        cache_to=tuple(words["cache_to"]),
        words=_words(words),
    )
    if not words["slims"]:
        with _listener(console, words["progress"]) as hear:
            return build_dockerfile(request, asked, house, hear)
    return _slimmed(request, asked, house, console, words["progress"])


@contextmanager
def _listener(console: Console, progress: str) -> "Iterator[Listener]":
    """Draws on a terminal, and writes line by line elsewhere."""
    if progress == "plain" or not console.is_live or console.is_quiet:
        yield console.hear
        return
    from whit.cli.live import Live

    with Live(console) as live:
        yield live.hear


def _words(words: Mapping[str, Any]) -> tuple[str, ...]:
    """What was typed, where the same may be answered again: no other file is written, nothing is
    run, and every value stands in the words themselves.
    """
    more = ("slims", "runs", "as_json", "metadata", "iidfile", "pushes", "config")
    if any(words[name] for name in more):
        return ()
    if not all("=" in word for word in words["build_args"]):
        return ()
    return tuple(sys.argv[1:])


def _slimmed(
    request: "Request", asked: "Asked", house: "House", console: Console, progress: str
) -> "Built":
    """The Dockerfile's image under a name of its own, and what its program needs of it."""
    import msgspec

    from whit.build.dockerfile.call import Built, build_dockerfile
    from whit.build.slimmer import slim
    from whit.errors.request import BadSetting
    from whit.report.slim import slim_lines

    if len(request.platforms) > 1:
        raise BadSetting(
            "--slim makes one platform at a time", hint=f"--platform {request.platforms[0]}"
        )
    last = (request.names or (os.path.basename(os.path.abspath(asked.context)),))[0]
    full = f"{last.partition('@')[0].rpartition('/')[2].partition(':')[0].lower()}:full"
    quiet = msgspec.structs.replace(request, names=(full,), destinations=(), pushes=False)
    with _listener(console, progress) as hear:
        build_dockerfile(quiet, asked, house, hear)
    slimmed = slim(full, request.platform, request, house, console.hear)
    console.say(slim_lines(slimmed))
    result = slimmed.result
    return Built(result.name, result.digest, (result.image,), result.receipts)


def _secrets(texts: tuple[str, ...], directory: str) -> "Secrets":
    if texts:
        from whit.build.secrets import read_secrets

        return read_secrets(texts, os.environ, directory)
    from whit.model.secret import Secrets

    return Secrets()
