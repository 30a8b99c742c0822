"""Two Weights in, what grew and what shrank out: text, Markdown for a pull request, JSON.

A symbol whose name holds a number that the compiler counted (func1, stmp_2) is compared by the
name as it is: what moved shows as one gone and one new, and the sums are right.
"""

from collections import Counter

import msgspec

from whit.model.weight import Weight
from whit.report.size import View, counted, views_of
from whit.report.words import aligned, listed, percent, printable, signed, size_text

_MARKDOWN_ROWS = 10
_INTERNAL = frozenset(("internal", "vendor"))


class Change(msgspec.Struct, frozen=True):
    """`before` or `after` is 0 for what is new or gone."""

    name: str
    before: int
    after: int

    @property
    def size(self) -> int:
        return self.after - self.before


def changes(before: Weight, after: Weight, by: str, view: View) -> list[Change]:
    """What differs, the largest change first, whichever way it goes."""
    old, new = counted(before, by, view), counted(after, by, view)
    found = [Change(name, old[name], new[name]) for name in {*old, *new} if old[name] != new[name]]
    if view.sort == "name":
        return sorted(found, key=lambda one: one.name)
    return sorted(found, key=lambda one: (-abs(one.size), one.name))


def change_lines(before: Weight, after: Weight, view: View) -> list[str]:
    rows = [("", "BEFORE", "AFTER", "CHANGE", "")]
    for what, old, new in _totals(before, after):
        rows.append(
            (what, _text(what, old), _text(what, new), _sign(what, old, new), percent(old, new))
        )
    lines = [f"{before.name} to {after.name}", *aligned(rows, right=(1, 2, 3, 4))]
    for by in views_of(after, view):
        found = changes(before, after, by, view)
        shown = found[: view.top] if view.top else found
        if not shown:
            continue
        table = [("CHANGE", "BEFORE", "AFTER", by.upper())]
        table += [
            (signed(c.size), size_text(c.before), size_text(c.after), _said(c)) for c in shown
        ]
        lines += ["", *aligned(table, right=(0, 1, 2))]
        if len(found) > len(shown):
            rest = sum(one.size for one in found[len(shown) :])
            lines.append(f"and {len(found) - len(shown):,} more, {signed(rest)} together")
    if len(lines) == 1 + len(rows):
        lines += ["", "nothing differs in what was asked for"]
    return lines + cause_lines(before, after)


def cause_lines(before: Weight, after: Weight) -> list[str]:
    """What is not the program's doing: another Go release, and position independence."""
    lines = []
    toolchain = toolchain_of(before, after)
    if toolchain is not None:
        text = f"{signed(toolchain.own)} in the packages of std that both have or only std imports"
        if toolchain.others:
            names = listed([name for name, _ in toolchain.others], 3)
            text += f"; {signed(sum(size for _, size in toolchain.others))} in {names}"
        lines.append(f"{toolchain.before} to {toolchain.after}: {text}")
    if bool(before.relocations) is not bool(after.relocations):
        said = "position independent now" if after.relocations else "no longer position independent"
        size = after.relocations - before.relocations
        lines.append(f"{said}: {signed(size)} of relocations")
    return ["", *lines] if lines else []


class Toolchain(msgspec.Struct, frozen=True):
    """What another Go release changed. `own` are bytes of packages that both programs have, or that
    nobody but std can import; `others` are packages of std that only one has, the largest first:
    who brings those in a program alone does not say.
    """

    before: str
    after: str
    own: int
    others: tuple[tuple[str, int], ...]


def toolchain_of(before: Weight, after: Weight) -> Toolchain | None:
    """None where both are of one release, or none is known."""
    if not before.go_version or not after.go_version or before.go_version == after.go_version:
        return None
    old, new = _of_std(before), _of_std(after)
    own, others = 0, []
    for name in {*old, *new}:
        grown = new[name] - old[name]
        if (name in old and name in new) or _INTERNAL.intersection(name.split("/")):
            own += grown
        else:
            others.append((name, grown))
    others.sort(key=lambda one: (-abs(one[1]), one[0]))
    return Toolchain(before.go_version, after.go_version, own, tuple(others))


def _of_std(weight: Weight) -> Counter[str]:
    found: Counter[str] = Counter()
    for leaf in weight.leaves:
        module, package = leaf.place[-3:-1] if len(leaf.place) > 2 else ("", "")
        if module == "std":
            found[package] += leaf.size
    return found


def _said(change: Change) -> str:
    note = " (new)" if not change.before else " (gone)" if not change.after else ""
    return printable(change.name) + note


def _totals(before: Weight, after: Weight) -> tuple[tuple[str, int, int], ...]:
    return (
        ("on disk", before.disk, after.disk),
        ("compressed", before.compressed, after.compressed),
        ("files", before.files, after.files),
    )


def _text(what: str, value: int) -> str:
    return f"{value:,}" if what == "files" else size_text(value)


def _sign(what: str, old: int, new: int) -> str:
    return f"{new - old:+,}" if what == "files" else signed(new - old)


def change_markdown(before: Weight, after: Weight, view: View) -> list[str]:
    """A summary for a pull request: totals, then what did it."""
    grown = f"{signed(after.disk - before.disk)} ({percent(before.disk, after.disk)})"
    lines = [
        f"### Size of {_cell(after.name)}: {grown}",
        "",
        "| | before | after | change | |",
        "|---|--:|--:|--:|--:|",
    ]
    for what, old, new in _totals(before, after):
        row = (what, _text(what, old), _text(what, new), _sign(what, old, new), percent(old, new))
        lines.append(f"| {' | '.join(row)} |")
    for by in views_of(after, view):
        found = changes(before, after, by, view)
        if not found:
            continue
        lines += [
            "",
            f"<details><summary>By {by}</summary>",
            "",
            f"| {by} | change | before | after |",
        ]
        lines.append("|---|--:|--:|--:|")
        for c in found[:_MARKDOWN_ROWS]:
            cells = (f"`{_cell(c.name)}`", signed(c.size), size_text(c.before), size_text(c.after))
            lines.append(f"| {' | '.join(cells)} |")
        lines += ["", "</details>"]
    return lines + cause_lines(before, after)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("`", "'").replace("\n", " ")


def change_document(before: Weight, after: Weight, view: View) -> dict[str, object]:
    return {
        "schema": "whit/size-change/v1",
        "before": before.name,
        "after": after.name,
        "totals": {
            what.replace(" ", "_"): {"before": old, "after": new}
            for what, old, new in _totals(before, after)
        },
        "toolchain": toolchain_of(before, after),
        "relocations": {"before": before.relocations, "after": after.relocations},
        "views": {by: changes(before, after, by, view) for by in views_of(after, view)},
    }
