"""`whit lint`: what is wrong in a Dockerfile, or costs more than it has to."""

import os
from typing import TYPE_CHECKING

import click

from whit.cli.console import Console
from whit.errors import UsageError
from whit.errors.dockerfile import BadDockerfile

if TYPE_CHECKING:
    from whit.dockerfile.findings import Finding, Settings
    from whit.dockerfile.lint import Linted
    from whit.dockerfile.parser import Dockerfile
    from whit.dockerfile.patterns import Patterns

NAMES = ("Dockerfile", "dockerfile")


@click.command("lint", epilog="Example: whit lint Dockerfile --fix")
@click.argument("path", default=".", metavar="[DOCKERFILE|DIRECTORY]")
@click.option("--context", "directory", metavar="DIR", help="The build context; its .dockerignore "
              "is read.  [the Dockerfile's directory]")  # fmt: skip
@click.option("--target", default="", metavar="STAGE", help="The stage that becomes the image.")
@click.option("--build-arg", "arguments", multiple=True, metavar="NAME=VALUE",
              help="A value for an ARG.")  # fmt: skip
@click.option("--skip", multiple=True, metavar="RULE", help="Leave a rule out.")
@click.option("--experimental", multiple=True, metavar="RULE", help="Take an experimental rule in.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
@click.option("--sarif", "as_sarif", is_flag=True, help="Print a SARIF log for code hosts.")
@click.option("--fix", is_flag=True, help="Print what can be mended safely, as a diff.")
@click.option("--write", is_flag=True, help="With --fix: write it into the file.")
@click.pass_context
def command(
    context: click.Context,
    path: str,
    directory: str | None,
    target: str,
    arguments: tuple[str, ...],
    skip: tuple[str, ...],
    experimental: tuple[str, ...],
    as_json: bool,
    as_sarif: bool,
    fix: bool,
    write: bool,
) -> None:
    """Check a Dockerfile: docker's 22 rules by their names, and rules for images of Go programs.

    Ends with 1 when there are warnings, with 0 when there is only advice. A line
    `# check=skip=RULE` above an instruction, or at the top for the whole file, silences a rule.
    """
    from whit import __version__
    from whit.dockerfile.findings import Settings
    from whit.dockerfile.parser import parse
    from whit.report.lint import lint_document, lint_lines, sarif_document

    console: Console = context.obj
    if write and not fix:
        raise UsageError("--write goes with --fix", hint="`whit lint --fix` shows what it would do")
    known_rules((*skip, *experimental))
    file = find_dockerfile(path)
    dockerfile = parse(read_file(file), file)
    settings = Settings(frozenset(skip), frozenset(experimental))
    build_args = tuple(map(split_argument, arguments))
    linted = linted_file(
        dockerfile, directory or os.path.dirname(file), target, build_args, settings
    )
    if fix:
        mend(console, file, dockerfile.lines, linted.findings, writes=write)
    elif as_sarif:
        console.document(sarif_document(dockerfile, linted, __version__))
    elif as_json:
        console.document(lint_document(dockerfile, linted))
    else:
        console.out(lint_lines(dockerfile, linted))
    if not fix and is_bad(linted):
        context.exit(1)


def linted_file(
    dockerfile: "Dockerfile",
    directory: str,
    target: str,
    build_args: tuple[tuple[str, str], ...],
    settings: "Settings | None" = None,
) -> "Linted":
    """`directory` is the build context, whose .dockerignore is read."""
    from whit.build.request import host_platform
    from whit.dockerfile.lint import lint
    from whit.dockerfile.lintsteps import Surroundings
    from whit.dockerfile.stages import PlanOptions

    platform = host_platform()
    options = PlanOptions(platform, platform, target, build_args)
    return lint(
        dockerfile,
        options,
        Surroundings(ignored_by(directory or ".", dockerfile.file)),
        settings,
    )


def is_bad(linted: "Linted") -> bool:
    """Whether there are warnings, or findings that the file itself calls errors."""
    from whit.dockerfile.findings import Level

    warns = any(finding.rule.level is Level.WARNING for finding in linted.findings)
    return warns or (linted.is_strict and bool(linted.findings))


def known_rules(names: tuple[str, ...]) -> None:
    from whit.dockerfile.flags import did_you_mean
    from whit.dockerfile.rules import RULES

    known = [rule.name for rule in RULES]
    for name in names:
        if name not in (*known, "all"):
            raise UsageError(
                f"there is no rule {name}", hint=did_you_mean(name, known) or ", ".join(known)
            )


def find_dockerfile(path: str) -> str:
    """The file itself, or the Dockerfile in a directory."""
    if not os.path.isdir(path):
        return path
    for name in NAMES:
        if os.path.isfile(os.path.join(path, name)):
            return os.path.normpath(os.path.join(path, name))
    raise BadDockerfile(f"there is no Dockerfile in {path}", hint="name the file: whit lint FILE")


def read_file(file: str) -> bytes:
    from whit.dockerfile.lexer import MAX_FILE_BYTES

    try:
        with open(file, "rb") as opened:
            return opened.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise BadDockerfile(
            f"{file} cannot be read: {error.strerror}", hint="name a Dockerfile or its directory"
        ) from error


def ignored_by(directory: str, file: str) -> "Patterns | None":
    """The patterns of FILE.dockerignore, or of the context's .dockerignore."""
    from whit.dockerfile.ignore import read_ignore
    from whit.dockerfile.patterns import compile_patterns

    for place in (f"{file}.dockerignore", os.path.join(directory, ".dockerignore")):
        if os.path.isfile(place):
            return compile_patterns(read_ignore(read_file(place), place))
    return None


def split_argument(text: str) -> tuple[str, str]:
    """NAME=VALUE, or NAME for the environment's value."""
    name, equals, value = text.partition("=")
    if not name:
        raise UsageError(f"--build-arg {text} has no name", hint="write --build-arg NAME=VALUE")
    return name, value if equals else os.environ.get(name, "")


def mend(
    console: Console,
    file: str,
    lines: tuple[str, ...],
    findings: "tuple[Finding, ...]",
    *,
    writes: bool,
) -> None:
    """Print the diff, and write it when asked."""
    import difflib

    from whit.dockerfile.lint import mended

    new = mended(lines, findings)
    name = file.lstrip("/")
    diff = list(difflib.unified_diff(lines, new, f"a/{name}", f"b/{name}", lineterm=""))
    if not diff:
        console.say("nothing that can be mended without changing the image")
        return
    console.out(diff)
    if writes:
        end = "\r\n" if b"\r\n" in read_file(file) else "\n"
        with open(file, "w", encoding="utf-8", newline="") as opened:
            opened.write("".join(line + end for line in new))
        console.say(f"wrote {file}")
