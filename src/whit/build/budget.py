"""What was made and the budgets in, silence or OverBudget out. Pure but for reading programs.

Every budget that is broken is named at once, with how far and what weighs most.
"""

import re

import msgspec

from whit.build.settings import BudgetSettings
from whit.errors.request import BadSetting
from whit.errors.sizes import OverBudget
from whit.model.result import Result
from whit.report.words import size_text

_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9}
_UNITS |= {"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*")


class Broken(msgspec.Struct, frozen=True):
    """One budget that does not hold; numbers are bytes, or files."""

    what: str
    limit: int
    found: int
    is_count: bool = False

    def __str__(self) -> str:
        if self.is_count:
            return f"{self.what}: {self.found:,}, and the budget is {self.limit:,}"
        over = size_text(self.found - self.limit)
        return f"{self.what}: {size_text(self.found)}, {over} over {size_text(self.limit)}"


def size_of(text: str, key: str) -> int:
    """`10MB`, `9.5 MiB`, `1200000` in bytes. Errors: BadSetting."""
    match = _SIZE.fullmatch(text)
    unit = _UNITS.get(match[2].lower()) if match else None
    if match is None or unit is None:
        raise BadSetting(f"{key} = {text!r} is no size", hint='write it as "10MB" or "9.5 MiB"')
    return round(float(match[1]) * unit)


def check_budget(result: Result, budget: BudgetSettings) -> None:
    """Errors: OverBudget, BadSetting."""
    broken = broken_budgets(result, budget)
    if broken:
        raise OverBudget(
            f"{result.name} is over its budget: " + "; ".join(map(str, broken)),
            hint="`whit size --against` an earlier build shows what grew; raise [budget] in "
            "whit.toml if it is worth it",
        )


def broken_budgets(result: Result, budget: BudgetSettings) -> list[Broken]:
    image = result.image
    sizes = (
        ("image", budget.image, image.file_bytes),
        ("compressed", budget.compressed, image.size),
        ("binary", budget.binary, result.binary.size),
        ("layer", budget.layer, max((layer.size for layer in image.layers), default=0)),
    )
    found = [
        Broken(f"the largest {name}" if name == "layer" else name, limit, value)
        for name, text, value in sizes
        if text and value > (limit := size_of(text, f"budget.{name}"))
    ]
    files = sum(layer.file_count for layer in image.layers)
    if budget.files is not None and files > budget.files:
        found.append(Broken("files", budget.files, files, is_count=True))
    if budget.modules:
        found += _modules(result, budget.modules)
    return found


def _modules(result: Result, modules: dict[str, str]) -> list[Broken]:
    from whit.binary.facts import read_facts
    from whit.binary.sizes import sizes_of
    from whit.build.programs import map_file

    sizes = sizes_of(read_facts(map_file(result.binary.path)))
    by_module = sizes.by(sizes.module_of)
    return [
        Broken(f"module {name}", limit, by_module[name])
        for name, text in sorted(modules.items())
        if by_module[name] > (limit := size_of(text, f"budget.modules.{name}"))
    ]
