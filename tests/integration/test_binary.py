"""Bytes in, facts out: of programs made here, of every architecture, and of bytes that lie."""

import os
import re
import struct
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from whit.binary.amd64 import jumps_in
from whit.binary.calls import open_code
from whit.binary.callscan import scan_calls, scan_names
from whit.binary.callsites import search_calls
from whit.binary.facts import Linkage, read_facts
from whit.binary.goinfo import parse_modules
from whit.binary.text import read_text
from whit.errors import WhitError
from whit.errors.binary import BrokenProgram, NotAProgram

MAIN = """package main

import "fmt"

func main() { fmt.Println(twice(2)) }

//go:noinline
func twice(n int) int { return 2 * n }
"""


def program(place: Path, architecture: str, *flags: str) -> bytes:
    place.mkdir(parents=True, exist_ok=True)
    (place / "main.go").write_text(MAIN)
    (place / "go.mod").write_text("module example.com/app\n\ngo 1.21\n")
    env = dict(os.environ) | {"GOARCH": architecture, "CGO_ENABLED": "0", "GOFLAGS": ""}
    command = ["go", "build", "-trimpath", "-buildvcs=false", *flags, "-o", "app", "."]
    subprocess.run(command, cwd=place, env=env, check=True)
    return (place / "app").read_bytes()


@pytest.fixture(scope="session")
def hello(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return program(tmp_path_factory.mktemp("hello"), "amd64", "-ldflags=-s -w")


@pytest.mark.go
@pytest.mark.parametrize(
    "architecture", ["amd64", "arm64", "arm", "386", "riscv64", "s390x", "ppc64le"]
)
def test_every_architecture(tmp_path: Path, architecture: str):
    facts = read_facts(memoryview(program(tmp_path, architecture, "-ldflags=-s -w")))
    assert facts.platform.architecture == architecture
    assert facts.linkage is Linkage.STATIC
    assert facts.is_stripped
    assert not facts.has_dwarf
    assert facts.go is not None
    assert facts.go.path == "example.com/app"
    assert facts.go.setting("GOARCH") == architecture
    assert facts.links("main.twice")
    assert facts.links("fmt.Println")
    assert not facts.links("net/http.Get")
    assert facts.functions.count > 1000


@pytest.mark.go
def test_stripped_or_not_the_names_are_the_same(tmp_path: Path, hello: bytes):
    full = read_facts(memoryview(program(tmp_path / "full", "amd64")))
    assert not full.is_stripped
    assert full.has_dwarf
    assert set(full.functions.starting("main.")) == {"main.main", "main.twice"}
    assert full.functions.packages() == read_facts(memoryview(hello)).functions.packages()


@pytest.mark.go
def test_a_position_independent_program_names_a_loader(tmp_path: Path):
    facts = read_facts(memoryview(program(tmp_path, "amd64", "-buildmode=pie", "-ldflags=-s -w")))
    assert facts.linkage is Linkage.DYNAMIC
    assert facts.interpreter.startswith("/lib64/ld-linux")
    assert facts.links("main.twice")
    code = open_code(memoryview(b""), facts)
    assert [c.function for c in code.callers(["main.twice"])["main.twice"]] == ["main.main"]


@pytest.mark.go
def test_callers_agree_with_the_linker(tmp_path: Path):
    """The linker's own call graph (-c) against what is read from the stripped program."""
    data = program(tmp_path, "amd64", "-ldflags=-s -w")
    done = subprocess.run(
        ["go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -c", "-o", "other", "."],
        cwd=tmp_path, env=dict(os.environ) | {"CGO_ENABLED": "0", "GOFLAGS": ""},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    pairs = set()
    for line in (done.stdout + done.stderr).splitlines():
        caller, arrow, callee = line.partition(" calls ")
        if arrow and caller.startswith(("fmt.", "os.", "main.", "strconv.")) and " " not in callee:
            pairs.add((caller, callee))
    assert len(pairs) > 300
    code = open_code(memoryview(data), read_facts(memoryview(data)))
    callees = {callee for _, callee in pairs}
    found = {(c.function, name) for name, cs in code.callers(callees).items() for c in cs}
    missed = {(a, b) for a, b in pairs if (a, b) not in found and a != b}
    assert not missed


@pytest.mark.go
def test_jumps_agree_with_the_disassembler(tmp_path: Path):
    """Lengths of instructions are told apart by the jumps that are found: each, and no other."""
    place = tmp_path / "app"
    facts = read_facts(memoryview(program(tmp_path, "amd64")))
    done = subprocess.run(
        ["go", "tool", "objdump", "-s", r"^(fmt|os|strconv|reflect|time|unicode/utf8)\.", place],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    told: dict[int, set[int]] = {}
    for block in done.stdout.split("TEXT ")[1:]:
        places = re.findall(r"^ .*?\s0x([0-9a-f]+)\s", block, re.MULTILINE)
        jumps = re.findall(r"\sJ[A-Z]+ 0x([0-9a-f]+)", block)
        told[int(places[0], 16)] = {int(jump, 16) for jump in jumps}
    text = read_text(facts.table) if facts.table else None
    assert text is not None
    seen = 0
    for low, high in pairwise(text.entries):
        found = jumps_in(text.code, low, high)
        if text.start + low in told and found is not None:
            # Jumps to a function's beginning are told by its name.
            assert {text.start + at for at in found if low < at < high} == told[text.start + low]
            seen += len(found)
    assert seen > 1000


@pytest.mark.go
@pytest.mark.parametrize("architecture", ["amd64", "arm64"])
def test_calls_are_the_same_one_by_one_and_all_at_once(tmp_path: Path, architecture: str):
    facts = read_facts(memoryview(program(tmp_path, architecture)))
    text = read_text(facts.table) if facts.table else None
    assert text is not None
    calls = search_calls(text)
    scanned = scan_calls(text)
    assert (scanned.sites, scanned.targets) == (calls.sites, calls.targets)
    assert (list(scanned.order), list(scanned.first)) == (list(calls.order), list(calls.first))
    named = scan_names(text)
    for place in (0, *text.offsets_of({b"main.main", b"fmt.Println", b"runtime.mallocgc"})):
        assert [text.name(index) for index in named(place)] == [
            text.name(index) for index, at in enumerate(text.places)
            if text.elf.unsigned(at + 4, 4) == place
        ]  # fmt: skip
    assert len(calls.sites) > 1000
    some = {calls.targets[0], calls.targets[-1]}
    assert calls.to(some) == [i for i, target in enumerate(calls.targets) if target in some]
    assert calls.sites_to(calls.targets[0]) == [
        site for site, target in zip(calls.sites, calls.targets, strict=True)
        if target == calls.targets[0]
    ]  # fmt: skip


def test_a_jump_that_may_go_anywhere_is_no_answer():
    assert jumps_in(b"\x75\x01\x90\xc3", 0, 4) == {3}
    assert jumps_in(b"\x0f\x84\xfa\xff\xff\xff\xc3", 0, 7) == {0}
    assert jumps_in(b"\xff\x24\xc8", 0, 3) is None  # JMP (AX)(CX*8)
    assert jumps_in(b"\xff\xe2", 0, 2) is None  # JMP DX
    assert jumps_in(b"\x06\xc3", 0, 2) is None  # no instruction
    assert jumps_in(b"\x0f\x84\xfa", 0, 3) is None  # cut short
    assert jumps_in(b"\xb8\x75\x01\x90\xc3\xc3", 0, 6) == set()  # a constant, not a jump


def test_another_programs_facts_are_facts_too():
    facts = read_facts(memoryview(Path("/bin/sh").resolve().read_bytes()))
    assert facts.go is None
    assert not facts.functions
    assert facts.linkage is Linkage.DYNAMIC
    assert "libc.so.6" in facts.libraries
    assert any(version.startswith("GLIBC_") for _, version in facts.symbol_versions)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"#!/bin/sh\n", "a script"),
        (b"MZ\x90\0" + bytes(100), "Windows"),
        (b"\xcf\xfa\xed\xfe" + bytes(100), "macOS"),
        (b"!<arch>\n", "archive"),
        (b"", "no ELF"),
        (b"\x7fELF", "no ELF"),
    ],
)
def test_what_is_no_program_is_named(data: bytes, said: str):
    with pytest.raises(NotAProgram, match=said):
        read_facts(memoryview(data))


