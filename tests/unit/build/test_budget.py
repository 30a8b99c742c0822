"""Texts of sizes, and which budgets an image breaks."""

import pytest

from layer_samples import config, small_tree, written
from whit.build.budget import broken_budgets, check_budget, size_of
from whit.build.settings import BudgetSettings
from whit.errors.request import BadSetting
from whit.errors.sizes import OverBudget
from whit.model.names import Digest, Platform
from whit.model.plan import Plan
from whit.model.program import Binary
from whit.model.result import Result
from whit.model.verdict import Status, Verdict
from whit.oci.assemble import assemble


@pytest.fixture(scope="module")
def result() -> Result:
    layer = written(small_tree())[0]
    image = assemble((layer,), config(), 0)
    binary = Binary("/app", Digest("sha256:" + "0" * 64), 5000, Platform("linux", "amd64"), "app")
    return Result("app", binary, "", Plan((), config(), (), ()), image, Verdict(Status.PROVEN, ()))


@pytest.mark.parametrize(
    ("text", "size"),
    [("10MB", 10_000_000), ("9.5 MiB", 9_961_472), ("1200", 1200), ("3kb", 3000), ("1 GB", 10**9)],
)
def test_sizes(text: str, size: int):
    assert size_of(text, "budget.image") == size


@pytest.mark.parametrize("text", ["", "ten", "10 XB", "-5", "1e9 MB"])
def test_what_is_no_size(text: str):
    with pytest.raises(BadSetting, match="is no size"):
        size_of(text, "budget.image")


def test_within_budget(result: Result):
    check_budget(result, BudgetSettings("1MB", "1MB", "5kB", "1MB", 3))


def test_every_broken_budget_is_named(result: Result):
    budget = BudgetSettings("100", "100", "4999", "100", 2)
    assert [one.what for one in broken_budgets(result, budget)] == [
        "image",
        "compressed",
        "binary",
        "the largest layer",
        "files",
    ]
    with pytest.raises(OverBudget, match="files: 3, and the budget is 2"):
        check_budget(result, budget)
