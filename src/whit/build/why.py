"""A program and a name in, why it is in there out: the way from main, and what would go with it.

The name is a function, a package or a module. From source the linker's graph says both; of a
program alone its calls say the way. Of a package or a module the function that is reached in the
fewest steps stands for all: it is what brings the rest in.
"""

from collections import Counter, deque

import msgspec
import numpy as np

from whit.binary.calls import Code, open_code
from whit.binary.facts import Facts
from whit.binary.ledger import Numbers
from whit.binary.packages import package_of
from whit.binary.sizes import Sizes, sizes_of
from whit.build.linked import Linked, table_name
from whit.build.sizing import open_linked
from whit.errors.sizes import NotLinked

# Ways are looked for to this many functions of a package, the largest first.
_TRIED = 24
_LARGEST = 8
_TYPE = "type "
_VITAL = ("main.main", "runtime.main")


class Step(msgspec.Struct, frozen=True):
    """A function on the way, with its bytes and those of its package and module."""

    function: str
    package: str
    module: str
    size: int
    package_size: int
    module_size: int


class Import(msgspec.Struct, frozen=True):
    """A package on the way of imports; `goes` is what would go if nobody imported it."""

    package: str
    module: str
    size: int
    goes: int


class Without(msgspec.Struct, frozen=True):
    """What would go with what was asked for: bytes, whole packages, and who has most of them.
    `frees` says that the linker would then drop methods that nobody calls, which are counted.
    """

    size: int
    packages: int
    largest: tuple[tuple[str, int], ...]
    frees: bool = False


class Reason(msgspec.Struct, frozen=True):
    """`steps` is empty where no way was found: of a program alone what is reached through an
    interface, reflection or a variable has none. `size` is that of what was asked for. `source`
    is "objects" or "program"; only of objects there is `without` and `imports`.
    """

    asked: str
    kind: str
    size: int
    steps: tuple[Step, ...]
    source: str = "program"
    without: Without | None = None
    imports: tuple[Import, ...] = ()
    importers: tuple[str, ...] = ()


def why(target: str, directory: str, asked: str) -> Reason:
    """Errors: NotAProgram, BrokenProgram, NotLinked, those of Go."""
    facts, linked = open_linked(target, directory, weighs=True)
    sizes = linked.sizes if linked is not None else sizes_of(facts)
    totals = _totals(sizes)
    kind, names, size = _meant(facts, sizes, totals, asked)
    if linked is None:
        way = _shortest(open_code(facts.elf.data, facts), names)
        return Reason(asked, kind, size, _steps(way, sizes, totals))
    cut = _symbols(linked, kind, asked)
    return Reason(
        asked=asked,
        kind=kind,
        size=size,
        steps=_steps(_nearest(linked, cut), sizes, totals),
        source="objects",
        without=_without(linked, cut),
        imports=_imports(linked, kind, asked, totals),
        importers=_importers(linked, kind, asked),
    )


class Totals(msgspec.Struct, frozen=True):
    """Bytes by name."""

    symbols: Counter[str]
    packages: Counter[str]
    modules: Counter[str]


def _totals(sizes: Sizes) -> Totals:
    symbols, packages, modules = Counter[str](), Counter[str](), Counter[str]()
    for part in sizes.parts:
        symbols[part.symbol] += part.size
        packages[part.package] += part.size
    for package, size in packages.items():
        modules[sizes.modules[package]] += size
    return Totals(symbols, packages, modules)


def _steps(way: tuple[str, ...], sizes: Sizes, totals: Totals) -> tuple[Step, ...]:
    steps = []
    for name in way:
        package = package_of(name.removeprefix(_TYPE).lstrip("*[]"))
        module = sizes.modules.get(package, package)
        size = totals.symbols[table_name(name)]
        heavier = totals.packages[package], totals.modules[module]
        steps.append(Step(name, package, module, size, *heavier))
    return tuple(steps)


