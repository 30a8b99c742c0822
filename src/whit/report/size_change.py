"""Two Weights in, what grew and what shrank out: text, Markdown for a pull request, JSON.

A symbol whose name holds a number that the compiler counted (func1, stmp_2) is compared by the
name as it is: what moved shows as one gone and one new, and the sums are right.
"""

from collections import Counter

import msgspec

from whit.model.weight import Weight
from whit.report.size import View, counted, views_of
from whit.report.words import aligned, percent, printable, signed, size_text

_MARKDOWN_ROWS = 10


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
    toolchain = toolchain_line(before, after)
    return [*lines, "", toolchain] if toolchain else lines


def toolchain_line(before: Weight, after: Weight) -> str:
    """What another Go release alone has done: to the packages of std that both programs have."""
    old, new = before.go_version, after.go_version
    if not old or not new or old == new:
        return ""
    sizes = [_of_std(weight) for weight in (before, after)]
    both = sizes[0].keys() & sizes[1].keys()
    grown = sum(sizes[1][name] - sizes[0][name] for name in both)
    return f"{old} to {new}: {signed(grown)} in the {len(both)} packages of std that both have"


def _of_std(weight: Weight) -> Counter[str]:
    found: Counter[str] = Counter()
    for leaf in weight.leaves:
        if leaf.origin == "std":
            found[leaf.place[1]] += leaf.size
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
    toolchain = toolchain_line(before, after)
    return [*lines, "", toolchain] if toolchain else lines


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
        "views": {by: changes(before, after, by, view) for by in views_of(after, view)},
    }
