"""Numbers and rows in, words out: one spelling of a size, a duration and a table."""

from collections.abc import Iterable, Sequence

UNITS = ((1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB"))


def size_text(size_bytes: int) -> str:
    """Three significant digits in decimal units, as registries and docker count: `1.52 MB`."""
    for scale, unit in UNITS:
        # 999,500 is 1.00 MB, not 1000 kB.
        if size_bytes >= scale * 0.9995:
            value = size_bytes / scale
            digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
            return f"{value:.{digits}f} {unit}"
    return f"{size_bytes} B"


def signed(size: int) -> str:
    return f"{'+' if size >= 0 else '-'}{size_text(abs(size))}"


def percent(before: int, after: int) -> str:
    return f"{100 * (after - before) / before:+.1f}%" if before else "new"


def seconds_text(seconds: float) -> str:
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 59.95 else f"{seconds / 60:.1f} min"


def count_text(count: int, noun: str, plural: str = "") -> str:
    """`1 file`, `3 files`, `2 libraries`."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def printable(text: str) -> str:
    """A name from a stranger, without what a terminal would obey."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else "�" for letter in text)


def listed(words: Sequence[str], most: int = 6) -> str:
    """`a, b, c and 4 more`."""
    shown = ", ".join(words[:most])
    return shown if len(words) <= most else f"{shown} and {len(words) - most} more"


def aligned(
    rows: Iterable[Sequence[str]], *, right: Sequence[int] = (), indent: str = ""
) -> list[str]:
    """Columns two spaces apart; the columns in `right` are aligned right, the last runs free."""
    table = [tuple(row) for row in rows]
    if not table:
        return []
    columns = max(map(len, table))
    widths = [
        max((len(row[i]) for row in table if i < len(row)), default=0) for i in range(columns)
    ]
    lines = []
    for row in table:
        cells = [
            cell.rjust(widths[i]) if i in right else cell.ljust(widths[i])
            for i, cell in enumerate(row)
        ]
        lines.append((indent + "  ".join(cells)).rstrip())
    return lines
