"""Weight in, an explorer on the terminal out: layers on the left, what they hold on the right.

Everything it shows is counted by `report.size_tree`; this module only draws and listens to keys.
It needs Textual, the extra `tui`, and is imported by `whit size --tui` alone.
"""

from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual import on
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import DataTable, Footer, Input, Static, Tree
from textual.widgets.tree import TreeNode

from whit.model.weight import Weight
from whit.report.size import totals_lines
from whit.report.size_tree import ADDED, MODIFIED, REMOVED, Branch, Walk
from whit.report.words import printable, size_text

_COLORS = {ADDED: "green", MODIFIED: "yellow", REMOVED: "red", "": ""}
_MOST = 1000  # branches that are drawn below one; more say so
_GUIDE = 4  # columns that Textual indents each level by
_FIGURES = 19  # columns of size and share


class BytesTree(Tree[Branch | None]):
    """Names on the left, and on the right what they weigh and their share of everything."""

    total = 1

    def render_label(self, node: TreeNode[Branch | None], base_style: Style, style: Style) -> Text:
        label = super().render_label(node, base_style, style)
        branch = node.data
        if branch is None:
            return label
        level, above = 0, node.parent
        while above is not None:
            level, above = level + 1, above.parent
        room = max(12, self.size.width - self.show_vertical_scrollbar * 2 - _GUIDE * level - 1)
        label.truncate(room - _FIGURES, overflow="ellipsis", pad=True)
        size = size_text(branch.size)
        if branch.lost and not branch.size:
            size = f"-{size_text(branch.lost)}"
        return label.append(f"{size:>11} {branch.size / self.total:>6.1%}", style)


