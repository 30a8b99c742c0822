"""A tree of stages: whole, folded to a height, and never wider than it may be."""

from whit.report.branches import Phase, Row, Stem, tree_lines

DONE = Stem("deps", (Row("", "FROM alpine", Phase.DONE, 0.01), Row("1", "RUN a", Phase.DONE, 2.0)),
            is_done=True)  # fmt: skip
CACHED = Stem("tools", (Row("1", "RUN b", Phase.CACHED),), is_done=True)
BUSY = Stem(
    "build",
    (
        Row("1/2", "WORKDIR /w", Phase.DONE, 0.004),
        Row("2/2", "RUN make", Phase.RUNNING, 12.34, tuple("abcdefgh")),
    ),
)
WAITING = Stem("last", (), ("build", "tools"))
ALL = (DONE, CACHED, BUSY, WAITING)


def texts(width: int = 88, height: int = 0) -> list[str]:
    return [line.text.rstrip() for line in tree_lines(ALL, width, height)]


def test_the_whole_tree():
    whole = texts()
    assert whole[0].split() == ["deps", "2", "steps", "2.0", "s"]
    assert whole[1].startswith("  ├─ FROM alpine")
    assert whole[1].endswith("10 ms")
    assert whole[2].startswith("  └─ 1 RUN a")
    assert whole[3].endswith("cached")
    assert "  build" in whole
    assert any(line.startswith("  └─ 2/2 RUN make") and line.endswith("12.3 s") for line in whole)
    assert [line.strip() for line in whole if len(line.strip()) == 1] == list("cdefgh")
    assert whole[-1] == "  last  waits for build, tools"


def test_it_fits_every_height_and_width():
    for height in range(1, 20):
        assert len(texts(height=height)) <= height
    for width in range(1, 120):
        assert all(len(line) <= width for line in texts(width))


def test_what_is_done_is_folded_first_and_what_runs_last():
    folded = texts(height=12)
    assert [line.split()[0] for line in folded if not line.startswith("  ├")][:3] == [
        "deps", "tools", "build",
    ]  # fmt: skip
    assert not any("FROM alpine" in line for line in folded)
    assert any("RUN make" in line for line in folded)
    small = texts(height=2)
    assert small[0] == "  build"
    assert "RUN make" in small[1]
