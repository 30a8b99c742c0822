"""Two weights in; what changed as text, Markdown and a document, and the page out."""

import json
import re
from importlib.resources import files

import msgspec

from whit.model.weight import Leaf, Weight
from whit.report.size import View
from whit.report.size_change import change_document, change_lines, change_markdown, changes
from whit.report.size_page import size_page

TEMPLATE = (files("whit") / "report" / "size.html").read_text(encoding="utf-8")


def weight(name: str, **sizes: int) -> Weight:
    leaves = tuple(
        Leaf((module, f"{module}/p", f"{module}/p.F"), size, ".text", module)
        for module, size in sizes.items()
    )
    total = sum(sizes.values())
    return Weight(name, "program", total, total // 2, 1, ("module", "package", "symbol"), leaves)


BEFORE, AFTER = weight("old", a=500, b=300, same=10), weight("new", a=900, c=100, same=10)


def test_the_largest_change_first_whichever_way():
    found = [(c.name, c.size) for c in changes(BEFORE, AFTER, "module", View())]
    assert found == [("a", 400), ("b", -300), ("c", 100)]


def test_text():
    assert change_lines(BEFORE, AFTER, View(by="module")) == [
        "old to new",
        "            BEFORE    AFTER  CHANGE",
        "on disk      810 B  1.01 kB  +200 B  +24.7%",
        "compressed   405 B    505 B  +100 B  +24.7%",
        "files            1        1      +0   +0.0%",
        "",
        "CHANGE  BEFORE  AFTER  MODULE",
        "+400 B   500 B  900 B  a",
        "-300 B   300 B    0 B  b (gone)",
        "+100 B     0 B  100 B  c (new)",
    ]


def test_the_same_twice_says_so():
    assert change_lines(AFTER, AFTER, View())[-1] == "nothing differs in what was asked for"


def std(version: str, relocations: int = 0, **packages: int) -> Weight:
    leaves = tuple(
        Leaf(("std", name.replace("_", "/"), "f"), size, ".text", "std")
        for name, size in packages.items()
    )
    weighed = weight("app", a=10)
    return msgspec.structs.replace(
        weighed, leaves=weighed.leaves + leaves, go_version=version, relocations=relocations
    )


def test_what_another_go_release_did_is_named():
    old = std("go1.21.13", net_http=500, sort=30)
    new = std("go1.26.8", net_http=300, net_http_internal=310, slices=50, vendor_x=5)
    assert change_lines(old, new, View())[-1] == (
        "go1.21.13 to go1.26.8: +115 B in the packages of std that both have or only std imports; "
        "+20 B in slices, sort"
    )
    assert not any("go1.26.8" in line for line in change_lines(new, new, View()))


def test_what_position_independence_costs_is_named():
    old, new = std("go1.26.8", net_http=500), std("go1.26.8", 2_600_000, net_http=500)
    assert change_lines(old, new, View())[-1] == (
        "position independent now: +2.60 MB of relocations"
    )
    assert change_markdown(new, old, View())[-1].startswith("no longer position independent: -2.60")
    assert change_document(old, new, View())["relocations"] == {"before": 0, "after": 2_600_000}


def test_markdown_keeps_its_tables_whole():
    odd = weight("a|b`c", **{"x|y": 5})
    lines = change_markdown(BEFORE, odd, View(by="module"))
    assert lines[0].startswith("### Size of a\\|b'c: -805 B")
    assert any("`x\\|y`" in line for line in lines)


def test_document():
    document = change_document(BEFORE, AFTER, View(by="module"))
    assert document["totals"]["on_disk"] == {"before": 810, "after": 1010}
    assert document["views"]["module"][0].before == 500


def page_data(page: str):
    return json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])


def test_the_page_holds_the_tree_and_no_address():
    page = size_page(TEMPLATE, AFTER, BEFORE)
    data = page_data(page)
    assert data["compares"] is True
    name, size, children, before = data["tree"]
    assert (name, size, before) == ("new", 1010, 810)
    assert [child[:2] for child in children] == [["a", 900], ["c", 100], ["same", 10], ["b", 0]]
    assert "http" not in page.replace("http-equiv", "")


def test_a_name_cannot_end_the_script():
    evil = weight("x", **{"</script><img src=x>": 7})
    page = size_page(TEMPLATE, evil)
    assert "<img" not in page
    assert page_data(page)["tree"][2][0][0] == "</script><img src=x>"
