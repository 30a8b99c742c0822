from pathlib import Path

import pytest

from whit.errors.golang import BadSource
from whit.golang.source import read_source
from whit.model.program import Source


@pytest.fixture
def module(tmp_path: Path) -> Path:
    for name in ("cmd/app", "cmd/with blank", "other/inner"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "go.mod").write_text("module example.com/m\n")
    (tmp_path / "other/go.mod").write_text("module example.com/other\n")
    (tmp_path / "cmd/app/main.go").write_text("package main\n")
    return tmp_path


@pytest.mark.parametrize(
    ("text", "packages"),
    [
        (".", (".",)),
        ("./", (".",)),
        ("./...", ("./...",)),
        ("...", ("./...",)),
        ("cmd/app", ("./cmd/app",)),
        ("./cmd/app/", ("./cmd/app",)),
        ("./cmd/...", ("./cmd/...",)),
        ("./cmd/app ./cmd/...", ("./cmd/app", "./cmd/...")),
        ("./cmd/with blank", ("./cmd/with blank",)),
        ("example.com/m/cmd/app", ("example.com/m/cmd/app",)),
    ],
)
def test_paths_of_this_module_stay_here(module: Path, text: str, packages: tuple[str, ...]):
    assert read_source(text, str(module)) == Source(str(module), packages)


def test_another_module_is_built_from_there(module: Path):
    assert read_source("./other/...", str(module)) == Source(str(module / "other"), ("./...",))
    inner = str(module / "other/inner")
    assert read_source(inner, str(module)) == Source(inner, (".",))
    assert read_source("..", inner) == Source(inner, ("..",))


def test_a_module_at_a_version():
    source = read_source("example.com/a/cmd/b@latest", "/")
    assert source == Source("/", ("example.com/a/cmd/b",), "latest")


@pytest.mark.parametrize(
    "text",
    ["", " ", "-toolexec=x", "./cmd -o=/etc", "./absent", "/absent", "./cmd/app/main.go", "a\x00b",
     "example.com/a@", "@v1", "app@v1", "example.com/a@v1@v2", "example.com/...@v1",
     "example.com/a@v1 .", "./cmd ./other", "x" * 5000],
)  # fmt: skip
def test_what_is_no_source(module: Path, text: str):
    with pytest.raises(BadSource):
        read_source(text, str(module))
