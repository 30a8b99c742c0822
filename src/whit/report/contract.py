"""Contract in, lines or a JSON document out."""

from collections.abc import Iterable

import msgspec

from whit.model.contract import Change, Contract, Observed, Option, Variable
from whit.report.words import aligned, count_text

SCHEMA = "whit/contract/v1"


def contract_lines(contract: Contract, *, everything: bool = False) -> list[str]:
    """Variables with what is known of each and from where; then flags and what libraries read."""
    lines = aligned(_row(variable) for variable in contract.env)
    if not contract.env:
        lines = ["no variable is known that the program itself reads"]
    if contract.flags:
        lines += ["", "flags"]
        lines += aligned(map(_flag_row, contract.flags), indent="  ")
    if contract.prefixes:
        lines += ["", "and whatever begins with " + ", ".join(contract.prefixes)]
    if contract.observed != Observed():
        lines += ["", "seen in runs", *(f"  {line}" for line in observed_lines(contract.observed))]
    names = sum(map(len, contract.libraries.values()))
    if contract.libraries and everything:
        lines += ["", "read by libraries"]
        rows = ((module, ", ".join(read)) for module, read in contract.libraries.items())
        lines += aligned(rows, indent="  ")
    elif names:
        lines += ["", f"and {count_text(names, 'variable')} that only libraries read (--all)"]
    lines += ["", "at least these: a name that is put together at run time is in no file"]
    return [_plain(line) for line in lines]


def _plain(line: str) -> str:
    """A label comes from whoever made the image: nothing of it may steer a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in line)


_OBSERVED = {
    "files": "reads", "missing": "looks for", "writes": "writes", "listens": "listens on",
    "connects": "connects to", "runs": "runs", "capabilities": "needs",
}  # fmt: skip
_MOST_TOLD = 8


def observed_lines(observed: Observed) -> list[str]:
    """A line for each kind of thing; a long one says how many there are besides."""
    rows = []
    for field, word in _OBSERVED.items():
        texts = getattr(observed, field)
        more = [f"and {len(texts) - _MOST_TOLD} more"] if len(texts) > _MOST_TOLD else []
        if texts:
            rows.append((word, ", ".join([*texts[:_MOST_TOLD], *more])))
    return aligned(rows) if rows else ["it used nothing but what every program does"]


def contract_document(contract: Contract) -> dict[str, object]:
    return {"schema": SCHEMA, **msgspec.to_builtins(contract)}


def change_lines(changes: Iterable[Change]) -> list[str]:
    rows = [("breaks" if c.breaks else "", c.name, c.what) for c in changes]
    return aligned(rows) if rows else ["the same contract"]


def _flag_row(flag: Option) -> tuple[str, str, str, str]:
    words = [word for word in ("required" if flag.required else "", flag.type) if word]
    default = repr(flag.default) if flag.default else ""
    return f"--{flag.name}", " ".join(words), default, flag.usage


def _row(variable: Variable) -> tuple[str, str, str, str]:
    words = [word for word, holds in (("required", variable.required), ("secret", variable.secret),
                                      (variable.type, bool(variable.type))) if holds]  # fmt: skip
    default = f"default {variable.default!r}" if variable.default else ""
    about = "; ".join(filter(None, (variable.usage, ", ".join(variable.sources))))
    return variable.name, " ".join(words), default, about
