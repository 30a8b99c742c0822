"""A program and a name in, why it is in there out: the calls from main, with what each weighs.

The name is a function, a package or a module. Of a package or a module the function that is
reached in the fewest calls stands for all: it is what brings the rest in.
"""

from collections import Counter

import msgspec

from whit.binary.calls import Code, open_code
from whit.binary.facts import Facts, read_facts
from whit.binary.packages import package_of
from whit.binary.sizes import Sizes, sizes_of
from whit.errors.sizes import NotLinked

# Ways are looked for to this many functions of a package, the largest first.
_TRIED = 24


class Step(msgspec.Struct, frozen=True):
    """A function on the way, with its bytes and those of its package and module."""

    function: str
    package: str
    module: str
    size: int
    package_size: int
    module_size: int


class Reason(msgspec.Struct, frozen=True):
    """`steps` is empty where no way of calls was found: it is then reached through an interface,
    reflection or a variable only. `size` is that of what was asked for.
    """

    asked: str
    kind: str
    size: int
    steps: tuple[Step, ...]


def why(data: memoryview, asked: str) -> Reason:
    """Errors: NotAProgram, BrokenProgram, NotLinked."""
    facts = read_facts(data)
    sizes = sizes_of(facts)
    code = open_code(data, facts)
    by_symbol: Counter[str] = Counter()
    for part in sizes.parts:
        by_symbol[part.symbol] += part.size
    kind, names, size = _meant(facts, sizes, by_symbol, asked)
    way = _shortest(code, names)
    by_package = sizes.by(lambda part: part.package)
    by_module = sizes.by(sizes.module_of)
    steps = []
    for name in way:
        package = package_of(name)
        module = sizes.modules.get(package, package)
        steps.append(
            Step(name, package, module, by_symbol[name], by_package[package], by_module[module])
        )
    return Reason(asked, kind, size, tuple(steps))


def _meant(
    facts: Facts, sizes: Sizes, by_symbol: Counter[str], asked: str
) -> tuple[str, list[str], int]:
    """(what it is, functions that stand for it, bytes)."""
    if facts.links(asked) or asked in by_symbol:
        return "function", [asked], by_symbol[asked]
    for kind, total in (
        ("package", sizes.by(lambda part: part.package)),
        ("module", sizes.by(sizes.module_of)),
    ):
        if asked in total and asked:
            key = (lambda p: p.package) if kind == "package" else sizes.module_of
            found: Counter[str] = Counter()
            for part in sizes.parts:
                if key(part) == asked and part.section == ".text":
                    found[part.symbol] += part.size
            return kind, [name for name, _ in found.most_common(_TRIED)], total[asked]
    close = sorted(name for name in by_symbol if asked and asked in name)[:3]
    hint = f"linked are {', '.join(close)}" if close else "`whit size --by package` lists them"
    raise NotLinked(f"{asked} is not in the program", hint=hint)


def _shortest(code: Code, names: list[str]) -> tuple[str, ...]:
    """From main where that is found; an init of the package itself says least."""
    ways = [way for way in map(code.chain, names) if way]
    return min(ways, key=_rank, default=())


def _rank(way: tuple[str, ...]) -> tuple[bool, bool, int]:
    first, last = package_of(way[0]), package_of(way[-1])
    return first == last and first != "main", way[0] != "main.main", len(way)
