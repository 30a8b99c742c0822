"""Contract: what a program reads from its surroundings, each item with where that is known from.

The rule of the type: it says "at least these". A name that is put together when the program runs
stands in no file. It travels in the image as one compact label.
"""

import msgspec

LABEL = "dev.whit.contract"
# A label that is larger is not read: nobody honest has so many variables.
MAX_LABEL_BYTES = 64 << 10


class Variable(msgspec.Struct, frozen=True, omit_defaults=True):
    """An environment variable. `default` is None where none is known; `sources` are words such as
    "code: os.Getenv in main.main", "tag: env" or "declared".
    """

    name: str
    required: bool = False
    secret: bool = False
    default: str | None = None
    usage: str = ""
    type: str = ""
    file: str = ""
    sources: tuple[str, ...] = ()


class Option(msgspec.Struct, frozen=True, omit_defaults=True):
    """A flag of the command line."""

    name: str
    default: str | None = None
    usage: str = ""


class Contract(msgspec.Struct, frozen=True, omit_defaults=True):
    """All that is known, sorted by name. `env` is what the program itself reads; `libraries` maps
    a module ("std" for the standard library) to the names that only it reads.
    """

    env: tuple[Variable, ...] = ()
    flags: tuple[Option, ...] = ()
    libraries: dict[str, tuple[str, ...]] = {}
    version: int = 1

    @property
    def is_empty(self) -> bool:
        return not (self.env or self.flags)

    def variable(self, name: str) -> Variable | None:
        return next((variable for variable in self.env if variable.name == name), None)


class Change(msgspec.Struct, frozen=True):
    """A difference between two contracts. `breaks` what ran before."""

    name: str
    what: str
    breaks: bool = False


def changes(old: Contract, new: Contract) -> tuple[Change, ...]:
    """What a change of image asks of whoever runs it; what breaks first."""
    found: list[Change] = []
    before, after = {v.name: v for v in old.env}, {v.name: v for v in new.env}
    for name, variable in after.items():
        was = before.get(name)
        if was is None:
            what = "new and required" if variable.required else "new"
            found.append(Change(name, what, variable.required))
            continue
        if variable.required and not was.required:
            found.append(Change(name, "now required", breaks=True))
        elif was.required and not variable.required:
            found.append(Change(name, "no longer required"))
        if variable.default != was.default and was.default is not None:
            shown = "none" if variable.default is None else repr(variable.default)
            found.append(Change(name, f"default {was.default!r} is now {shown}"))
        if variable.secret and not was.secret:
            found.append(Change(name, "now a secret"))
    found += [Change(name, "no longer read") for name in before if name not in after]
    flags = {flag.name for flag in new.flags}
    found += [
        Change(f"-{flag.name}", "the flag is gone", breaks=True)
        for flag in old.flags
        if flag.name not in flags
    ]
    known = {flag.name for flag in old.flags}
    found += [Change(f"-{name}", "new flag") for name in sorted(flags - known)]
    return tuple(sorted(found, key=lambda change: (not change.breaks, change.name)))


def encode(contract: Contract) -> str:
    """The label's value: the same bytes for the same contract."""
    return msgspec.json.encode(contract, order="sorted").decode()


def decode(text: str) -> Contract | None:
    """None for what is no contract: a label may hold anything."""
    if len(text) > MAX_LABEL_BYTES:
        return None
    try:
        contract = msgspec.json.decode(text, type=Contract)
    except (msgspec.DecodeError, UnicodeError):
        return None
    names = [*(v.name for v in contract.env), *(f.name for f in contract.flags)]
    is_honest = all(name and name.isprintable() and "=" not in name for name in names)
    return contract if contract.version == 1 and is_honest else None
