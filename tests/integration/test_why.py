"""Programs that differ by one import in, what it brings in out: foretold, and then built."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from whit.build.why import Reason, why
from whit.errors.sizes import NotLinked

pytestmark = pytest.mark.go

WITH = """package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"

	"example.com/app/inner"
)

func main() {
	fmt.Println(json.NewEncoder(os.Stdout).Encode(os.Args), inner.Answer())
	http.ListenAndServe(":80", nil)
}
"""
WITHOUT = WITH.replace('\t"net/http"\n', "").replace('\thttp.ListenAndServe(":80", nil)\n', "")
INNER = """package inner

import "text/tabwriter"

//go:noinline
func Answer() any { return tabwriter.NewWriter(nil, 0, 0, 0, 0, 0) }
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("why")
    (root / "go.mod").write_text("module example.com/app\n\ngo 1.22\n")
    for name, text in (("with", WITH), ("without", WITHOUT), ("inner", INNER)):
        (root / name).mkdir()
        (root / name / "main.go").write_text(text)
    command = ["go", "build", "-trimpath", "-ldflags=-s -w", "-o", "bin/", "./with", "./without"]
    env = dict(os.environ) | {"CGO_ENABLED": "0", "GOFLAGS": ""}
    subprocess.run(command, cwd=root, check=True, env=env)
    return root


@pytest.fixture(autouse=True)
def without_c(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CGO_ENABLED", "0")


def asked(place: Path, name: str) -> Reason:
    return why("./with", str(place), name)


def test_what_would_go_is_what_building_without_it_saves(place: Path):
    reason = asked(place, "net/http")
    assert reason.source == "objects"
    assert reason.without is not None
    sizes = [(place / "bin" / name).stat().st_size for name in ("with", "without")]
    saved = sizes[0] - sizes[1]
    assert saved > 3_000_000
    assert abs(reason.without.size - saved) < 0.05 * saved
    assert reason.without.packages > 50
    assert {"net/http", "crypto/tls"} <= {name for name, _ in reason.without.largest}


def test_the_way_begins_at_main_and_ends_there(place: Path):
    reason = asked(place, "net/http.(*Server).Serve")
    assert reason.kind == "function"
    functions = [step.function for step in reason.steps]
    assert functions[0] == "main.main"
    assert functions[-1] == "net/http.(*Server).Serve"
    assert all(step.size > 0 for step in reason.steps if "type " not in step.function)


def test_imports_with_what_goes_without_each(place: Path):
    reason = asked(place, "text/tabwriter")
    assert [one.package for one in reason.imports] == [
        "example.com/app/with",
        "example.com/app/inner",
        "text/tabwriter",
    ]
    assert [one.module for one in reason.imports] == ["example.com/app"] * 2 + ["std"]
    inner, tabwriter = reason.imports[1:]
    assert inner.goes >= tabwriter.goes > 0
    assert reason.importers == ("example.com/app/inner",)


def test_a_module_and_what_cannot_go(place: Path):
    assert asked(place, "example.com/app").without is None
    assert asked(place, "runtime").without is None
    with pytest.raises(NotLinked):
        asked(place, "net/rpc")


def test_a_program_alone_tells_its_calls(place: Path):
    reason = why("bin/with", str(place), "net/http")
    assert reason.source == "program"
    assert reason.without is None
    assert reason.steps[0].function == "main.main"


BLOCKED = """package main

import (
	"os"
	"text/template"
)

func main() { template.Must(template.New("x").Parse("{{.}}")).Execute(os.Stdout, 1) }
"""


def whit(place: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    from sys import executable

    program = str(Path(executable).parent / "whit")
    return subprocess.run([program, *words], cwd=place, capture_output=True, text=True, check=False)


def test_budgets_of_dead_code_and_a_history(tmp_path: Path):
    (tmp_path / "go.mod").write_text("module example.com/app\n\ngo 1.22\n")
    (tmp_path / "main.go").write_text(BLOCKED)
    (tmp_path / "whit.toml").write_text(
        '[budget]\ndead-code-blockers = 0\nhistory = "sizes.jsonl"\n[go]\ncgo = "off"\n'
    )
    failed = whit(tmp_path, "build", ".")
    assert failed.returncode == 1
    assert "functions that keep dead methods: 1, and the budget is 0" in failed.stderr
    assert "text/template.(*state).evalField, reached from main.main" in failed.stderr
    (tmp_path / "main.go").write_text(
        'package main\n\nimport "os"\n\nfunc main() { os.Stdout.WriteString("hello") }\n'
    )
    assert whit(tmp_path, "build", ".").returncode == 0
    assert whit(tmp_path, "build", ".").returncode == 0
    lines = [json.loads(line) for line in (tmp_path / "sizes.jsonl").read_text().splitlines()]
    assert len(lines) == 2
    assert lines[0]["disk"] > lines[1]["disk"]
    (tmp_path / "whit.toml").write_text(
        '[budget]\nimage = "1MB"\nhistory = "sizes.jsonl"\n[go]\ncgo = "off"\n'
    )
    (tmp_path / "main.go").write_text(BLOCKED)
    failed = whit(tmp_path, "build", ".")
    assert failed.returncode == 1
    assert "since the last build" in failed.stderr
    shown = whit(tmp_path, "size", ".", "--history", "sizes.jsonl")
    assert "the history of app begins here" in shown.stdout
    assert len((tmp_path / "sizes.jsonl").read_text().splitlines()) == 4
