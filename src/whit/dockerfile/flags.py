"""The flag words of an instruction in, their values out. Pure."""

from collections.abc import Iterable
from enum import Enum
from typing import TypeAlias

import msgspec

from whit.errors.dockerfile import BadInstruction


class Kind(Enum):
    TEXT = "text"
    MANY = "many"  # may be repeated
    SWITCH = "switch"


FlagTable: TypeAlias = dict[str, Kind]


class Flags(msgspec.Struct, frozen=True):
    """What was given, by name; a switch is "true" or "false"."""

    values: dict[str, tuple[str, ...]]

    def text(self, name: str, default: str = "") -> str:
        return self.values.get(name, (default,))[0]

    def many(self, name: str) -> tuple[str, ...]:
        return self.values.get(name, ())

    def switch(self, name: str) -> bool | None:
        given = self.values.get(name)
        return None if given is None else given[0] == "true"


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """`did you mean 'x'?`, or None when nothing is close."""
    import difflib  # noqa: PLC0415 - only on errors

    names = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower(), list(names), n=1, cutoff=0.6)
    return f"did you mean {names[close[0]]!r}?" if close else None


def read_flags(words: Iterable[str], table: FlagTable, instruction: str) -> Flags:
    """Errors: BadInstruction, without a place."""
    values: dict[str, tuple[str, ...]] = {}
    for word in words:
        name, equals, value = word.removeprefix("--").partition("=")
        kind = table.get(name)
        if kind is None:
            takes = ", ".join(f"--{known}" for known in table)
            raise BadInstruction(
                f"{instruction} has no flag --{name}",
                hint=did_you_mean(f"--{name}", [f"--{known}" for known in table])
                or (f"it takes {takes}" if takes else f"{instruction} takes no flags"),
            )
        if name in values and kind is not Kind.MANY:
            raise BadInstruction(f"--{name} stands twice", hint="remove one of them")
        if (kind is not Kind.SWITCH and not equals) or (equals and not value and _is_switch(kind)):
            raise BadInstruction(f"--{name} has no value", hint=f"write --{name}=VALUE")
        if kind is Kind.SWITCH:
            value = value.lower() or "true"
            if value not in ("true", "false"):
                raise BadInstruction(
                    f"--{name} is true or false, and not {value!r}", hint=f"write --{name}"
                )
        values[name] = (*values.get(name, ()), value)
    return Flags(values)


def _is_switch(kind: Kind) -> bool:
    return kind is Kind.SWITCH
