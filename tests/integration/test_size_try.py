"""Real programs in, what each lever makes of them out; and whit.toml with what won."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from whit.build.call import request_of
from whit.build.changing import changed, edited, values_of
from whit.build.events import unheard
from whit.build.house import open_house
from whit.build.trying import Asked, Bench, try_levers
from whit.errors import UsageError
from whit.model.program import Strip

MAIN = """package main

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"time"
)

func main() {
	version := flag.Bool("version", false, "")
	zone := flag.String("zone", "", "")
	flag.Parse()
	if *version {
		fmt.Println("app 1", os.Getenv("HOME") != "")
		return
	}
	fmt.Println(time.LoadLocation(*zone))
	http.ListenAndServe(":8080", nil)
}
"""
TOML = """# what we ship
[go]
tags = ["ours"]  # our own
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    place = tmp_path / "app"
    place.mkdir()
    (place / "main.go").write_text(MAIN)
    (place / "go.mod").write_text("module example.com/app\n\ngo 1.21\n")
    (place / "whit.toml").write_text(TOML)
    return place


@pytest.mark.go
@pytest.mark.sandbox
def test_levers_are_weighed_run_and_combined(source: Path):
    only = ("strip-none", "tag-nethttpomithttp2", "zones-inside", "gzip-best", "zstd-best")
    request = request_of(".", {"go.env": {"CGO_ENABLED": "0"}}, directory=source)
    asked = Asked(extra=("tag-nethttpomithttp2",), only=only)
    found = try_levers(request, open_house(), asked, unheard)
    assert found.smoke == ("--version",)
    assert found.unchanged.check.said == "exit 0"
    trials = {trial.lever.name: trial for trial in found.trials}
    assert not found.untried
    assert trials["strip-none"].disk > found.unchanged.disk + 1_000_000
    # the tag takes HTTP/2 out of the standard library
    assert trials["tag-nethttpomithttp2"].disk < found.unchanged.disk - 200_000
    # all zones as files weigh more than the same in the program
    assert abs(trials["zones-inside"].disk - found.unchanged.disk) < 1_000_000
    assert trials["gzip-best"].disk == found.unchanged.disk
    assert trials["zstd-best"].compressed < trials["gzip-best"].compressed
    assert all(trial.check.passed for trial in found.trials)
    assert found.best is not None
    assert found.best.lever.name == "tag-nethttpomithttp2 + gzip-best"
    assert found.best.compressed < min(
        trials["gzip-best"].compressed, trials["tag-nethttpomithttp2"].compressed
    )
    assert found.most is not None
    assert "zstd-best" in found.most.lever.name


@pytest.mark.go
@pytest.mark.sandbox
def test_what_does_something_else_is_seen(source: Path, tmp_path: Path):
    (source / "other.go").write_text(
        '//go:build other\n\npackage main\n\nimport "os"\n\nfunc init() { os.Exit(3) }\n'
    )
    request = request_of(".", {"go.env": {"CGO_ENABLED": "0"}}, directory=source)
    bench = Bench(request, open_house(), str(tmp_path / "bench"), unheard)
    bench.ask("--version")
    same = bench.check(bench.build(changed(request, (("go.tags", ("nothing",)),))))
    other = bench.check(bench.build(changed(request, (("go.tags", ("other",)),))))
    bench.store.close()
    assert (same.passed, same.said) == (True, "the same")
    assert (other.passed, other.said) == (False, "exit 3 instead of 0")


@pytest.mark.go
@pytest.mark.sandbox
def test_apply_shows_the_difference_and_keeps_comments(source: Path):
    command = [sys.executable, "-m", "whit.cli.entry", "size", ".", "--try", "--apply"]
    command += ["--only", "gzip-best"]
    env = {**os.environ, "CGO_ENABLED": "0"}
    done = subprocess.run(
        command, cwd=source, env=env, capture_output=True, text=True, check=True
    )  # fmt: skip
    assert '+effort = "best"' in done.stdout
    text = (source / "whit.toml").read_text()
    assert text.startswith(TOML)
    assert request_of(".", {}, directory=source).settings.output.effort == "best"
    # the scratch directory is gone, and nothing got a name
    store = Path(os.environ["WHIT_STORE"])
    assert not store.exists() or not json.loads((store / "index.json").read_text())["manifests"]


def test_lists_grow_and_everything_else_is_replaced(source: Path):
    request = request_of(".", {}, directory=source)
    changes = (("go.tags", ("a",)), ("go.tags", ("b",)), ("go.strip", "dwarf"),
               ("go.env.GOFLAGS", "-x"), ("platform", "linux/amd64/v3"))  # fmt: skip
    made = changed(request, changes)
    assert made.settings.go.tags == ("ours", "a", "b")
    assert made.settings.go.strip is Strip.DWARF
    assert made.settings.go.env == {"GOFLAGS": "-x"}
    assert str(made.platform) == "linux/amd64/v3"
    text = edited(TOML, values_of(request, changes))
    assert "# what we ship" in text
    assert "# our own" in text
    (source / "whit.toml").write_text(text)
    assert request_of(".", {}, directory=source).settings == made.settings


@pytest.mark.go
def test_names_that_mean_nothing_here(source: Path):
    with pytest.raises(UsageError, match="no-inlinning") as raised:
        try_levers(
            request_of(".", {"go.env": {"CGO_ENABLED": "0"}}, directory=source),
            open_house(),
            Asked(extra=("no-inlinning",)),
            unheard,
        )
    assert "no-inlining" in raised.value.hint
