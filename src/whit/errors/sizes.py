"""Sizes and budgets."""

from whit.errors import HostError, RequestError


class OverBudget(RequestError):
    """Something weighs more than whit.toml allows."""

    code = "Z001"


class NotLinked(RequestError):
    """The name that was asked for is no function, package or module of the program."""

    code = "Z002"


class NoExplorer(HostError):
    """`--tui` without Textual, or where no terminal is."""

    code = "Z003"
