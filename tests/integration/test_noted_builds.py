"""A build of Go source that nothing changed for answers from a note; any change is built."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.go
SHORT = "nothing changed"
MAIN = """package main

import _ "embed"

//go:embed words/greeting.txt
var greeting string

func main() { print(greeting, more) }
"""
MORE = 'package main\n\nconst more = "1"\n'


class Project:
    """A module in a repository of its own, and whit in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.env = {**os.environ, "GOFLAGS": "", "HOME": str(root.parent / "home"),
                    "GOCACHE": subprocess.check_output(["go", "env", "GOCACHE"], text=True).strip(),
                    "GIT_CONFIG_NOSYSTEM": "1"}  # fmt: skip
        (root.parent / "home").mkdir()
        self.write("go.mod", "module example.com/noted\n\ngo 1.21\n")
        self.write("main.go", MAIN)
        self.write("more.go", MORE)
        self.write("words/greeting.txt", "hello\n")
        self.git("init", "-q")
        self.git("add", "-A")
        self.commit("first")

    def write(self, name: str, text: str) -> None:
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text(text)

    def git(self, *words: str) -> None:
        subprocess.run(["git", *words], cwd=self.root, env=self.env, check=True)

    def commit(self, message: str) -> None:
        who = ("-c", "user.name=x", "-c", "user.email=x@example.test")
        self.git(*who, "commit", "-q", "--allow-empty", "-am", message)

    def build(self, *words: str, **env: str) -> tuple[str, str]:
        """(reference, talk)"""
        time.sleep(0.05)  # what changed within one tick of the clock proves nothing
        done = subprocess.run(
            [sys.executable, "-m", "whit.cli.entry", "build", *(words or (".",))],
            cwd=self.root, env={**self.env, **env}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.strip(), done.stderr

    def settle(self, *words: str) -> str:
        """Build until a note answers; after a commit git first writes its index anew."""
        for _ in range(9):
            reference, said = self.build(*words)
            if SHORT in said:
                return reference
        raise AssertionError(said)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "project").mkdir()
    return Project(tmp_path / "project")


def test_the_answer_is_that_of_the_build(project: Project):
    reference, said = project.build()
    assert SHORT not in said
    assert project.settle() == reference
    summary = [line for line in said.splitlines() if not line.startswith("  ")]
    assert all(line in project.build()[1] for line in summary)


CHANGES: dict[str, Callable[[Project], object]] = {
    "a source": lambda p: p.write("more.go", MORE.replace("1", "2")),
    "an embedded file": lambda p: p.write("words/greeting.txt", "other\n"),
    "a file that build tags bring in": lambda p: p.write(
        "init_linux.go", 'package main\n\nfunc init() { print("new") }\n'
    ),
    "a file that is gone": lambda p: (
        (p.root / "more.go").unlink(),
        p.write("main.go", MAIN.replace("more", "greeting")),
    ),
    "go.mod": lambda p: p.write("go.mod", "module example.com/renamed\n\ngo 1.21\n"),
    "a commit": lambda p: p.commit("second"),
    "settings": lambda p: p.write("whit.toml", '[go]\nstrip = "none"\n'),
    "settings above": lambda p: (
        p.root.joinpath(".git").rename(p.root.parent / "git"),
        (p.root.parent / "whit.toml").write_text('[image.labels]\nnew = "1"\n'),
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_built(project: Project, change: str):
    before = project.settle()
    CHANGES[change](project)
    after, said = project.build()
    assert SHORT not in said
    assert after.partition("@")[2] != before.partition("@")[2]


def test_a_workspace_around_it_is_seen(project: Project):
    project.settle()
    (project.root.parent / "go.work").write_text("go 1.21\n\nuse ./project\n")
    for _ in range(3):  # and what a workspace decides is never noted
        assert SHORT not in project.build()[1]


def test_another_environment_is_another_build(project: Project):
    project.settle()
    assert SHORT not in project.build(GOFLAGS="-tags=x")[1]
    assert SHORT not in project.build(SOURCE_DATE_EPOCH="1")[1]


def test_another_go_is_another_build(project: Project, tmp_path: Path):
    project.settle()
    (tmp_path / "bin").mkdir()
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    project.env["PATH"] = path
    project.settle()
    (tmp_path / "bin/go").symlink_to(
        Path(subprocess.check_output(["go", "env", "GOROOT"], text=True).strip()) / "bin/go"
    )
    assert SHORT not in project.build()[1]


@pytest.mark.parametrize("harm", ["flip", "remove"])
@pytest.mark.parametrize("blob", ["layer", "config", "manifest"])
def test_a_store_that_changed_is_built_into(project: Project, harm: str, blob: str):
    reference = project.settle()
    store = Path(os.environ["WHIT_STORE"])
    blobs = store / "blobs/sha256"
    manifest = blobs / reference.rpartition(":")[2]
    named = json.loads(manifest.read_bytes())
    parts = {"config": named["config"], "layer": named["layers"][0]}
    harmed = blobs / parts[blob]["digest"][7:] if blob in parts else manifest
    if harm == "flip":
        data = bytearray(harmed.read_bytes())
        data[len(data) // 2] ^= 1
        harmed.chmod(0o644)
        harmed.write_bytes(data)
    else:
        harmed.unlink()
    again, said = project.build()
    assert SHORT not in said
    assert again == reference
    done = subprocess.run(
        [sys.executable, "-m", "whit.cli.entry", "images", "--check"],
        env=project.env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_a_name_that_was_given_away_is_taken_back(project: Project):
    reference = project.settle()
    project.write("more.go", MORE.replace("1", "2"))
    assert project.build()[0] != reference
    project.write("more.go", MORE)
    assert project.build()[0] == reference
    shown = subprocess.run(
        [sys.executable, "-m", "whit.cli.entry", "images"],
        env=project.env, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert reference.partition("sha256:")[2][:12] in shown


def test_a_file_that_changes_while_go_works_is_not_missed(project: Project):
    project.settle()
    for number in range(6):
        project.write("more.go", MORE.replace("1", f"{number}a"))
        process = subprocess.Popen(
            [sys.executable, "-m", "whit.cli.entry", "build", "."],
            cwd=project.root, env=project.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        time.sleep(0.03 * number)
        project.write("more.go", MORE.replace("1", f"{number}b"))
        process.communicate()
        project.settle()
        shown = subprocess.run(
            [sys.executable, "-m", "whit.cli.entry", "build", "--run", "."],
            cwd=project.root, env=project.env, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert f"{number}b" in shown.stderr


@pytest.mark.parametrize(
    "words", [(".", "--smoke", ""), (".", "-t", "app:{{.Commit}}"), (".", "--to", "oci:out")]
)
def test_what_does_more_than_build_is_done_each_time(project: Project, words: tuple[str, ...]):
    for _ in range(3):
        assert SHORT not in project.build(*words)[1]


def test_modules_elsewhere_are_never_noted(project: Project, tmp_path: Path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "go.mod").write_text("module example.com/other\n\ngo 1.21\n")
    (other / "other.go").write_text("package other\n\nconst Word = 1\n")
    replaced = "require example.com/other v0.0.0\n\nreplace example.com/other => ../other\n"
    project.write("go.mod", f"module example.com/noted\n\ngo 1.21\n\n{replaced}")
    project.write("use.go", 'package main\n\nimport _ "example.com/other"\n')
    for _ in range(3):
        assert SHORT not in project.build()[1]