@pytest.mark.go
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_damaged_bytes_are_an_error_of_ours_or_facts(hello: bytes, data: st.DataObject):
    changed = bytearray(hello)
    # The headers decide most: half of the damage goes there.
    for _ in range(data.draw(st.integers(1, 6))):
        near = data.draw(st.booleans())
        at = data.draw(st.integers(0, 1000 if near else len(changed) - 1))
        changed[at] = data.draw(st.integers(0, 255))
    size = data.draw(st.sampled_from([len(changed), len(changed) // 2, 500, 64]))
    try:
        facts = read_facts(memoryview(bytes(changed[:size])))
        code = open_code(memoryview(b""), facts)
        code.callers(["main.twice", "fmt.Println"])
        code.constants({"os.OpenFile": 0})
        code.chain("main.twice")
    except WhitError:
        pass


@pytest.mark.go
def test_a_program_cut_short_is_broken(hello: bytes):
    with pytest.raises(BrokenProgram):
        read_facts(memoryview(hello[: len(hello) // 2]))


def test_a_segment_table_outside_of_the_file_is_broken():
    head = b"\x7fELF\x02\x01\x01" + bytes(9)
    head += struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0, 1 << 40, 0, 0, 64, 56, 1, 64, 0, 0)
    with pytest.raises(BrokenProgram):
        read_facts(memoryview(head))


def test_module_lines():
    info = parse_modules(
        "go1.26.8",
        "path\texample.com/app\nmod\texample.com/app\t(devel)\t\ndep\ta.example/b\tv1.0.0\th1:x\n"
        '=>\tc.example/d\tv2.0.0\th1:y\nbuild\t-ldflags="-s -w"\nbuild\tCGO_ENABLED=0\n',
    )
    assert info.minor == 26
    assert info.modules[0].replaced_by is not None
    assert info.modules[0].replaced_by.path == "c.example/d"
    assert info.setting("-ldflags") == "-s -w"
    assert info.setting("nothing") == ""
