"""Contract: what a program reads from its surroundings, each item with where that is known from.

The rule of the type: it says "at least these". A name that is put together when the program runs
stands in no file. It travels in the image as one compact label.
"""

import re
from collections.abc import Iterator

import msgspec

LABEL = "dev.whit.contract"
# A label that is larger is not read: nobody honest has so many variables.
MAX_LABEL_BYTES = 64 << 10
# What a label is cut to: with its flags and their usages a large program says ten times as much.
COMPACT_LABEL_BYTES = 16 << 10
# What would end a name where names are written: in a shell, an env file, a unit or YAML.
_NAME = re.compile(r"""[^\s="'`$\\{}\ufffd]+""")
# Control characters, as JSON writes them and as they are: a terminal would obey them.
_CONTROL = re.compile(r"\\u00(?:0[0-8b-f]|1[0-9a-f]|7f|[89][0-9a-f])|[\x7f-\x9f]", re.IGNORECASE)


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
    type: str = ""
    required: bool = False
    sources: tuple[str, ...] = ()


class Saying(msgspec.Struct, frozen=True):
    """What the source says of one name. `kind` is env, flag, prefix (of whatever is read) or flags
    (all of them are read as variables, behind this prefix); `func` the linker's name of where it
    stands, "" for a package variable; `flag` the flag that a variable stands for.
    """

    kind: str
    name: str
    how: str
    place: str
    module: str
    default: str | None = None
    usage: str = ""
    type: str = ""
    required: bool = False
    env: tuple[str, ...] = ()
    flag: str = ""
    func: str = ""


class Observed(msgspec.Struct, frozen=True, omit_defaults=True):
    """What runs of the program were seen to use: files read, looked for in vain and written,
    ports listened on (`8080/tcp`), addresses connected to, programs run, and capabilities that
    its system calls ask for. Variables are not among them: no system call reads one.
    """

    files: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    listens: tuple[str, ...] = ()
    connects: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()

    def joined(self, other: "Observed") -> "Observed":
        """Two runs as one."""
        pairs = zip(msgspec.structs.astuple(self), msgspec.structs.astuple(other), strict=True)
        return Observed(*(tuple(sorted({*mine, *theirs})) for mine, theirs in pairs))

    @property
    def written_directories(self) -> tuple[str, ...]:
        """Where a read-only root needs something to write on: none of them is below another."""
        parents = {path.rpartition("/")[0] for path in self.writes} - {""}
        return tuple(sorted(p for p in parents if not any(p.startswith(f"{q}/") for q in parents)))


class Contract(msgspec.Struct, frozen=True, omit_defaults=True):
    """All that is known, sorted by name. `env` is what the program itself reads; `libraries` maps
    a module ("std" for the standard library) to the names that only it reads; of `prefixes` it is
    known that more names begin so.
    """

    env: tuple[Variable, ...] = ()
    flags: tuple[Option, ...] = ()
    libraries: dict[str, tuple[str, ...]] = {}
    prefixes: tuple[str, ...] = ()
    observed: Observed = Observed()
    version: int = 1

    @property
    def is_empty(self) -> bool:
        return not (self.env or self.flags or self.prefixes)

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
        if variable.type != was.type and was.type and variable.type:
            found.append(Change(name, f"{was.type} is now {variable.type}", breaks=True))
    found += [Change(name, "no longer read") for name in before if name not in after]
    found += [*_flag_changes(old, new), *_uses(old.observed, new.observed)]
    return tuple(sorted(found, key=lambda change: (not change.breaks, change.name)))


def _flag_changes(old: Contract, new: Contract) -> Iterator[Change]:
    before, after = {f.name: f for f in old.flags}, {f.name: f for f in new.flags}
    for name in sorted({*before, *after}):
        was, flag = before.get(name), after.get(name)
        if flag is None:
            yield Change(f"--{name}", "the flag is gone", breaks=True)
        elif was is None:
            what = "new flag and required" if flag.required else "new flag"
            yield Change(f"--{name}", what, flag.required)
        elif was.default is not None and flag.default is not None and was.default != flag.default:
            yield Change(f"--{name}", f"default {was.default!r} is now {flag.default!r}")


def _uses(old: Observed, new: Observed) -> Iterator[Change]:
    """What a deployment without it would refuse; where both were seen in runs."""
    if old == Observed() or new == Observed():
        return
    rows = (
        (old.written_directories, new.written_directories, "now written to"),
        (old.listens, new.listens, "now listened on"),
        (old.capabilities, new.capabilities, "a capability that is now used"),
    )
    for before, after, what in rows:
        yield from (Change(name, what) for name in after if name not in before)


def encode(contract: Contract) -> str:
    """The same bytes for the same contract, all of it."""
    return msgspec.json.encode(contract, order="sorted").decode()


def encode_label(contract: Contract) -> str:
    """The label's value. A large contract is told in fewer words: what a deployment has to set
    stays, words about it go first.
    """
    terse = msgspec.structs.replace
    named = tuple(Option(flag.name, flag.default, flag.usage) for flag in contract.flags)
    bare = tuple(Option(flag.name, flag.default) for flag in contract.flags)
    env = tuple(terse(v, usage="", sources=v.sources[:1]) for v in contract.env)
    steps = (
        contract,
        terse(contract, flags=named),
        terse(contract, flags=bare),
        terse(contract, flags=bare, env=env),
        terse(contract, flags=(), env=env, libraries={}, observed=Observed()),
    )
    texts = [encode(step) for step in steps]
    return next((text for text in texts if len(text) <= COMPACT_LABEL_BYTES), texts[-1])


def decode(text: str) -> Contract | None:
    """None for what is no contract: a label may hold anything."""
    if len(text) > MAX_LABEL_BYTES:
        return None
    try:
        contract = msgspec.json.decode(_CONTROL.sub("\ufffd", text), type=Contract)
    except (msgspec.DecodeError, UnicodeError):
        return None
    names = [*(v.name for v in contract.env), *(f.name for f in contract.flags)]
    is_honest = all(name.isprintable() and _NAME.fullmatch(name) for name in names)
    return contract if contract.version == 1 and is_honest else None
