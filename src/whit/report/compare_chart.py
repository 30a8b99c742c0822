"""A Comparison in, a chart out: one self-contained SVG, for light and dark pages.

A bar for each base, the largest first: what the base brings, what it lacks, the stripped
program, and what the linker leaves out of it. Lengths are true to scale, all from one zero.
"""

from html import escape

import msgspec

from whit.model.comparison import Base, Comparison
from whit.report.compare import images_of, linkages_of, ordered_bases
from whit.report.words import size_text

_WIDTH, _LEFT, _RIGHT = 760, 120, 210
_BAR, _STEP, _TOP = 20, 36, 74
# Distinct in lightness too, so that they stay apart in grey and for every kind of sight.
_STYLE = """\
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-size: 16px; font-weight: 600 }
  .note { fill: #59636e }
  .base { fill: #8c959f } .copied { fill: #bf8700 } .program { fill: #0550ae }
  .symbols { fill: #80ccff } .axis { stroke: #d1d9e0 }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc } .note { fill: #9198a1 }
    .base { fill: #656c76 } .copied { fill: #d29922 } .program { fill: #4493f8 }
    .symbols { fill: #1f4b7f } .axis { stroke: #3d444d }
  }"""
_LEGEND = (
    ("base", "the base"),
    ("copied", "what it lacks"),
    ("program", "the program, stripped"),
    ("symbols", "symbols and DWARF"),
)


class _Bar(msgspec.Struct, frozen=True):
    """Bytes of each part, in the order of the legend."""

    name: str
    parts: tuple[int, int, int, int]

    @property
    def stripped(self) -> int:
        return sum(self.parts[:3])

    @property
    def total(self) -> int:
        return sum(self.parts)

    @property
    def label(self) -> str:
        if not self.parts[3]:
            return size_text(self.total)
        return f"{size_text(self.stripped)}, in full {size_text(self.total)}"


def compare_chart(comparison: Comparison) -> str:
    bars = [
        _bar(base, linkage, f"{base.name}, {linkage}" if len(kinds) > 1 else base.name)
        for kinds in (linkages_of(comparison),)
        for linkage in kinds
        for base in ordered_bases(comparison, linkage)
    ]
    height = _TOP + _STEP * len(bars) + 14
    scale = (_WIDTH - _LEFT - _RIGHT) / max(bar.total for bar in bars)
    title = f"{comparison.name} on {len(bars)} bases: bytes on disk"
    said = "; ".join(f"{bar.name}: {bar.label}" for bar in bars)
    lines = [
        '<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="title desc"',
        f' viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}">',
        f'<title id="title">{escape(title)}</title>',
        f'<desc id="desc">{escape(said)}.</desc>',
        f"<style>\n{_STYLE}\n</style>",
        f'<text class="title" x="16" y="26">{escape(title)}</text>',
        *_legend(),
        f'<path class="axis" d="M{_LEFT}.5 {_TOP - 8}V{height - 8}"/>',
    ]
    for row, bar in enumerate(bars):
        lines += _drawn(bar, _TOP + _STEP * row, scale)
    return "\n".join((*lines, "</svg>\n"))


def _bar(base: Base, linkage: str, name: str) -> _Bar:
    images = images_of(base, linkage)
    least = images[-1]
    most = max(image.disk for image in images)
    program = least.disk - base.disk - least.copied_disk
    return _Bar(name, (base.disk, least.copied_disk, program, most - least.disk))


def _legend() -> list[str]:
    lines, x = [], 16
    for kind, text in _LEGEND:
        lines.append(f'<rect class="{kind}" x="{x}" y="40" width="12" height="12" rx="2"/>')
        lines.append(f'<text class="note" x="{x + 18}" y="51">{text}</text>')
        x += 40 + 7 * len(text)
    return lines


def _drawn(bar: _Bar, y: int, scale: float) -> list[str]:
    middle = y + _BAR - 5
    lines = [f'<text x="{_LEFT - 10}" y="{middle}" text-anchor="end">{escape(bar.name)}</text>']
    x = float(_LEFT)
    for (kind, text), size in zip(_LEGEND, bar.parts, strict=True):
        if not size:
            continue
        width = max(size * scale, 0.5)
        lines.append(
            f'<rect class="{kind}" x="{x:.1f}" y="{y}" width="{width:.1f}" height="{_BAR}">'
            f"<title>{escape(bar.name)}, {text}: {size_text(size)}</title></rect>"
        )
        x += width
    lines.append(f'<text class="note" x="{x + 8:.1f}" y="{middle}">{bar.label}</text>')
    return lines
