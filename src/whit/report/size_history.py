"""Sizes in the order they were written in, a sparkline with its ends out."""

from collections.abc import Sequence

from whit.model.weight import Past
from whit.report.words import aligned, count_text, percent, signed, size_text

_BARS = "▁▂▃▄▅▆▇█"
_WIDTH = 60


def sparkline(values: Sequence[int]) -> str:
    """A bar for each of the last 60 values, from the smallest to the largest of them."""
    shown = values[-_WIDTH:]
    low, high = min(shown, default=0), max(shown, default=0)
    if low == high:
        return _BARS[3] * len(shown)
    last = len(_BARS) - 1
    return "".join(_BARS[round(last * (value - low) / (high - low))] for value in shown)


def history_lines(history: Sequence[Past]) -> list[str]:
    """The line, then its first, smallest, largest and last size; nothing without a history."""
    if not history:
        return []
    sizes = [one.disk for one in history]
    if len(history) == 1:
        return ["", f"{sparkline(sizes)}  the history of {history[0].name} begins here"]
    smallest, largest = (pick(history, key=lambda one: one.disk) for pick in (min, max))
    first, last = history[0], history[-1]
    grown = f"{signed(last.disk - first.disk)} ({percent(first.disk, last.disk)}) since the first"
    rows = [
        (what, size_text(one.disk), one.date[:10], one.revision)
        for what, one in (
            ("first", first),
            ("smallest", smallest),
            ("largest", largest),
            ("last", last),
        )
    ]
    head = f"{sparkline(sizes)}  {count_text(len(history), 'size')} of {last.name}, {grown}"
    return ["", head, *aligned(rows, right=(1,), indent="  ")]