def _meant(facts: Facts, sizes: Sizes, totals: Totals, asked: str) -> tuple[str, list[str], int]:
    """(what it is, functions that stand for it, bytes)."""
    by_symbol = totals.symbols
    if facts.links(table_name(asked)) or asked in by_symbol:
        return "function", [asked], by_symbol[table_name(asked)] or by_symbol[asked]
    for kind, total in (("package", totals.packages), ("module", totals.modules)):
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


# ---- of a program alone -------------------------------------------------------------------------


def _shortest(code: Code, names: list[str]) -> tuple[str, ...]:
    """From main where that is found; an init of the package itself says least."""
    ways = [way for way in map(code.chain, names) if way]
    return min(ways, key=_rank, default=())


def _rank(way: tuple[str, ...]) -> tuple[bool, bool, int]:
    first, last = package_of(way[0]), package_of(way[-1])
    return first == last and first != "main", way[0] != "main.main", len(way)


# ---- of the linker's graph ----------------------------------------------------------------------


def _symbols(linked: Linked, kind: str, asked: str) -> Numbers:
    """The reached symbols of what was asked for."""
    reached = linked.reached.reached
    if kind == "function":
        named = [symbol for symbol in linked.graph.named(asked) if reached[symbol]]
        return np.array(named, np.int64)
    wanted = {asked}
    if kind == "module":
        wanted = {one.name for one in linked.objects.packages if one.module == asked}
    return np.flatnonzero(reached & linked.owners.those_of(wanted))


def _nearest(linked: Linked, symbols: Numbers) -> tuple[str, ...]:
    functions = symbols[linked.graph.is_text[symbols]].tolist()
    ways = [linked.way(linked.reached, symbol) for symbol in functions]
    return min((way for way in ways if way), key=_rank, default=())


def _without(linked: Linked, cut: Numbers) -> Without | None:
    """None for what the program is nothing without."""
    vital = [symbol for name in _VITAL for symbol in linked.graph.named(name)]
    if not len(cut) or bool(np.isin(vital, cut).any()):
        return None
    after = linked.walk(cut)
    goes = linked.reached.reached & ~after.reached
    of, names = linked.owners.of, linked.owners.names
    weights = np.bincount(of[goes], linked.weights[goes], len(names)).tolist()
    largest = Counter({name: round(size) for name, size in zip(names, weights, strict=True)})
    del largest[""]
    texts = linked.graph.is_text
    stays = set(of[linked.reached.reached & ~goes & texts].tolist())
    gone = set(of[goes & texts].tolist()) - stays - {0}
    frees = bool(linked.reached.reflects) and not after.reflects and not linked.loads_plugins
    return Without(linked.weight(goes), len(gone), tuple(largest.most_common(_LARGEST)), frees)


def _imports(linked: Linked, kind: str, asked: str, totals: Totals) -> tuple[Import, ...]:
    """The shortest way of imports from the program's package to one that was asked for."""
    packages = linked.packages
    start = linked.linking.package
    before: dict[str, str] = {start: ""}
    waiting = deque([start])
    end = ""
    while waiting and not end:
        path = waiting.popleft()
        if path != start and _fits(linked, path, kind, asked):
            end = path
        elif path in packages:
            for one in packages[path].imports:
                if one not in before:
                    before[one] = path
                    waiting.append(one)
    way: list[str] = []
    while end:
        way.append(end)
        end = before[end]
    found = []
    for path in reversed(way):
        name, module = packages[path].name, packages[path].module
        goes = _without(linked, _symbols(linked, "package", name)) if path != start else None
        found.append(Import(path, module, totals.packages[name], goes.size if goes else 0))
    return tuple(found)


def _importers(linked: Linked, kind: str, asked: str) -> tuple[str, ...]:
    """The packages that import it, from outside of it."""
    return tuple(
        one.path
        for one in linked.objects.packages
        if not _fits(linked, one.path, kind, asked)
        and any(_fits(linked, path, kind, asked) for path in one.imports)
    )


def _fits(linked: Linked, path: str, kind: str, asked: str) -> bool:
    package = linked.packages.get(path)
    if package is None:
        return False
    if kind == "module":
        return package.module == asked
    return package.name == (asked if kind == "package" else package_of(asked))
