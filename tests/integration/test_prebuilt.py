"""Finished programs of other languages and machines as a source, and files that are none."""

import json
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from whit.binary.facts import Linkage, read_facts
from whit.errors.binary import BrokenProgram, NotAProgram

WHIT = [sys.executable, "-m", "whit.cli.entry"]
ZIG = [sys.executable, "-m", "ziglang"]
HELLO_C = '#include <stdio.h>\nint main(void) { puts("hello"); return 0; }\n'
HELLO_CC = """#include <iostream>
#include <stdexcept>
#include <thread>
int main() {
  std::thread([] {
    try { throw std::runtime_error("thrown"); }
    catch (const std::exception& e) { std::cout << "caught " << e.what() << std::endl; }
  }).join();
}
"""
HELLO_ZIG = """const std = @import("std");
pub fn main() void { std.debug.print("hello\\n", .{}); }
"""


def whit(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*WHIT, *words], cwd=cwd, capture_output=True, text=True, check=False, timeout=300
    )


def compile_c(place: Path, *flags: str, text: str = HELLO_C, name: str = "app") -> Path:
    (place / "app.c").write_text(text)
    subprocess.run(["gcc", "-O1", "app.c", "-o", name, *flags], cwd=place, check=True)
    return place / name


@pytest.mark.gcc
@pytest.mark.sandbox
@pytest.mark.parametrize(
    ("flag", "linkage"), [("-static", Linkage.STATIC), ("-static-pie", Linkage.STATIC_PIE)]
)
def test_a_static_c_program_is_built_and_run(tmp_path: Path, flag: str, linkage: Linkage):
    program = compile_c(tmp_path, flag)
    assert read_facts(memoryview(program.read_bytes())).linkage is linkage
    done = whit("build", "--run", "./app", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "hello\n"), done.stderr


@pytest.mark.zig
@pytest.mark.parametrize(
    ("target", "architecture"),
    [
        ("x86_64-linux", "amd64"),
        ("aarch64-linux", "arm64"),
        ("arm-linux", "arm"),
        ("x86-linux", "386"),
        ("riscv64-linux", "riscv64"),
        ("powerpc64le-linux", "ppc64le"),
        ("s390x-linux", "s390x"),
    ],
)
def test_a_zig_program_of_any_machine_becomes_an_image(
    tmp_path: Path, target: str, architecture: str
):
    (tmp_path / "app.zig").write_text(HELLO_ZIG)
    command = [*ZIG, "build-exe", "app.zig", "-target", target, "-O", "ReleaseSmall"]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=600)
    done = whit("build", "./app", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["plan"]["config"]["platform"] == f"linux/{architecture}"
    assert "/app" in [entry["path"] for entry in document["plan"]["entries"]]


@pytest.mark.zig
@pytest.mark.sandbox
def test_a_zig_program_runs_from_its_image(tmp_path: Path):
    (tmp_path / "app.zig").write_text(HELLO_ZIG)
    subprocess.run([*ZIG, "build-exe", "app.zig"], cwd=tmp_path, check=True, timeout=600)
    done = whit("-q", "build", "--run", "./app", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "hello\n")


@pytest.mark.gcc
@pytest.mark.sandbox
def test_a_c_plus_plus_program_throws_and_catches_in_its_image(tmp_path: Path):
    """Unwinding goes through libgcc_s and libstdc++, both of the closure."""
    (tmp_path / "app.cc").write_text(HELLO_CC)
    subprocess.run(["g++", "-O1", "app.cc", "-o", "app"], cwd=tmp_path, check=True)
    done = whit("build", "--run", "./app", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "caught thrown\n"), done.stderr


@pytest.mark.gcc
def test_the_platform_can_only_agree_with_a_finished_program(tmp_path: Path):
    compile_c(tmp_path, "-static")
    done = whit("build", "./app", "--platform", "linux/s390x", cwd=tmp_path)
    assert done.returncode == 1
    assert "error[B003]" in done.stderr
    assert "linux/s390x" in done.stderr


def elf(kind: int = 2, machine: int = 62, bits: int = 2, order: int = 1, system: int = 0) -> bytes:
    mark = "<" if order == 1 else ">"
    head = b"\x7fELF" + bytes((bits, order, 1, system)) + bytes(8)
    layout = "HHIQQQIHHHHHH" if bits == 2 else "HHIIIIIHHHHHH"
    return head + struct.pack(mark + layout, kind, machine, 1, 0, 64, 0, 0, 64, 56, 1, 64, 0, 0)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (elf(kind=1), "an object file"),
        (elf(kind=4), "a core dump"),
        (elf(machine=8), "MIPS"),
        (elf(machine=258), "LoongArch"),
        (elf(machine=62, bits=1), "x32"),
        (elf(machine=21, order=2), "big-endian PowerPC"),
        (elf(machine=7777), "machine 7777"),
        (elf(system=9), "FreeBSD"),
        (b"\xfe\xed\xfa\xce" + bytes(100), "Mach-O"),
        (b"\xca\xfe\xba\xbf" + bytes(100), "Mach-O"),
        (b"\xfd7zXZ\0" + bytes(100), "xz"),
        (b"int main(void) {}" * 4, "no ELF"),
    ],
)
def test_what_no_image_can_start_is_named(tmp_path: Path, data: bytes, said: str):
    with pytest.raises(NotAProgram, match=said):
        read_facts(memoryview(data))
    (tmp_path / "app").write_bytes(data)
    done = whit("plan", "./app", cwd=tmp_path)
    assert done.returncode == 1
    assert "error[B001]" in done.stderr
    assert said in done.stderr


@pytest.mark.gcc
def test_a_shared_library_is_no_program(tmp_path: Path):
    library = compile_c(tmp_path, "-shared", "-fPIC", "-Wl,-soname,libapp.so.1")
    with pytest.raises(NotAProgram, match=r"shared library \(libapp\.so\.1\)"):
        read_facts(memoryview(library.read_bytes()))


@pytest.mark.gcc
def test_a_program_cut_anywhere_is_broken_or_read(tmp_path: Path):
    data = compile_c(tmp_path).read_bytes()
    whole = read_facts(memoryview(data))
    for size in (*range(4, 1200, 7), *range(1200, len(data), 997)):
        try:
            assert read_facts(memoryview(data[:size])).libraries == whole.libraries
        except (NotAProgram, BrokenProgram):
            continue


def make_fifo(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (make_fifo, "no regular file"),
        (lambda path: path.touch(), "empty"),
        (lambda path: path.symlink_to("/dev/null"), "no regular file"),
        (lambda path: path.symlink_to("app"), "app"),
    ],
)
def test_what_is_no_file_is_refused_at_once(
    tmp_path: Path, make: Callable[[Path], None], said: str
):
    make(tmp_path / "app")
    done = whit("plan", "./app", cwd=tmp_path)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert said in done.stderr
