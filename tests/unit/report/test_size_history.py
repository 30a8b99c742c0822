"""The line of a history, and the sizes that it begins and ends with."""

from whit.model.weight import Past
from whit.report.size_history import history_lines, sparkline


def test_the_smallest_is_the_lowest_bar():
    assert sparkline([1, 2, 3, 4, 5, 6, 7, 8]) == "▁▂▃▄▅▆▇█"
    assert sparkline([10, 0, 10]) == "█▁█"


def test_equal_sizes_are_a_line():
    assert sparkline([5, 5, 5]) == "▄▄▄"
    assert sparkline([]) == ""


def test_a_long_history_shows_its_end():
    assert len(sparkline(range(1000))) == 60


def test_first_smallest_largest_and_last():
    sizes = (2_000_000, 1_500_000, 3_000_000, 2_500_000)
    history = [
        Past("app", f"2026-0{n}-01T00:00:00Z", f"r{n}", size, 1, 1)
        for n, size in enumerate(sizes, 1)
    ]
    lines = history_lines(history)[1:]
    assert lines[0] == "▃▁█▆  4 sizes of app, +500 kB (+25.0%) since the first"
    assert [line.split() for line in lines[1:]] == [
        ["first", "2.00", "MB", "2026-01-01", "r1"],
        ["smallest", "1.50", "MB", "2026-02-01", "r2"],
        ["largest", "3.00", "MB", "2026-03-01", "r3"],
        ["last", "2.50", "MB", "2026-04-01", "r4"],
    ]
    assert history_lines([]) == []
    assert history_lines(history[:1])[1] == "▄  the history of app begins here"
