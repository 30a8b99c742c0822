"""Programs made here in, every byte booked: with symbols and without, and of bytes that lie."""

import os
import random
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from whit.binary.facts import read_facts
from whit.binary.sizes import Sizes, sizes_of
from whit.errors import WhitError

MAIN = """package main

import (
	"embed"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
)

//go:embed files
var files embed.FS

type Answer struct{ Name, Text string }

func main() {
	data, _ := files.ReadFile("files/large.txt")
	fmt.Println(len(data), len(os.Args))
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		json.NewEncoder(w).Encode(Answer{r.URL.Path, string(data)})
	})
	http.ListenAndServe(":8080", nil)
}
"""
EMBEDDED_BYTES = 54_321


def build(place: Path, out: str, *flags: str, **env: str) -> bytes:
    (place / "files").mkdir(parents=True, exist_ok=True)
    (place / "main.go").write_text(MAIN)
    (place / "go.mod").write_text("module example.com/app\n\ngo 1.21\n")
    (place / "files/large.txt").write_bytes(random.Random(1).randbytes(EMBEDDED_BYTES))
    settings = dict(os.environ) | {"CGO_ENABLED": "0", "GOFLAGS": ""} | env
    command = ["go", "build", "-trimpath", "-buildvcs=false", *flags, "-o", out, "."]
    subprocess.run(command, cwd=place, env=settings, check=True)
    return (place / out).read_bytes()


def read(data: bytes) -> Sizes:
    sizes = sizes_of(read_facts(memoryview(data)))
    assert sum(part.size for part in sizes.parts) == sizes.total == len(data)
    return sizes


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sizes")


@pytest.fixture(scope="session")
def stripped(place: Path) -> bytes:
    return build(place, "stripped", "-ldflags=-s -w")


@pytest.mark.go
def test_with_symbols_data_is_what_the_linker_says(place: Path):
    full = build(place, "full")
    sizes, elf = read(full), read_facts(memoryview(full)).elf
    assert sizes.is_by_symbols
    assert sizes.unknown < 0.03 * sizes.total
    found: Counter[str] = Counter()
    for part in sizes.parts:
        if part.section in (".data", ".noptrdata"):
            found[part.symbol] += part.size
    listed = subprocess.run(
        ["go", "tool", "nm", "-size", "full"], cwd=place, capture_output=True, text=True, check=True
    )
    checked = 0
    for line in listed.stdout.splitlines():
        words = line.split(maxsplit=3)
        if len(words) != 4 or words[2] not in "Dd" or int(words[1]) <= 64:
            continue
        if elf.offset_of(int(words[0], 16)) is not None:  # it calls what has no bytes D as well
            if words[3].startswith("go:"):
                continue  # these have sections of their own, and are called by those
            assert abs(found[words[3]] - int(words[1])) <= 64, line
            checked += 1
    assert checked > 100


@pytest.mark.go
def test_stripped_agrees_with_symbols(place: Path, stripped: bytes):
    """Of the bytes that both programs have, by package."""
    sizes, exact = read(stripped), read(build(place, "full"))
    assert not sizes.is_by_symbols
    assert sizes.unknown < 0.07 * sizes.total
    sections = {part.section for part in sizes.parts if part.section.startswith((".", "pcl"))}
    found = Counter[str]()
    known = Counter[str]()
    for counter, one in ((found, sizes), (known, exact)):
        for part in one.parts:
            if part.section in sections and not part.section.startswith((".go", ".note", ".sh")):
                counter[part.package] += part.size
    off = sum(abs(found[key] - known[key]) for key in found | known) / 2
    assert off < 0.02 * sum(known.values())


@pytest.mark.go
def test_what_a_program_embeds(stripped: bytes):
    sizes = read(stripped)
    parts = {p.symbol: p.size for p in sizes.parts if p.package == "(embedded files)"}
    assert parts == {"files/large.txt": EMBEDDED_BYTES}
    by_module = sizes.by(sizes.module_of)
    assert by_module["std"] > by_module["example.com/app"] > 0


@pytest.mark.go
@pytest.mark.parametrize("architecture", ["arm64", "386", "riscv64"])
def test_other_machines(tmp_path: Path, architecture: str):
    sizes = read(build(tmp_path, "app", "-ldflags=-s -w", GOARCH=architecture))
    # Without rules for the instructions only code and tables are known: the rest is stated.
    limit = 0.07 if architecture == "arm64" else 0.5
    assert sizes.unknown < limit * sizes.total


@pytest.mark.go
def test_position_independent(tmp_path: Path):
    sizes = read(build(tmp_path, "app", "-buildmode=pie", "-ldflags=-s -w"))
    assert sizes.by(lambda part: part.package)["(relocations)"] > 100_000
    assert sizes.unknown < 0.07 * sizes.total


@pytest.mark.go
def test_bytes_that_lie_are_no_traceback(stripped: bytes):
    chance = random.Random(7)
    for _ in range(40):
        data = bytearray(stripped)
        for _ in range(200):
            data[chance.randrange(len(data))] = chance.randrange(256)
        for _ in range(3):
            data[chance.randrange(64, 1200)] = chance.randrange(256)
        cut = memoryview(bytes(data))[: chance.choice([len(data), len(data) // 2, 70_000])]
        try:
            sizes = sizes_of(read_facts(cut))
        except WhitError:
            continue
        assert sum(part.size for part in sizes.parts) == len(cut)
