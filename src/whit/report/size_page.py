"""Weight and a template in, one self-contained HTML page out: treemap, table, search.

The page holds its data as nested lists [name, bytes, children or 0, bytes before], so that
200,000 symbols are parsed in a fraction of a second; nothing is fetched from anywhere.
"""

from typing import Any

import msgspec

from whit.model.weight import Weight
from whit.report.size import totals_lines

_MARK = "__DATA__"


def size_page(template: str, weight: Weight, before: Weight | None = None) -> str:
    """`template` is `size.html`. With `before` the table also says what changed."""
    tree: dict[str, Any] = {}
    _plant(tree, weight, 0)
    if before is not None:
        _plant(tree, before, 1)
    totals = " · ".join(totals_lines(weight)).removeprefix(f"{weight.name}: ")
    if before is not None:
        totals += f" · against {totals_lines(before)[0]}"
    document = {
        "name": weight.name,
        "totals": totals,
        "compares": before is not None,
        "tree": _listed(weight.name, tree, compares=before is not None),
    }
    # `<` would end the script element, or open a comment in it.
    data = msgspec.json.encode(document).decode().replace("<", "\\u003c")
    return template.replace(_MARK, data)


def _plant(tree: dict[str, Any], weight: Weight, column: int) -> None:
    """A leaf is a list of two sizes, everything else a dict."""
    for leaf in weight.leaves:
        at = tree
        for name in leaf.place[:-1]:
            below = at.get(name)
            if not isinstance(below, dict):
                below = at[name] = {} if below is None else {"(itself)": below}
            at = below
        known = at.setdefault(leaf.place[-1], [0, 0])
        if isinstance(known, dict):
            known = known.setdefault("(itself)", [0, 0])
        known[column] += leaf.size


def _listed(name: str, tree: Any, *, compares: bool) -> list[Any]:
    if isinstance(tree, list):
        return [name, tree[0], 0, tree[1]] if compares else [name, tree[0], 0]
    children = [_listed(key, below, compares=compares) for key, below in tree.items()]
    children.sort(key=lambda node: (-node[1], node[0]))
    node = [name, sum(child[1] for child in children), children]
    return [*node, sum(child[3] for child in children)] if compares else node
