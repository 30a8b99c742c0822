"""A binary's contract and what its source says in, both as one contract out. Pure.

The binary decides what counts: a name in a function that is not linked is left out. The source adds
what no byte holds: defaults, usages, types, what the program ends without, and names that a library
makes of flags and keys.
"""

from collections.abc import Iterable, Iterator

import msgspec

from whit.binary.facts import Facts
from whit.model.contract import Contract, Option, Saying, Variable
from whit.needs.contract import module_of, says_secret

_MAX_SOURCES = 3


def with_source(contract: Contract, facts: Facts, sayings: Iterable[Saying]) -> Contract:
    """Where nothing is said the contract is as it was."""
    said = [one for one in sayings if _is_linked(one, facts)]
    if not said:
        return contract
    own = facts.go.main.path if facts.go and facts.go.main else ""
    flags = {flag.name: flag for flag in contract.flags}
    for one in said:
        if one.kind == "flag":
            flags[one.name] = _flag(flags.get(one.name), one, own)
    env: dict[str, Variable] = {v.name: v for v in contract.env if not _is_part(v, said)}
    libraries = {module: list(names) for module, names in contract.libraries.items()}
    for one in said:
        module = module_of(f"{one.func or one.module}.", facts)
        if one.kind == "env" and one.how.startswith("os.") and module:
            names = libraries.setdefault(module, [])
            names += [one.name] if one.name not in names else []
        else:
            for variable in _variables(one, flags, own):
                old = env.get(variable.name, Variable(variable.name))
                env[variable.name] = _merged(old, variable)
    return msgspec.structs.replace(
        contract,
        env=tuple(env[name] for name in sorted(env)),
        flags=tuple(flags[name] for name in sorted(flags)),
        libraries={
            module: tuple(sorted(set(names) - set(env)))
            for module, names in sorted(libraries.items())
            if set(names) - set(env)
        },
        prefixes=tuple(sorted({one.name for one in said if one.kind == "prefix"})),
    )


def _is_linked(said: Saying, facts: Facts) -> bool:
    if not said.func or facts.links(said.func):
        return True
    # The linker writes dots in the last part of a path as %2e: gopkg.in/x%2ev1.F.
    path, slash, last = said.func.rpartition("/")
    package, dot, rest = last.partition(".v")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    escaped = f"{path}{slash}{package}%2ev{rest}" if dot and digits else said.func
    return facts.links(escaped)


def _is_part(variable: Variable, said: Iterable[Saying]) -> bool:
    """Whether a tag's name is only the end of one: envPrefix and Process put words before it."""
    if not all(source.startswith("tag:") for source in variable.sources):
        return False
    ends = [one.name for one in said if one.kind == "env" and one.how.startswith("tag")]
    return variable.name not in ends and any(name.endswith(variable.name) for name in ends)


def _flag(old: Option | None, said: Saying, own: str) -> Option:
    known = old or Option(said.name)
    return Option(
        name=said.name,
        default=said.default if said.default is not None else known.default,
        usage=said.usage or known.usage,
        type=said.type or known.type,
        required=said.required or known.required,
        sources=(*known.sources, _source(said, own))[:_MAX_SOURCES],
    )


def _variables(said: Saying, flags: dict[str, Option], own: str) -> Iterator[Variable]:
    source = _source(said, own)
    if said.kind == "env":
        flag = flags.get(said.flag, Option(""))
        yield Variable(
            name=said.name,
            required=said.required,
            default=said.default if said.default is not None else flag.default,
            usage=said.usage or flag.usage,
            type=said.type or flag.type,
            sources=(f"flag: --{said.flag}", source) if said.flag else (source,),
        )
    elif said.kind == "flag":
        flag = flags[said.name]
        is_first = len(said.env) == 1
        for name in said.env:
            yield Variable(
                name=name, required=flag.required and is_first, default=flag.default,
                usage=flag.usage, type=flag.type, sources=(f"flag: --{said.name}", source),
            )  # fmt: skip
    elif said.kind == "flags":
        for flag in flags.values():
            name = f"{said.name}_{flag.name}".upper()
            name = "".join(letter if letter.isalnum() else "_" for letter in name)
            yield Variable(
                name, default=flag.default, usage=flag.usage, type=flag.type,
                sources=(f"flag: --{flag.name}", source),
            )  # fmt: skip


def _source(said: Saying, own: str) -> str:
    place = said.place.removeprefix(f"{own}/") if own else said.place
    return f"source: {place}"


def _merged(old: Variable, new: Variable) -> Variable:
    kind = old.type or new.type
    return Variable(
        name=new.name,
        required=old.required or new.required,
        # A switch, a number or a time is no secret, whatever it is about.
        secret=says_secret(new.name) and kind not in ("bool", "int", "duration"),
        default=new.default if new.default is not None else old.default,
        usage=old.usage or new.usage,
        type=kind,
        file=old.file,
        sources=tuple(dict.fromkeys((*new.sources, *old.sources)))[:_MAX_SOURCES],
    )
