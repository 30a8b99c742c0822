"""Weights in, trees to walk through out: what a layer leaves and what it changed."""

from whit.model.weight import FILE, LAYER, MODULE, PACKAGE, SYMBOL, LayerWeight, Leaf, Waste, Weight
from whit.report.size_tree import ADDED, MODIFIED, REMOVED, Branch, Walk


def image() -> Weight:
    """Layer 1 has /a, /d/b and /d/app; layer 2 writes /a anew, removes /d/b and adds /e."""
    app = ("layer 1", "/d/app")
    leaves = (
        Leaf(("layer 1", "/a"), 10),
        Leaf(("layer 1", "/d/b"), 20),
        Leaf((*app, "std", "fmt", "fmt.Println"), 3),
        Leaf((*app, "std", "fmt", "fmt.Print"), 4),
        Leaf((*app, "m", "m/x", "m/x.F"), 5),
        Leaf(("layer 2", "/a"), 11),
        Leaf(("layer 2", "/e\x1b[2J"), 1),
    )
    wasted = (Waste("removed", "/d/b", 20, "", 2), Waste("overwritten", "/a", 10, "", 2))
    layers = tuple(LayerWeight(f"layer {n}", "", 0, 0, 0) for n in (1, 2))
    levels = (LAYER, FILE, MODULE, PACKAGE, SYMBOL)
    return Weight("i", "image", 54, 1, 4, levels, leaves, layers, wasted)


def below(branch: Branch, *way: str) -> dict[str, tuple[int, str]]:
    for name in way:
        branch = next(one for one in branch.children() if one.name == name)
    return {one.name: (one.size, one.change) for one in branch.children()}


def test_the_tree_that_a_layer_leaves():
    walk = Walk(image())
    first = walk.root(1, is_whole=True)
    assert first.size == 42
    assert below(first) == {"d/": (32, ADDED), "a": (10, ADDED)}
    assert below(first, "d/", "app") == {"std": (7, ADDED), "m": (5, ADDED)}
    assert below(first, "d/", "app", "std", "fmt") == {
        "fmt.Print": (4, ADDED),
        "fmt.Println": (3, ADDED),
    }
    second = walk.root(2, is_whole=True)
    assert second.size == 11 + 12 + 1
    assert below(second) == {
        "d/": (12, MODIFIED),
        "a": (11, MODIFIED),
        "e\N{REPLACEMENT CHARACTER}[2J": (1, ADDED),
    }
    assert below(second, "d/") == {"app": (12, ""), "b": (0, REMOVED)}
    assert second.lost == 20


def test_only_what_a_layer_changed():
    changed = Walk(image()).root(2, is_whole=False)
    assert below(changed, "d/") == {"b": (0, REMOVED)}
    assert changed.size == 12


def test_a_filter_keeps_the_way_to_what_fits():
    found = Walk(image()).root(1, is_whole=True, pattern="fmt.Println")
    assert below(found) == {"d/": (3, ADDED)}
    assert Walk(image()).root(1, is_whole=True, pattern="*/x/*").size == 5


def test_a_program_goes_down_to_its_symbols():
    leaves = (Leaf(("std", "fmt", "fmt.Print"), 3), Leaf(("m", "m", "m.F"), 5))
    program = Weight("p", "program", 8, 1, 1, (MODULE, PACKAGE, SYMBOL), leaves)
    root = Walk(program).root(0, is_whole=True)
    assert [one.name for one in root.children()] == ["m", "std"]
    assert [one.name for one in root.children(by_name=True)] == ["m", "std"]
    (symbol,) = root.children()[1].children()[0].children()
    assert (symbol.name, symbol.is_open, symbol.is_path) == ("fmt.Print", False, False)