class Explorer(App[None]):
    """`walk` is what it walks through."""

    TITLE = "whit size"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #side { width: 44%; min-width: 34; max-width: 74; }
    #layers { height: auto; max-height: 50%; }
    .head { background: $panel; color: $text; text-style: bold; padding: 0 1; height: 1; }
    #about { padding: 0 1; height: auto; max-height: 9; color: $text-muted; }
    #wasted { height: 1fr; }
    #tree { height: 1fr; }
    #filter { display: none; height: 3; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", "Quit"),
        Binding("tab", "other_pane", "Other pane", priority=True),
        Binding("right,l", "deeper", "Open", key_display="→"),
        Binding("left,h", "higher", "Close", key_display="←"),
        Binding("a", "whole", "All / this layer"),
        Binding("s", "sort", "Sort"),
        Binding("slash", "filter", "Filter", key_display="/"),
        Binding("c", "collapse", "Close all"),
        Binding("escape", "clear", "Clear", show=False),
        Binding("j", "move(1)", "Down", show=False),
        Binding("k", "move(-1)", "Up", show=False),
    ]

    def __init__(self, weight: Weight) -> None:
        super().__init__()
        self.walk = Walk(weight)
        self.weight = weight
        self.layer = 1 if weight.layers else 0
        self.is_whole = True
        self.by_name = False
        self.pattern = ""

    def compose(self) -> ComposeResult:
        with Horizontal():
            with Vertical(id="side"):
                yield Static("Layers" if self.weight.layers else "Modules", classes="head")
                yield DataTable[Text](id="layers", cursor_type="row")
                yield Static(id="about", markup=False)
                yield Static(self._wasted_head(), classes="head", markup=False)
                yield DataTable[Text](id="wasted", cursor_type="row")
            with Vertical():
                yield Static(id="title", classes="head", markup=False)
                yield BytesTree("", id="tree")
                yield Input(id="filter", placeholder="part of a name, or a glob")
        yield Footer()

    def on_mount(self) -> None:
        self._fill_side()
        self._fill_wasted()
        self._fill_tree()
        self.query_one("#tree" if not self.weight.layers else "#layers").focus()

    # ---- what is shown --------------------------------------------------------------------------

    def _fill_side(self) -> None:
        table = self.query_one("#layers", DataTable)
        if self.weight.layers:
            table.add_columns("", "size", "compressed", "made by")
            for number, layer in enumerate(self.weight.layers, 1):
                made = printable(" ".join(layer.made_by.split())) or layer.digest[7:19]
                cells = (str(number), size_text(layer.disk), size_text(layer.compressed))
                table.add_row(*(Text(cell, justify="right") for cell in cells), Text(made[:200]))
            return
        table.add_columns("size", "module")
        whole = self.walk.root(0, is_whole=True)
        for branch in whole.children():
            table.add_row(Text(size_text(branch.size), justify="right"), Text(branch.name))

    def _wasted_head(self) -> str:
        total = sum(one.size for one in self.weight.wasted)
        return f"Wasted: {size_text(total)}" if self.weight.layers else "Sections"

    def _fill_wasted(self) -> None:
        table = self.query_one("#wasted", DataTable)
        if self.weight.layers:
            table.add_columns("size", "why", "file")
            for one in self.weight.wasted[:_MOST]:
                cells = (Text(size_text(one.size), justify="right"), Text(one.kind))
                table.add_row(*cells, Text(printable(one.path)))
            return
        table.add_columns("size", "section")
        sections: dict[str, int] = {}
        for leaf in self.weight.leaves:
            sections[leaf.section] = sections.get(leaf.section, 0) + leaf.size
        for name, size in sorted(sections.items(), key=lambda row: -row[1]):
            table.add_row(Text(size_text(size), justify="right"), Text(name))

    def _fill_tree(self) -> None:
        tree = self.query_one("#tree", BytesTree)
        whole = self.walk.root(self.layer, is_whole=self.is_whole, pattern=self.pattern)
        tree.total = max(1, whole.size)
        tree.reset(Text(whole.name), whole)
        self._grow(tree.root)
        tree.root.expand()
        words = [f"layer {self.layer}" if self.is_whole else f"changes of layer {self.layer}"]
        words = words if self.weight.layers else ["module, package, symbol"]
        words += [f"by {'name' if self.by_name else 'size'}"]
        words += [f"with {self.pattern}"] if self.pattern else []
        self.query_one("#title", Static).update(f"{whole.name}: {', '.join(words)}")
        self.query_one("#about", Static).update("\n".join(self._about()))

    def _about(self) -> list[str]:
        lines = [printable(line) for line in totals_lines(self.weight)]
        if self.layer:
            layer = self.weight.layers[self.layer - 1]
            lines += [layer.digest, printable(" ".join(layer.made_by.split()))[:300]]
        return lines

    def _grow(self, node: TreeNode[Branch | None]) -> None:
        """Draw what stands below a branch, once."""
        if node.children or node.data is None:
            return
        below = node.data.children(by_name=self.by_name)
        for branch in below[:_MOST]:
            label = Text(branch.name, _COLORS[branch.change] if branch.is_path else "")
            node.add(label, branch, allow_expand=branch.is_open)
        if len(below) > _MOST:
            rest = sum(branch.size for branch in below[_MOST:])
            said = f"and {len(below) - _MOST:,} more, {size_text(rest)} together"
            node.add_leaf(Text(said, "dim"), None)

    # ---- what is done ---------------------------------------------------------------------------

    @on(Tree.NodeExpanded)
    def _expanded(self, event: Tree.NodeExpanded[Branch | None]) -> None:
        self._grow(event.node)

    @on(DataTable.RowHighlighted, "#layers")
    def _layer_chosen(self, event: DataTable.RowHighlighted) -> None:
        if self.weight.layers and event.cursor_row + 1 != self.layer:
            self.layer = event.cursor_row + 1
            self._fill_tree()

    @on(DataTable.RowSelected, "#layers")
    def _layer_entered(self) -> None:
        self.query_one("#tree", BytesTree).focus()

    @on(DataTable.RowSelected, "#wasted")
    def _waste_entered(self, event: DataTable.RowSelected) -> None:
        if self.weight.layers:
            self._look_for(self.weight.wasted[event.cursor_row].path.strip("/"))

    def action_other_pane(self) -> None:
        self.screen.focus_next()

    def action_whole(self) -> None:
        if self.weight.layers:
            self.is_whole = not self.is_whole
            self._fill_tree()

    def action_sort(self) -> None:
        self.by_name = not self.by_name
        self._fill_tree()

    def action_collapse(self) -> None:
        tree = self.query_one("#tree", BytesTree)
        tree.root.collapse_all()
        tree.root.expand()

    def action_deeper(self) -> None:
        self._open(True)

    def action_higher(self) -> None:
        self._open(False)

    def _open(self, is_opened: bool) -> None:
        tree = self.query_one("#tree", BytesTree)
        node = tree.cursor_node
        if node is None or self.focused is not tree:
            return
        if is_opened:
            node.expand()
        elif node.is_expanded and node.children and node is not tree.root:
            node.collapse()
        elif node.parent is not None:
            tree.move_cursor(node.parent)

    def action_move(self, step: int) -> None:
        widget = self.focused
        if isinstance(widget, Tree | DataTable):
            widget.action_cursor_down() if step > 0 else widget.action_cursor_up()

    def action_filter(self) -> None:
        box = self.query_one("#filter", Input)
        box.display = True
        box.focus()

    @on(Input.Submitted, "#filter")
    def _filtered(self, event: Input.Submitted) -> None:
        self.query_one("#filter", Input).display = False
        self._look_for(event.value.strip())

    def _look_for(self, pattern: str) -> None:
        self.pattern = pattern
        self._fill_tree()
        self.query_one("#tree", BytesTree).focus()

    def action_clear(self) -> None:
        box = self.query_one("#filter", Input)
        box.value, box.display = "", False
        if self.pattern:
            self._look_for("")
