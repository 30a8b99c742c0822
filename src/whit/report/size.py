"""Weight in; tables, JSON and CSV out: by layer, module, package, file, directory, symbol.

A view is a name and what of a leaf it counts by. The same views serve one weight and two.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase

import msgspec

from whit.model.weight import FILE, LAYER, MODULE, PACKAGE, SYMBOL, Leaf, Past, Weight
from whit.report.deadcode import dead_code_line
from whit.report.size_history import history_lines
from whit.report.words import aligned, count_text, printable, size_text

TOP = 12
VIEWS = (LAYER, FILE, "directory", "origin", MODULE, PACKAGE, "section", SYMBOL)
_DEFAULT = {"image": (LAYER, "origin", "directory"), "program": (MODULE, "section", PACKAGE)}
_BAR = 20
_SOME = 0.01


class View(msgspec.Struct, frozen=True):
    """How to show: `by` a view or "" for the usual ones, `depth` of paths (0 for all), `pattern`
    that a name must match, `sort` by size or name, at most `top` rows (0 for all).
    """

    by: str = ""
    depth: int = 0
    pattern: str = ""
    sort: str = "size"
    top: int = TOP


def counted(weight: Weight, by: str, view: View) -> Counter[str]:
    """Bytes by name, of the names that fit."""
    key = _key(weight, by, view.depth)
    # A layer that holds no file is one all the same.
    found = Counter({layer.name: 0 for layer in weight.layers} if by == LAYER else {})
    for leaf in weight.leaves:
        found[key(leaf)] += leaf.size
    found.pop("", None)
    if view.pattern:
        for name in [name for name in found if not _fits(name, view.pattern)]:
            del found[name]
    return found


def _fits(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern) if set(pattern) & set("*?[") else pattern in name


def _key(weight: Weight, by: str, depth: int) -> Callable[[Leaf], str]:
    if by == "section":
        return lambda leaf: leaf.section
    if by == "origin":
        return lambda leaf: leaf.origin
    levels = weight.levels
    name = FILE if by == "directory" else by
    if name not in levels:
        return lambda _: ""
    at = levels.index(name)
    if by == "directory":
        return lambda leaf: _directory(leaf.place[at], depth or 2)
    if by == SYMBOL:
        return lambda leaf: _symbol(leaf.place[at - 1 : at + 1])
    if by in (MODULE, PACKAGE) and depth:
        return lambda leaf: "/".join(_at(leaf, at).split("/")[:depth])
    return lambda leaf: _at(leaf, at)


def _at(leaf: Leaf, at: int) -> str:
    return leaf.place[at] if at < len(leaf.place) else ""


def _symbol(place: tuple[str, ...]) -> str:
    """With its package where the name does not begin with it: a type, an embedded file."""
    if len(place) < 2:
        return ""
    package, name = place
    return name if name.startswith(package) else f"{name} of {package}"


def _directory(path: str, depth: int) -> str:
    return "/" + "/".join(path.split("/")[1:-1][:depth])


def views_of(weight: Weight, view: View) -> tuple[str, ...]:
    return (view.by,) if view.by else _DEFAULT[weight.kind]


def ordered(found: Counter[str], sort: str) -> list[tuple[str, int]]:
    by_name = sort == "name"
    return sorted(found.items(), key=lambda row: row[0] if by_name else (-row[1], row[0]))


def size_lines(weight: Weight, view: View, history: Sequence[Past] = ()) -> list[str]:
    """The totals, how they came to be, and a table for each view."""
    lines = totals_lines(weight) + history_lines(history)
    for by in views_of(weight, view):
        rows = ordered(counted(weight, by, view), view.sort)
        if rows:
            lines += ["", *_table(weight, by, rows, view.top)]
    if not view.by:
        lines += _waste_lines(weight)
        said = [line for line in _program_lines(weight) if line]
        lines += ["", *said] if said else []
    return lines


def _program_lines(weight: Weight) -> list[str]:
    """What a whole program could do without."""
    dead_code = dead_code_line(weight.dead_code) if weight.dead_code is not None else ""
    share = weight.relocations / max(weight.disk, 1)
    size = size_text(weight.relocations)
    pie = f"relocations: {size} ({share:.1%}), because it is position independent"
    return [dead_code, pie if share > _SOME else ""]


def totals_lines(weight: Weight) -> list[str]:
    how = "" if weight.kind == "image" else "about "
    sizes = f"{size_text(weight.disk)} on disk, {how}{size_text(weight.compressed)} compressed"
    lines = [f"{weight.name}: {sizes}, {count_text(weight.files, 'file')}"]
    if weight.kind == "program" and (weight.unknown or not weight.note):
        share = weight.unknown / max(weight.disk, 1)
        lines.append(f"{size_text(weight.unknown)} ({share:.2%}) that nothing accounts for")
    return [*lines, weight.note] if weight.note else lines


def _table(weight: Weight, by: str, rows: Sequence[tuple[str, int]], top: int) -> list[str]:
    total = max(weight.disk, 1)
    shown = rows[:top] if top else rows
    largest = max((size for _, size in shown), default=1) or 1
    notes = {layer.name: layer for layer in weight.layers} if by == LAYER else {}
    table = [("SIZE", "SHARE", "", by.upper())]
    for name, size in shown:
        layer = notes.get(name)
        said = f"{name}  {size_text(layer.compressed)} compressed" if layer else name
        if layer and layer.made_by:
            said += f"  {' '.join(layer.made_by.split())[:60]}"
        row = (size_text(size), f"{size / total:.1%}", _bar(size, largest), printable(said))
        table.append(row)
    lines = aligned(table, right=(0, 1))
    rest = rows[len(shown) :]
    if rest:
        size = sum(size for _, size in rest)
        lines.append(f"and {len(rest):,} more, {size_text(size)} together")
    return lines


def _bar(size: int, largest: int) -> str:
    return "█" * max(0, round(_BAR * size / largest))


def _waste_lines(weight: Weight) -> list[str]:
    if not weight.wasted:
        return []
    total = sum(one.size for one in weight.wasted)
    lines = ["", f"{size_text(total)} wasted"]
    by_kind: dict[str, list[str]] = {}
    sizes: Counter[str] = Counter()
    for one in weight.wasted:
        sizes[one.kind] += one.size
        by_kind.setdefault(one.kind, []).append(one.path)
    rows = [
        (
            size_text(sizes[kind]),
            kind,
            count_text(len(paths), "file"),
            printable(", ".join(paths[:2])),
        )
        for kind, paths in by_kind.items()
    ]
    return lines + aligned(rows, right=(0,), indent="  ")


# ---- documents ----------------------------------------------------------------------------------


def size_document(weight: Weight, view: View, history: Sequence[Past] = ()) -> dict[str, object]:
    return {
        "schema": "whit/size/v1",
        "name": weight.name,
        "kind": weight.kind,
        "disk": weight.disk,
        "compressed": weight.compressed,
        "files": weight.files,
        "unknown": weight.unknown,
        "note": weight.note,
        "layers": weight.layers,
        "views": {
            by: [{"name": n, "size": s} for n, s in ordered(counted(weight, by, view), view.sort)]
            for by in views_of(weight, view)
        },
        "wasted": weight.wasted,
        "dead_code": weight.dead_code,
        "go_version": weight.go_version,
        "relocations": weight.relocations,
        "history": history,
    }


def size_csv(weight: Weight, view: View) -> str:
    """A row for each name of the first view; `symbol` gives everything."""
    import csv  # noqa: PLC0415 - only here
    import io  # noqa: PLC0415

    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    by = views_of(weight, view)[0]
    writer.writerow((by, "bytes"))
    writer.writerows(ordered(counted(weight, by, view), view.sort))
    return out.getvalue().rstrip("\n")
