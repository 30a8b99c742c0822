"""A chain with bytes in, lines out."""

from collections.abc import Sequence
from typing import Protocol

from whit.report.words import aligned, count_text, listed, size_text


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


class Imported(Protocol):
    """A package on the way of imports, and what goes without it."""

    @property
    def package(self) -> str: ...
    @property
    def module(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def goes(self) -> int: ...


class Gone(Protocol):
    """What would go, and who has most of it."""

    @property
    def size(self) -> int: ...
    @property
    def packages(self) -> int: ...
    @property
    def largest(self) -> Sequence[tuple[str, int]]: ...
    @property
    def frees(self) -> bool: ...


class Explained(Protocol):
    """All that was found out."""

    @property
    def asked(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def source(self) -> str: ...
    @property
    def steps(self) -> Sequence[Called]: ...
    @property
    def without(self) -> Gone | None: ...
    @property
    def imports(self) -> Sequence[Imported]: ...
    @property
    def importers(self) -> Sequence[str]: ...


def why_lines(reason: Explained) -> list[str]:
    """What would go, the way from main down, and the packages that it passes through."""
    lines = [f"{reason.kind} {reason.asked}: {size_text(reason.size)}"]
    if reason.without is not None:
        lines += _without_lines(reason.without)
    if not reason.steps:
        lines.append("no way of calls leads to it: an interface, reflection or a variable does")
        return lines
    word = "kept by" if reason.source == "objects" else "called by"
    lines += ["", word]
    lines += aligned(
        [(size_text(s.size) if s.size else "", s.function) for s in reason.steps],
        right=(0,),
        indent="  ",
    )
    if reason.imports:
        return lines + _import_lines(reason)
    packages: list[tuple[str, str, str]] = []
    for step in reason.steps:
        if not packages or packages[-1][1] != step.package:
            packages.append((size_text(step.package_size), step.package, step.module))
    lines += ["", "through packages"]
    return lines + aligned(packages, right=(0,), indent="  ")


def _without_lines(without: Gone) -> list[str]:
    packages = f", {count_text(without.packages, 'package')} whole" if without.packages else ""
    lines = [f"without it about -{size_text(without.size)}{packages}"]
    if without.frees:
        lines.append("because the linker would then drop methods that nobody calls (--dead-code)")
    rows = [(f"-{size_text(size)}", package) for package, size in without.largest if size]
    return lines + aligned(rows, right=(0,), indent="  ")


def _import_lines(reason: Explained) -> list[str]:
    rows = [("SIZE", "WITHOUT IT", "PACKAGE", "")]
    for one in reason.imports:
        goes = f"-{size_text(one.goes)}" if one.goes else ""
        rows.append((size_text(one.size), goes, one.package, one.module))
    lines = ["", "imported by", *aligned(rows, right=(0, 1), indent="  ")]
    if len(reason.importers) > 1:
        count = count_text(len(reason.importers), "package")
        lines.append(f"{count} import it: {listed(reason.importers, 4)}")
    return lines
