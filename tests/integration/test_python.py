"""whit as a library: the examples of docs/python.md, and what importing it costs."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import whit
from whit.errors import WhitError
from whit.errors.request import UnknownSetting
from whit.model.plan import Plan
from whit.model.result import Result

DOCUMENT = Path(__file__).parents[2] / "docs" / "python.md"
SERVER = """package main

import "net/http"

func main() { panic(http.ListenAndServe(":8080", nil)) }
"""
pytestmark = pytest.mark.go


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "project"
    (place / "cmd/app").mkdir(parents=True)
    (place / "go.mod").write_text("module example.com/project\n\ngo 1.21\n")
    (place / "cmd/app/main.go").write_text(SERVER)
    monkeypatch.chdir(place)
    return place


def test_the_examples_of_the_documentation_run(project: Path, capsys: pytest.CaptureFixture[str]):
    names: dict[str, object] = {}
    blocks = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert len(blocks) == 4
    said = []
    for block in blocks:
        exec(compile(block, str(DOCUMENT), "exec"), names)
        said.append(capsys.readouterr().out)
    reference, size, status = said[0].splitlines()
    assert reference.startswith("app:1.2@sha256:")
    assert re.fullmatch(r"\d+ bytes compressed in 1 layer", size)
    assert status == "unproven"
    assert (project / "images/app/index.json").is_file()
    assert said[1].startswith("/app N001 ")
    assert "not there: CA roots" in said[1]
    assert said[2].startswith("G007 there is no directory")
    assert "Finished" in said[3]


def test_values_have_their_types_and_nothing_is_printed(
    project: Path, capfd: pytest.CaptureFixture[str]
):
    (result,) = whit.build("./cmd/app", settings={"go.strip": "none"}, directory=project)
    (plan,) = whit.plan("./cmd/app", directory=project)
    assert isinstance(result, Result)
    assert isinstance(plan, Plan)
    assert plan.config.ports == ("8080/tcp",)
    assert result.image.file_count == 1
    assert capfd.readouterr() == ("", "")


def test_failures_are_errors_with_a_code(project: Path):
    with pytest.raises(UnknownSetting, match=r"go\.stripp") as caught:
        whit.plan("./cmd/app", settings={"go.stripp": "none"})
    assert "go.strip" in (caught.value.hint or "")
    with pytest.raises(WhitError, match="no program"):
        whit.build("./cmd", directory=project)


def test_importing_it_imports_nothing_else():
    code = "import sys; old = set(sys.modules); import whit; print(*sorted(set(sys.modules) - old))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["whit"]
