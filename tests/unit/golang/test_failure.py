import pytest

from whit.errors import Exit
from whit.golang.failure import failure_of, release_asked
from whit.golang.process import Outcome
from whit.model.names import Platform
from whit.model.program import Recipe, Source

HERE = Recipe(Source("/src"), Platform("linux", "amd64"))
THERE = Recipe(Source("/src", ("example.com/a/cmd/b",), "v1.9.0"), Platform("linux", "amd64"))
COMPILER = "# example.com/m\n./main.go:3:2: undefined: x\n./main.go:4:2: undefined: y\n"


@pytest.mark.parametrize(
    ("words", "recipe", "code"),
    [
        (COMPILER, HERE, "G001"),
        ("# m\n./a.go:1:1: undefined: no space\n", HERE, "G001"),
        ("# m\n./a.go:1:1: x.dial tcp undefined (dial tcp)\n", HERE, "G001"),
        ("no Go files in /src\n", HERE, "G002"),
        ("go: go.mod file not found in current directory or any parent directory\n", HERE, "G002"),
        ("go: no main packages to build\n", HERE, "G002"),
        ("package m: build constraints exclude all Go files in /src\n", HERE, "G002"),
        ("go: example.com/a@v1.9.0: invalid version: unknown revision v1.9.0\n", THERE, "G005"),
        ("go: a@v1.9.0: reading https://p/a/@v/v1.9.0.info: 404 Not Found\n", THERE, "G005"),
        ("go: x: The go.mod file contains one or more replace directives.\n", THERE, "G006"),
        ("go: unsupported GOOS/GOARCH pair linux/mips9\n", HERE, "G009"),
        ("main.go:4:2: no required module provides package a.com/b; to add it:\n", HERE, "G010"),
        ("go: go.mod requires go >= 1.28 (running go 1.26.8; GOTOOLCHAIN=local)\n", HERE, "G011"),
        ('go: a@v1: Get "https://p/a": dial tcp 127.0.0.1:9: connect: connection refused\n',
         THERE, "G014"),
        ("# m\nlink: writing output: write $WORK/b001/exe/a.out: no space left on device\n", HERE,
         "G015"),
        ("# m\n/go/pkg/tool/link: signal: killed\n", HERE, "G016"),
    ],
)  # fmt: skip
def test_words_of_go_become_a_code_and_stay_whole(words: str, recipe: Recipe, code: str):
    error = failure_of(Outcome(1, "", words), recipe)
    assert error.code == code
    assert error.output == words
    assert error.hint


def test_a_network_failure_may_be_tried_again():
    words = "go: a@v1: Get x: dial tcp: lookup p: i/o timeout\n"
    error = failure_of(Outcome(1, "", words), THERE)
    assert error.exit is Exit.WORLD
    assert error.temporary


def test_compiler_errors_are_counted():
    assert "2 errors" in failure_of(Outcome(1, "", COMPILER), HERE).message


def test_the_release_that_go_asks_for():
    words = "go: example.com/x@v1.0.0 requires go >= 1.27.1 (running go 1.26.8; GOTOOLCHAIN=local)"
    assert release_asked(words) == "1.27.1"
    assert release_asked("go: nothing of that kind") == ""
