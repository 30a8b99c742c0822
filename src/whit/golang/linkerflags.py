"""The recipe's strip setting and linker flags in, one `-ldflags` value out.

Flags are split and quoted as Go does it: blanks separate, a field may stand in ' or ", and
nothing is escaped inside. Placeholders are filled in after the split, so that a value with blanks
stays one field.
"""

import re
from collections.abc import Callable, Mapping, Sequence

from whit.errors.golang import BadLinkerFlags
from whit.model.program import Strip

PLACEHOLDERS = ("Version", "Commit", "ShortCommit", "Branch", "Tag", "Date")
_PLACEHOLDER = re.compile(r"\{\{(.*?)\}\}")
_ENV_NAME = re.compile(r"Env\.([A-Za-z_][A-Za-z0-9_]*)")
_STRIP = {Strip.ALL: ("-s", "-w"), Strip.DWARF: ("-w",), Strip.NONE: ()}


def linker_flags(strip: Strip, flags: Sequence[str], fill: Callable[[str], str]) -> str:
    """`-s -w` and the like, then the user's; `fill` gives the value of a placeholder."""
    fields = list(_STRIP[strip])
    for text in flags:
        text = _PLACEHOLDER.sub(lambda match: "{{" + match[1].strip() + "}}", text)  # noqa: PLW2901
        fields += (expand(field, fill) for field in split_fields(text))
    return " ".join(quote_field(field) for field in fields)


def asks_for(flags: Sequence[str]) -> frozenset[str]:
    """The placeholders that stand in the flags, checked, without their dot: Version, Env.USER."""
    return frozenset(
        _name_of(match) for text in flags for match in _PLACEHOLDER.finditer(text)
    )  # fmt: skip


def expand(
    text: str,
    fill: Callable[[str], str],
    more: tuple[str, ...] = (),
    what: str = "linker flag",
) -> str:
    """`text` with its placeholders filled; `more` are allowed besides the usual ones."""
    filled = _PLACEHOLDER.sub(lambda match: fill(_name_of(match, more)), text)
    if "{{" in _PLACEHOLDER.sub("", text):
        raise BadLinkerFlags(
            f"{what} {text!r}: '{{{{' without '}}}}'", hint="write {{.Version}}, for one"
        )
    return filled


def filler(
    facts: Mapping[str, str], env: Mapping[str, str], why_missing: str, what: str = "linker flags"
) -> Callable[[str], str]:
    """A `fill` from VCS facts and the environment, which refuses what neither knows."""

    def fill(name: str) -> str:
        if name.startswith("Env."):
            value = env.get(name[4:])
            if value is None:
                raise BadLinkerFlags(
                    f"{what}: {{{{.{name}}}}} is asked for, and {name[4:]} is not set",
                    hint=f"set it: {name[4:]}=... whit build",
                )
            return value
        value = facts.get(name, "")
        if not value:
            raise BadLinkerFlags(
                f"{what}: {{{{.{name}}}}} is asked for, and it is not known: {why_missing}",
                hint="commit (and tag) the source in git, or write the value itself",
            )
        return value

    return fill


def split_fields(text: str) -> list[str]:
    fields: list[str] = []
    rest = text.lstrip()
    while rest:
        quote = rest[0]
        if quote in "'\"":
            field, end, rest = rest[1:].partition(quote)
            if not end:
                raise BadLinkerFlags(
                    f"linker flags {text!r}: the quote {quote} is never closed",
                    hint="""quote a whole field: "-X 'main.name=My App'\"""",
                )
        else:
            field, *more = rest.split(None, 1)
            rest = more[0] if more else ""
        fields.append(field)
        rest = rest.lstrip()
    return fields


def quote_field(field: str) -> str:
    if field and not any(letter.isspace() or letter in "'\"" for letter in field):
        return field
    for quote in "'\"":
        if quote not in field:
            return f"{quote}{field}{quote}"
    raise BadLinkerFlags(
        f"linker flag {field!r} holds both kinds of quotes, which Go cannot read",
        hint="leave one kind out of the value",
    )


def _name_of(match: re.Match[str], more: tuple[str, ...] = ()) -> str:
    name = match[1].strip()
    bare = name.removeprefix(".")
    if name.startswith(".") and (bare in (*PLACEHOLDERS, *more) or _ENV_NAME.fullmatch(bare)):
        return bare
    known = ", ".join(f"{{{{.{word}}}}}" for word in (*more, *PLACEHOLDERS, "Env.NAME"))
    raise BadLinkerFlags(f"{match[0]} is no placeholder", hint=f"known: {known}")
