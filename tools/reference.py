"""Write docs/reference.md from the code: verbs, settings, codes. `--check` only compares.

What it writes is compared with the committed file by tests/unit/cli/test_reference.py.
"""

import sys
from importlib import import_module
from pathlib import Path

import click
import msgspec

from whit.build.settings import SECTIONS, Settings, setting_keys
from whit.cli.explain import page_titles
from whit.cli.main import CONTEXT, VERBS

SETTINGS = """\
A setting has one key everywhere: in whit.toml, after `--set`, and as a `WHIT_` variable (dots and
dashes become underscores). Flags go over variables, those over the file."""
VARIABLES = """\
Two more variables say where things lie: `WHIT_STORE` (the local store, else
`$XDG_DATA_HOME/whit`) and `WHIT_CACHE` (else `$XDG_CACHE_HOME/whit`). `SOURCE_DATE_EPOCH` is the
time at which an image says it was made; without it that is 0."""
PLACE = Path(__file__).parent.parent / "docs" / "reference.md"


def reference() -> str:
    """The whole document."""
    return "\n".join(
        [
            "# Reference",
            "",
            "Written from the code by `make docs`; do not edit.",
            "",
            "## Verbs",
            "",
            *(line for verb in VERBS for line in verb_lines(verb)),
            "## Settings",
            "",
            SETTINGS,
            "",
            "| key | default | variable |",
            "|---|---|---|",
            *(setting_row(key) for key in setting_keys()),
            "",
            VARIABLES,
            "",
            "## Exit status",
            "",
            "| status | meaning |",
            "|---|---|",
            "| 0 | done |",
            "| 1 | the request cannot be met as it stands |",
            "| 2 | the command line is off |",
            "| 3 | something outside failed; another try may help |",
            "| 4 | this host cannot do it; `whit doctor` says why |",
            "| 70 | a bug in whit |",
            "| 130 | interrupted |",
            "",
            "`whit run` ends with the program's own status.",
            "",
            "## Codes",
            "",
            "`whit explain CODE` prints the page of a code.",
            "",
            "| code | title |",
            "|---|---|",
            *(
                f"| [{c}](../src/whit/pages/{c}.md) | {title} |"
                for c, title in page_titles().items()
            ),
            "",
        ]
    )


def verb_lines(verb: str) -> list[str]:
    command: click.Command = import_module(f"whit.cli.{verb}").command
    settings = {**CONTEXT, **command.context_settings, "terminal_width": 96}
    context = click.Context(command, info_name=f"whit {verb}", **settings)  # type: ignore[arg-type]
    return [f"### whit {verb}", "", "```text", command.get_help(context).rstrip(), "```", ""]


def setting_row(key: str) -> str:
    section, _, name = key.rpartition(".")
    struct: type[msgspec.Struct] = SECTIONS[section] if section else Settings
    field = next(f for f in msgspec.structs.fields(struct) if f.encode_name == name)
    default = "" if field.default in (None, msgspec.NODEFAULT) else field.default
    if isinstance(default, tuple | dict) or default == "":
        default = ""
    shown = f"`{getattr(default, 'value', default)}`" if default != "" else "–"
    variable = "WHIT_" + key.upper().replace(".", "_").replace("-", "_")
    is_table = isinstance(field.default, dict) or "dict" in str(field.type)
    return f"| `{key}` | {shown} | {'–' if is_table else f'`{variable}`'} |"


if __name__ == "__main__":
    text = reference()
    if "--check" in sys.argv:
        sys.exit(0 if PLACE.read_text() == text else "docs/reference.md is not what the code says")
    PLACE.write_text(text)
