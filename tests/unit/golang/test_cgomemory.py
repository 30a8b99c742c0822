"""When the last answer about C code still holds, and when Go need not be asked at all."""

import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from whit.golang.cgo import OFF
from whit.golang.cgomemory import is_exact, may_have_c, remember, remembered, sources_key
from whit.model.names import Platform
from whit.model.program import Cgo, Recipe, Source


def recipe(place: Path, version: str = "", **changes: object) -> Recipe:
    made = Recipe(Source(str(place), version=version), Platform("linux", "amd64"))
    return msgspec.structs.replace(made, **changes)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"go.mod": "module a\n", "main.go": "package main\n"}, False),
        ({"go.mod": "module a\nrequire b v1.0.0\n", "main.go": "package main\n"}, True),
        ({"go.mod": "module a\n", "c/c.go": 'package c\nimport "C"\n'}, True),
        ({"go.mod": "module a\n", ".git/c.go": 'import "C"\n'}, False),
    ],
)
def test_go_is_asked_only_where_c_is_possible(
    tmp_path: Path, files: dict[str, str], expected: bool
):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert may_have_c(recipe(tmp_path)) is expected


def test_the_last_way_is_remembered(tmp_path: Path):
    assert remembered(str(tmp_path)) is None
    way = msgspec.structs.replace(OFF, mode=Cgo.STATIC, reason="C code of a", tags=("netgo",))
    remember(str(tmp_path), "key", way)
    found = remembered(str(tmp_path))
    assert found is not None
    assert (found.key, found.way) == ("key", way)
    (tmp_path / "cgo").write_bytes(b"{")
    assert remembered(str(tmp_path)) is None


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


@pytest.mark.parametrize(
    "change",
    [
        lambda place: append(place / "go.mod", "require b v1.0.0\n"),
        lambda place: append(place / "go.sum", "b v1.0.0 h1:x\n"),
        lambda place: append(place / "main.go", "\n"),
        lambda place: (place / "c.go").write_text('import "C"\n'),
        lambda place: os.utime(place / "main.go", ns=(1, 1)),
    ],
)
def test_any_change_of_the_sources_asks_again(tmp_path: Path, change: Callable[[Path], object]):
    (tmp_path / "go.mod").write_text("module a\n")
    (tmp_path / "main.go").write_text("package main\n")
    before = sources_key(recipe(tmp_path), {})
    assert before
    assert sources_key(recipe(tmp_path), {}) == before
    change(tmp_path)
    assert sources_key(recipe(tmp_path), {}) != before


def test_tools_and_recipe_are_part_of_the_key(tmp_path: Path):
    (tmp_path / "go.mod").write_text("module a\n")
    keys = {
        sources_key(recipe(tmp_path), {}),
        sources_key(recipe(tmp_path), {"CC": "clang"}),
        sources_key(recipe(tmp_path, tags=("x",)), {}),
    }
    assert len(keys) == 3


@pytest.mark.parametrize("line", ["replace b => ../b\n", "replace b => /b\n", "replace b=>./b\n"])
def test_modules_elsewhere_are_asked_about_each_time(tmp_path: Path, line: str):
    (tmp_path / "go.mod").write_text("module a\n" + line)
    assert sources_key(recipe(tmp_path), {}) == ""


def test_a_version_that_is_exact_is_asked_about_once(tmp_path: Path):
    assert sources_key(recipe(tmp_path, "v1.2.3"), {})
    assert sources_key(recipe(tmp_path, "latest"), {}) == ""


@pytest.mark.parametrize(
    ("version", "expected"),
    [("v1.2.3", True), ("v1.2.3-rc1", True), ("v1", False), ("latest", False)],
)
def test_versions_that_mean_the_same_tomorrow(version: str, expected: bool):
    assert is_exact(version) is expected
