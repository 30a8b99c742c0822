"""A chain of calls with bytes in, lines out."""

from collections.abc import Sequence
from typing import Protocol

from whit.report.words import aligned, size_text


class Called(Protocol):
    """A function on the way, and what its package and module weigh."""

    @property
    def function(self) -> str: ...
    @property
    def package(self) -> str: ...
    @property
    def module(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def package_size(self) -> int: ...


def why_lines(asked: str, kind: str, size: int, steps: Sequence[Called]) -> list[str]:
    """The calls from main down, then the packages that they pass through."""
    lines = [f"{kind} {asked}: {size_text(size)}"]
    if not steps:
        return [*lines, "no way of calls leads to it: an interface, reflection or a variable does"]
    lines += ["", "called by"]
    lines += aligned([(size_text(s.size), s.function) for s in steps], right=(0,), indent="  ")
    packages: list[tuple[str, str, str]] = []
    for step in steps:
        if not packages or packages[-1][1] != step.package:
            packages.append((size_text(step.package_size), step.package, step.module))
    lines += ["", "through packages"]
    return lines + aligned(packages, right=(0,), indent="  ")
