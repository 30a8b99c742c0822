"""The explorer on Textual's own pilot: keys in, what stands on the screen out."""

import asyncio
import io
from collections.abc import Awaitable, Callable

import pytest
from textual.pilot import Pilot
from textual.widgets import DataTable, Input, Static

from whit.cli.explorer import BytesTree, Explorer
from whit.cli.main import run
from whit.model.weight import FILE, LAYER, MODULE, PACKAGE, SYMBOL, LayerWeight, Leaf, Waste, Weight


def image() -> Weight:
    leaves = (
        Leaf(("layer 1", "/bin/app", "std", "fmt", "fmt.Println"), 3000),
        Leaf(("layer 1", "/bin/app", "example.com/m", "main", "main.main"), 5000),
        Leaf(("layer 1", "/etc/old"), 700),
        Leaf(("layer 2", "/etc/new"), 200),
    )
    layers = (
        LayerWeight("layer 1", "sha256:1", 4000, 8700, 2, "COPY app /bin/app"),
        LayerWeight("layer 2", "sha256:2", 100, 200, 1, "RUN rm /etc/old [bold]"),
    )
    wasted = (Waste("removed", "/etc/old", 700, "removed in layer 2", 2),)
    levels = (LAYER, FILE, MODULE, PACKAGE, SYMBOL)
    return Weight("app:1", "image", 8900, 4100, 2, levels, leaves, layers, wasted)


def explore(weight: Weight, steps: Callable[[Explorer, Pilot[None]], Awaitable[None]]) -> None:
    async def look() -> None:
        app = Explorer(weight)
        async with app.run_test(size=(120, 36)) as pilot:
            await pilot.pause()
            await steps(app, pilot)

    asyncio.run(look())


def lines(app: Explorer) -> list[str]:
    """The tree as it stands on the screen, without its lines."""
    tree = app.query_one(BytesTree)
    shown = []
    for number in range(tree.last_line + 1):
        node = tree.get_node_at_line(number)
        assert node is not None
        shown.append(str(node.label))
    return shown


def title(app: Explorer) -> str:
    return str(app.query_one("#title", Static).render())


def test_layers_and_what_they_changed():
    async def steps(app: Explorer, pilot: Pilot[None]) -> None:
        assert isinstance(app.focused, DataTable)
        assert lines(app) == ["app:1", "bin/", "etc/"]
        assert title(app) == "app:1: layer 1, by size"
        await pilot.press("down")
        assert title(app) == "app:1: layer 2, by size"
        await pilot.press("a")
        assert title(app) == "app:1: changes of layer 2, by size"
        assert lines(app) == ["app:1", "etc/"]
        await pilot.press("enter", "down", "right")
        assert lines(app) == ["app:1", "etc/", "new", "old"]
        drawn = "".join(s.text for s in app.query_one(BytesTree).render_line(3))
        assert "old" in drawn
        assert "-700 B" in drawn

    explore(image(), steps)


def test_down_to_a_symbol_and_back():
    async def steps(app: Explorer, pilot: Pilot[None]) -> None:
        await pilot.press("enter", *("down", "right") * 4)
        assert lines(app)[:6] == ["app:1", "bin/", "app", "example.com/m", "main", "main.main"]
        drawn = "".join(s.text for s in app.query_one(BytesTree).render_line(4))
        assert "5.00 kB" in drawn
        assert "57.5%" in drawn
        await pilot.press("left", "left")
        assert "main.main" not in lines(app)
        await pilot.press("c", "s")
        assert title(app).endswith("by name")

    explore(image(), steps)


def test_a_filter_and_its_end():
    async def steps(app: Explorer, pilot: Pilot[None]) -> None:
        await pilot.press("slash", *"fmt", "enter")
        assert title(app) == "app:1: layer 1, by size, with fmt"
        assert lines(app) == ["app:1", "bin/"]
        assert not app.query_one(Input).display
        await pilot.press("escape")
        assert lines(app) == ["app:1", "bin/", "etc/"]
        await pilot.press("q")

    explore(image(), steps)


def test_what_is_wasted_is_looked_up():
    async def steps(app: Explorer, pilot: Pilot[None]) -> None:
        app.query_one("#wasted", DataTable).focus()
        await pilot.press("enter")
        assert title(app) == "app:1: layer 1, by size, with etc/old"

    explore(image(), steps)


def test_a_program_by_module():
    async def steps(app: Explorer, pilot: Pilot[None]) -> None:
        assert isinstance(app.focused, BytesTree)
        assert lines(app) == ["app", "std", "example.com/m"]
        await pilot.press("down", "right", "a")
        assert lines(app) == ["app", "std", "fmt", "example.com/m"]
        picture = app.export_screenshot()
        for word in ("Sections", ".text", "Quit", "Sort", "Filter", "75.0%"):
            assert word in picture

    leaves = (
        Leaf(("std", "fmt", "fmt.Print"), 3000, ".text"),
        Leaf(("example.com/m", "main", "main.main"), 1000, ".text"),
    )
    levels = (MODULE, PACKAGE, SYMBOL)
    explore(Weight("app", "program", 4000, 900, 1, levels, leaves), steps)


def test_where_it_cannot_run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert run(["size", "/nonexistent", "--tui"]) == 4
    assert "needs a terminal" in capsys.readouterr().err
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert run(["size", "/nonexistent", "--tui"]) == 4
    said = capsys.readouterr().err
    assert "error[Z003]" in said
    assert "pip install 'whit[tui]'" in said
