"""What was made and the budgets in, silence or OverBudget out. Pure but for reading programs.

Every budget that is broken is named at once, with how far, what weighs most, and how much it was
the last time where a history says so.
"""

import re
from collections import Counter

import msgspec

from whit.build.settings import BudgetSettings
from whit.errors.request import BadSetting
from whit.errors.sizes import OverBudget
from whit.model.result import Result
from whit.model.weight import Past
from whit.report.words import size_text

_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9}
_UNITS |= {"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30}
_HEAVIEST = 3
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*")


class Broken(msgspec.Struct, frozen=True):
    """One budget that does not hold; numbers are bytes, or a count. `note` says what did it."""

    what: str
    limit: int
    found: int
    is_count: bool = False
    note: str = ""

    def __str__(self) -> str:
        note = f" ({self.note})" if self.note else ""
        if self.is_count:
            return f"{self.what}: {self.found:,}, and the budget is {self.limit:,}{note}"
        over = size_text(self.found - self.limit)
        return f"{self.what}: {size_text(self.found)}, {over} over {size_text(self.limit)}{note}"


class Made(msgspec.Struct, frozen=True):
    """An image as a history has it: one of each platform."""

    name: str
    disk: int
    compressed: int
    files: int


def size_of(text: str, key: str) -> int:
    """`10MB`, `9.5 MiB`, `1200000` in bytes. Errors: BadSetting."""
    match = _SIZE.fullmatch(text)
    unit = _UNITS.get(match[2].lower()) if match else None
    if match is None or unit is None:
        raise BadSetting(f"{key} = {text!r} is no size", hint='write it as "10MB" or "9.5 MiB"')
    return round(float(match[1]) * unit)


def check_budget(result: Result, budget: BudgetSettings, home: str = ".") -> None:
    """The history, whose path starts at `home`, gets a line whether the budgets hold or not.

    Errors: OverBudget, BadSetting; BadSettingsFile for a history that is something else.
    """
    before = _remembered(result, budget, home) if budget.history else None
    broken = broken_budgets(result, budget, before)
    if broken:
        raise OverBudget(
            f"{result.name} is over its budget: " + "; ".join(map(str, broken)),
            hint="`whit size --against` an earlier build shows what grew; raise [budget] in "
            "whit.toml if it is worth it",
        )


def _remembered(result: Result, budget: BudgetSettings, home: str) -> Past | None:
    """The size before this one."""
    import os

    from whit.build.history import past_of, remember

    image = result.image
    made = Made(
        f"{result.name} {result.binary.platform}",
        image.file_bytes,
        image.size,
        sum(layer.file_count for layer in image.layers),
    )
    past = past_of(made, home)
    history = remember(os.path.join(home, budget.history), past)
    return history[-2] if len(history) > 1 else None


def broken_budgets(
    result: Result, budget: BudgetSettings, before: Past | None = None
) -> list[Broken]:
    image = result.image
    sizes = (
        ("image", budget.image, image.file_bytes, before.disk if before else 0),
        ("compressed", budget.compressed, image.size, before.compressed if before else 0),
        ("binary", budget.binary, result.binary.size, 0),
        ("layer", budget.layer, max((layer.size for layer in image.layers), default=0), 0),
    )
    found = [
        Broken(
            f"the largest {name}" if name == "layer" else name,
            limit,
            value,
            note=_note(result, name, value, last, before),
        )
        for name, text, value, last in sizes
        if text and value > (limit := size_of(text, f"budget.{name}"))
    ]
    files = sum(layer.file_count for layer in image.layers)
    if budget.files is not None and files > budget.files:
        found.append(Broken("files", budget.files, files, is_count=True))
    if budget.modules:
        found += _modules(result, budget.modules)
    if budget.dead_code_blockers is not None:
        found += _blockers(result, budget.dead_code_blockers)
    return found


def _note(result: Result, name: str, value: int, last: int, before: Past | None) -> str:
    """How much it was before, else the heaviest files or modules."""
    if last and before is not None and value != last:
        sign = "+" if value > last else "-"
        since = before.revision or "the last build"
        return f"{sign}{size_text(abs(value - last))} since {since}"
    if name == "binary" and result.binary.recipe is not None:
        heaviest = _by_module(result).most_common(_HEAVIEST)
        return "most of it " + ", ".join(f"{size_text(size)} {name}" for name, size in heaviest)
    return ""


def _by_module(result: Result) -> Counter[str]:
    from whit.binary.facts import read_facts
    from whit.binary.sizes import sizes_of
    from whit.build.programs import map_file

    sizes = sizes_of(read_facts(map_file(result.binary.path)))
    return sizes.by(sizes.module_of)


def _modules(result: Result, modules: dict[str, str]) -> list[Broken]:
    by_module = _by_module(result)
    return [
        Broken(f"module {name}", limit, by_module[name])
        for name, text in sorted(modules.items())
        if by_module[name] > (limit := size_of(text, f"budget.modules.{name}"))
    ]


def _blockers(result: Result, limit: int) -> list[Broken]:
    """Only a program that keeps dead methods is looked at closer: that takes Go a second."""
    from whit.binary.deadcode import find_dead_code
    from whit.binary.facts import read_facts
    from whit.build.programs import map_file

    facts = read_facts(map_file(result.binary.path))
    found = find_dead_code(facts)
    if found.is_dropped is not False:
        return []
    from whit.build.deadcode import explain_blockers
    from whit.build.linked import read_linked

    blockers = explain_blockers(facts, read_linked(result.binary, facts))
    count = max(len(blockers), 1)
    if count <= limit:
        return []
    said = "; ".join(_said(one.function, one.way) for one in blockers) or "unknown ones"
    return [Broken("functions that keep dead methods", limit, count, is_count=True, note=said)]


def _said(function: str, way: tuple[str, ...]) -> str:
    """With the last function of the way that is of another package: who may do without it."""
    from whit.binary.packages import package_of

    own = package_of(function)
    caller = next((name for name in reversed(way) if package_of(name) != own), "")
    return f"{function}, reached from {caller}" if caller else function
