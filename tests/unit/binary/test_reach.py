"""Small graphs in, what is kept and what would go with a symbol out."""

import numpy as np

from whit.binary.linkgraph import Edges, Graph, Methods
from whit.binary.reach import Reach, reach

NAMES = ("main.main", "a", "b", "c", "d", "e", "type:T", "T.Used", "T.Unused", "finder")
NUMBER = {name: number for number, name in enumerate(NAMES)}
COUNT = len(NAMES)


def edges(*pairs: tuple[str, str | int]) -> Edges:
    """Pairs of names; a target may be a number of its own."""
    rows = sorted((NUMBER[a], b if isinstance(b, int) else NUMBER[b]) for a, b in pairs)
    sources = np.array([a for a, _ in rows], np.int64)
    targets = np.array([b for _, b in rows], np.int64)
    return Edges(np.searchsorted(sources, np.arange(COUNT + 1)), targets)


def marks(*names: str) -> np.ndarray:
    found = np.zeros(COUNT, np.bool_)
    found[[NUMBER[name] for name in names]] = True
    return found


def graph(plain: Edges, uses: Edges | None = None, calls: Edges | None = None) -> Graph:
    """T has two methods, of signatures 0 and 1."""
    kept = [[NUMBER["T.Used"]] * 3, [NUMBER["T.Unused"]] * 3]
    methods = Methods(
        owner=np.array([NUMBER["type:T"]] * 2, np.int64),
        kept=np.array(kept, np.int64),
        signature=np.array([0, 1], np.int64),
        name=np.array([0, 1], np.int64),
        is_exported=np.ones(2, np.bool_),
    )
    return Graph(
        units=(),
        unit_of=np.zeros(COUNT, np.int64),
        place_of=np.arange(COUNT),
        sizes=np.full(COUNT, 10, np.int64),
        is_type=marks("type:T"),
        is_text=~marks("type:T"),
        reflects=marks("finder"),
        is_used=marks(),
        plain=plain,
        uses=uses or edges(),
        children=edges(),
        calls=calls or edges(),
        asks=edges(),
        methods=methods,
        symbols=({name.encode(): number for name, number in NUMBER.items()}, {}),
    )


def walked(one: Graph, without: tuple[str, ...] = (), eliminates: bool | None = None) -> Reach:
    cut = np.array([NUMBER[name] for name in without], np.int64)
    return reach(one, (("main.main",),), without=cut, eliminates=eliminates)


def names(found: Reach) -> set[str]:
    return {NAMES[number] for number in np.flatnonzero(found.reached)}


DIAMOND = edges(
    ("main.main", "a"), ("main.main", "b"), ("a", "c"), ("b", "c"), ("c", "d"), ("b", "e")
)


def test_what_goes_with_a_symbol_is_what_it_dominates():
    one = graph(DIAMOND)
    whole = names(walked(one))
    assert whole == {"main.main", "a", "b", "c", "d", "e"}
    assert whole - names(walked(one, ("a",))) == {"a"}
    assert whole - names(walked(one, ("b",))) == {"b", "e"}
    assert whole - names(walked(one, ("c",))) == {"c", "d"}
    assert whole - names(walked(one, ("a", "b"))) == {"a", "b", "c", "d", "e"}


def test_the_way_is_the_shortest():
    one = graph(edges(("main.main", "a"), ("a", "b"), ("b", "d"), ("main.main", "c"), ("c", "d")))
    found = walked(one)
    assert [NAMES[number] for number in found.way(NUMBER["d"])] == ["main.main", "c", "d"]
    assert found.way(NUMBER["e"]) == []


def test_a_method_is_kept_where_its_type_is_in_an_interface_and_it_is_called():
    plain = edges(("main.main", "type:T"))
    assert names(walked(graph(plain, calls=edges(("main.main", 0))))) == {"main.main", "type:T"}
    uses = edges(("main.main", "type:T"))
    kept = names(walked(graph(plain, uses, edges(("main.main", 0)))))
    assert kept == {"main.main", "type:T", "T.Used"}


def test_converting_to_an_interface_does_not_reach_by_itself():
    assert names(walked(graph(edges(), edges(("main.main", "type:T"))))) == {"main.main"}


def test_a_lookup_by_any_name_keeps_every_exported_method():
    plain = edges(("main.main", "type:T"), ("main.main", "finder"))
    one = graph(plain, edges(("main.main", "type:T")))
    assert {"T.Used", "T.Unused"} < names(walked(one))
    assert names(walked(one, eliminates=True)) == {"main.main", "type:T", "finder"}
    assert walked(one, eliminates=True).reflects == [NUMBER["finder"]]
    # What it keeps goes with it, although it refers to none of it.
    assert names(walked(one, ("finder",))) == {"main.main", "type:T"}
