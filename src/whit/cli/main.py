"""Words of the command line in, exit status out. The only module that ends the process."""

import gc
import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module

import click

from whit import __version__
from whit.cli.console import HEAD_START, Console, open_console
from whit.errors import Exit, UsageError, WhitError
from whit.golang.headstart import HeadStart

# verb -> (heading, one line of help); the module is whit.cli.<verb>, loaded when it is called.
VERBS = {
    "build": ("make", "Make the smallest image for a Go program."),
    "init": ("make", "Write a whit.toml with every setting explained."),
    "slim": ("make", "Make an existing image as small as it can be."),
    "base": ("make", "Make a base image of Debian's signed packages."),
    "lock": ("make", "Write down what goes into the images, by digest."),
    "plan": ("understand", "Show what an image would hold, and why."),
    "lint": ("understand", "Check a Dockerfile, and mend what is safe."),
    "size": ("understand", "Show where the bytes of a program or an image go."),
    "compare": ("understand", "Weigh a program on other bases beside whit's own image."),
    "explain": ("understand", "Print the page of a code such as N010."),
    "run": ("use", "Run an image of the local store."),
    "shell": ("use", "Open a shell in an image that has none."),
    "debug": ("use", "Open a shell where a step of a Dockerfile failed."),
    "config": ("use", "Show and check what a program reads from its environment."),
    "resolve": ("use", "Name images by digest in manifests that name programs."),
    "copy": ("move", "Copy an image between registries, archives and engines."),
    "login": ("move", "Keep a registry's credentials."),
    "images": ("move", "List, remove, check and prune the local store."),
    "doctor": ("host", "Say what this host can do and how to mend the rest."),
}
HEADINGS = ("make", "understand", "use", "move", "host")
CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

# What other tools have verbs for.
ELSEWHERE = {
    "push": "`whit build --push -t REGISTRY/NAME:TAG` pushes what it builds, "
    "`whit copy NAME REGISTRY/NAME:TAG` what is in the store",
    "pull": "`whit copy REGISTRY/NAME:TAG NAME:TAG` brings an image into the store",
    "logout": "`whit login --remove REGISTRY` forgets a password",
}


class Verbs(click.Group):
    """A group that knows its verbs by name and loads a module only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click\'s signature
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click\'s signature
        if cmd_name not in VERBS:
            return None
        command: click.Command = import_module(f"whit.cli.{cmd_name}").command
        command.context_settings = {**CONTEXT, **command.context_settings}
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            hint = ELSEWHERE.get(args[0]) or did_you_mean(args[0], VERBS)
            raise UsageError(f"whit has no verb {args[0]!r}", hint=hint)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click\'s signature
        for heading in HEADINGS:
            rows = [(verb, text) for verb, (under, text) in VERBS.items() if under == heading]
            with formatter.section(heading.capitalize()):
                formatter.write_dl(rows, col_max=12)


def did_you_mean(word: str, known: Sequence[str] | dict[str, tuple[str, str]]) -> str:
    import difflib

    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else "`whit --help` lists the verbs"


@click.command(cls=Verbs, context_settings=CONTEXT, epilog="Example: whit build ./cmd/app --run")
@click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but the result and errors.")
@click.version_option(__version__, message="whit %(version)s")
@click.pass_context
def whit(context: click.Context, color: str, quiet: bool) -> None:
    """Turn a Go program into the smallest container image that provably runs.

    No Docker daemon, no Dockerfile: every file in the image has a stated reason.
    """
    context.obj = open_console(color, quiet=quiet)


def run(arguments: Sequence[str], head: HeadStart | None = None) -> int:
    """Run one command line; every failure becomes text on stderr and a status."""
    console = Console()
    try:
        with whit.make_context("whit", list(arguments)) as context:
            console = context.obj or console
            context.meta[HEAD_START] = head
            whit.invoke(context)
            return Exit.OK
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.ClickException as error:
        console = open_console("auto", quiet=False)
        console.fail(_usage(error))
        return Exit.USAGE
    except WhitError as error:
        (console if console.width else open_console("auto", quiet=False)).fail(error)
        return error.exit
    except (KeyboardInterrupt, click.Abort):
        console.say("interrupted: nothing was published")
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # Whoever read our stdout has gone; that is not an error of ours.
        sys.stderr.close()
        return Exit.OK


def _usage(error: click.ClickException) -> UsageError:
    hint = None
    if isinstance(error, click.NoSuchOption) and _is_for_all_verbs(error.option_name):
        where = f"it goes before the verb: `whit {error.option_name} VERB`"
        return UsageError(f"{error.option_name} is no option of one verb", hint=where)
    if isinstance(error, click.NoSuchOption) and error.possibilities:
        close = " or ".join(sorted(error.possibilities))
        return UsageError(f"there is no option {error.option_name}", hint=f"did you mean {close}?")
    if isinstance(error, click.UsageError) and error.ctx is not None:
        hint = f"`{error.ctx.command_path} --help` lists what it takes"
    message = error.format_message()
    return UsageError(message[:1].lower() + message[1:].rstrip("."), hint=hint)


def _is_for_all_verbs(option: str) -> bool:
    return any(option in one.opts for one in whit.params)


def _interrupted(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def main(head: HeadStart) -> None:
    # A verb lives for a fraction of a second: collecting garbage costs more than it frees.
    gc.disable()
    # Go and the sandbox have process groups of their own, which only an exception ends.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupted)
    try:
        status = run(sys.argv[1:], head)
    except Exception as error:  # noqa: BLE001 - the last border: a bug is told as one
        import traceback

        traceback.print_exc()
        sys.stderr.write(
            f"error[W070]: this is a bug in whit, not in your program: {error!r}\n"
            "hint: please report it with the lines above and the command you ran\n"
        )
        status = Exit.BUG
    sys.stdout.flush()
    sys.stderr.flush()
    head.drop()
    # Everything is written and closed; taking the interpreter apart would only cost time.
    os._exit(status)
