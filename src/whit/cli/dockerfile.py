"""The options of `whit build -f Dockerfile`, and what they do."""

import os
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

from whit.cli.console import Console

if TYPE_CHECKING:
    from whit.build.dockerfile.call import Built
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
    click.option("--no-cache", is_flag=True, help="Do every step anew."),
)  # fmt: skip


def dockerfile_options(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(OPTIONS):
        function = option(function)
    return function


def build_file(
    words: Mapping[str, Any], request: "Request", house: "House", console: Console
) -> "Built":
    """Build, and return what came of it."""
    if os.geteuid():
        from whit.sandbox.nested import enter_namespace

        enter_namespace(tuple(sys.argv[1:]))
    from whit.build.dockerfile.asked import (
        Asked,
        find_file,
        parse_agents,
        parse_arguments,
        parse_contexts,
    )
    from whit.build.dockerfile.call import build_dockerfile

    context = os.path.join(request.directory, words["source"] or ".")
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
    )
    return build_dockerfile(request, asked, house, console.hear)


def _secrets(texts: tuple[str, ...], directory: str) -> "Secrets":
    if texts:
        from whit.build.secrets import read_secrets

        return read_secrets(texts, os.environ, directory)
    from whit.model.secret import Secrets

    return Secrets()
