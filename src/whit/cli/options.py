"""The flags that several verbs share, each bound to one setting; grouped for --help.

A flag here is a short way to write `--set KEY=VALUE`: the key is the same in whit.toml.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
import msgspec

from whit.build.call import request_of
from whit.build.request import Request
from whit.build.settings import TABLES, parse_assignments
from whit.errors.request import BadSetting
from whit.model.image import Effort, Format
from whit.model.program import Cgo, Strip


class Flag(msgspec.Struct, frozen=True):
    """One option of the command line and the setting it stands for."""

    names: tuple[str, ...]
    key: str
    heading: str
    help: str
    metavar: str = "TEXT"
    is_list: bool = False
    choices: tuple[str, ...] = ()


FLAGS = (
    Flag(("--platform",), "platform", "compile", "Platforms, or all [this host's].", "OS/ARCH,…"),
    Flag(("--go",), "go.version", "compile", "Go release, such as 1.21.13.", "VERSION"),
    Flag(
        ("--strip",), "go.strip", "compile", "What the linker leaves out.",
        choices=tuple(s.value for s in Strip),
    ),
    Flag(
        ("--cgo",), "go.cgo", "compile", "What becomes of C code [auto].",
        choices=tuple(c.value for c in Cgo),
    ),
    Flag(("--ldflags",), "go.ldflags", "compile", "More linker flags.", "FLAGS", True),
    Flag(("--need",), "needs.add", "needs", "Take this although no rule asks.", "CODE", True),
    Flag(("--without",), "needs.drop", "needs", "Leave this out all the same.", "CODE", True),
    Flag(("--ca-extra",), "needs.ca-extra", "needs", "More CA certificates (PEM).", "FILE", True),
    Flag(("--tz",), "needs.zones", "needs", "These time zones only.", "ZONE", True),
    Flag(("--sysroot",), "needs.sysroot", "needs", "Root that libraries come from [/].", "DIR"),
    Flag(("--base",), "image.base", "image", "What lies below it [auto: nothing].", "BASE"),
    Flag(("--user",), "image.user", "image", "Who runs it [65532:65532].", "UID[:GID]"),
    Flag(
        ("--copy",), "files", "image", "Put a file or directory of yours there.", "SRC:/PATH", True
    ),
    Flag(
        ("--directory",), "directories", "image", "Make it, for the program to write to.", "/PATH",
        True,
    ),
    Flag(
        ("--compression",), "output.compression", "image", "Of the layers [gzip].",
        choices=tuple(f.value for f in Format),
    ),
    Flag(
        ("--effort",), "output.effort", "image", "Of the compressor [fast].",
        choices=tuple(e.value for e in Effort),
    ),
    Flag(("--to",), "output.to", "publish", "Send the image there as well.", "DEST", True),
    Flag(
        ("--distro",), "base.distro", "base", "Of which the packages are [debian13].",
        choices=("debian12", "debian13"),
    ),
    Flag(("--mirror",), "base.mirror", "base", "Where they come from [as for apt].", "URL"),
    Flag(("--smoke",), "output.smoke", "publish", "Run it once with these arguments.", "ARGS"),
)  # fmt: skip
HEADINGS = {
    "compile": "Compile",
    "needs": "Needs",
    "base": "Base",
    "image": "Image",
    "publish": "Prove and publish",
    "": "More",
}


class GroupedCommand(click.Command):
    """A command whose --help shows options under the headings of FLAGS."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        heading_of = {flag.names[-1]: flag.heading for flag in FLAGS}
        rows: dict[str, list[tuple[str, str]]] = {heading: [] for heading in HEADINGS}
        for parameter in self.get_params(ctx):
            if isinstance(parameter, click.Argument):
                continue
            record = parameter.get_help_record(ctx)
            if record is not None:
                rows[heading_of.get(parameter.opts[-1], "")].append(record)
        for heading, title in HEADINGS.items():
            if rows[heading]:
                with formatter.section(title):
                    formatter.write_dl(rows[heading], col_max=26)


def shared(
    *headings: str, keys: tuple[str, ...] = (), has_source: bool = True
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a verb the flags of these headings or settings, and --set, --config, -t and the
    source.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        chosen = [flag for flag in FLAGS if flag.heading in headings or flag.key in keys]
        decorators: list[Callable[[Callable[..., Any]], Callable[..., Any]]] = [
            *([click.argument("source", required=False, default="")] if has_source else []),
            *(_option(flag) for flag in chosen),
            click.option("-t", "--tag", "names", multiple=True, metavar="NAME[:TAG]",
                         help="Name of the image [the program's]."),
            click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE",
                         help="Any setting of whit.toml."),
            click.option("--config", type=click.Path(path_type=Path), metavar="FILE",
                         help="Settings file [nearest whit.toml]."),
            click.option("--insecure", "insecure", multiple=True, metavar="HOST",
                         help="Allow this registry plain HTTP."),
            click.option("--frozen", is_flag=True, help="Refuse what differs from whit.lock."),
            click.option("--offline", is_flag=True, help="Make no request to the network."),
        ]  # fmt: skip
        for decorate_one in reversed(decorators):
            function = decorate_one(function)
        return function

    return decorate


def _option(flag: Flag) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    kind = click.Choice(flag.choices) if flag.choices else None
    return click.option(
        *flag.names,
        _parameter(flag),
        multiple=flag.is_list,
        type=kind,
        metavar=None if flag.choices else flag.metavar,
        help=flag.help,
    )


def _parameter(flag: Flag) -> str:
    return "setting_" + flag.key.replace(".", "_").replace("-", "_")


def _entry_of(flag: Flag, text: str) -> tuple[str, str]:
    """An entry of a table: what is given on the command line starts at the working directory."""
    source, colon, path = text.rpartition(":")
    if not (colon and source and path):
        raise BadSetting(f"{flag.names[0]} {text}: no place", hint=f"write it as {flag.metavar}")
    return f"{flag.key}.{path}", os.path.abspath(source)


def request_from(words: Mapping[str, Any]) -> Request:
    """The Request that the flags, the environment and whit.toml make together."""
    flags: dict[str, object] = {}
    for flag in FLAGS:
        value = words.get(_parameter(flag))
        if flag.key in TABLES:
            flags |= dict(_entry_of(flag, text) for text in value or ())
        elif value not in (None, ()):
            flags[flag.key] = list(value) if flag.is_list else value
    flags |= parse_assignments(words["assignments"])
    request = request_of(
        words["source"],
        flags,
        words["names"],
        config=words["config"],
        insecure=words["insecure"],
        offline=words["offline"],
        pushes=words.get("pushes", False),
    )
    return msgspec.structs.replace(request, is_frozen=words["frozen"])
