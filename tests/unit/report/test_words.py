import pytest

from whit.report.words import aligned, count_text, listed, seconds_text, size_text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.00 kB"),
        (9994, "9.99 kB"),
        (9996, "10.0 kB"),
        (999_499, "999 kB"),
        (999_500, "1.00 MB"),
        (1_507_488, "1.51 MB"),
        (219_597, "220 kB"),
        (24_400_000, "24.4 MB"),
        (1_234_567_890, "1.23 GB"),
    ],
)
def test_a_size_has_three_digits(size: int, text: str):
    assert size_text(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0004, "0 ms"), (0.9994, "999 ms"), (0.9996, "1.0 s"), (75, "1.2 min")]
)
def test_times(seconds: float, text: str):
    assert seconds_text(seconds) == text


def test_counts_and_lists():
    assert count_text(1, "file") == "1 file"
    assert count_text(1200, "library", "libraries") == "1,200 libraries"
    assert listed(list("abcdefgh"), most=3) == "a, b, c and 5 more"
    assert listed(["a", "b"]) == "a, b"


def test_columns_line_up_and_rows_may_be_short():
    rows = [("a", "10 B", "x"), ("long", "2 B")]
    assert aligned(rows, right=(1,)) == ["a     10 B  x", "long   2 B"]
    assert aligned([]) == []
