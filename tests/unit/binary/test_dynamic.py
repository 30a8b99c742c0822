"""The dynamic section: names, versions and symbols of files that were made byte by byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elf_samples import AMD64_LOADER, MACHINES, elf_file
from whit.binary.dynamic import Dynamic, read_dynamic
from whit.binary.elf import DF_1_PIE, Elf, read_elf
from whit.binary.facts import read_facts
from whit.binary.symbols import imported_symbols, symbols_of_version
from whit.errors import WhitError
from whit.errors.binary import NotAProgram

FILE = elf_file(
    ["libc.so.6", "libm.so.6"],
    soname="libx.so.1",
    runpath="/a:$ORIGIN",
    wants={"libc.so.6": ["GLIBC_2.2.5", "GLIBC_2.34"], "libm.so.6": ["GLIBC_2.29"]},
    weak=["GLIBC_2.29"],
    defines=["X_1", "X_2"],
    imports={"puts": "GLIBC_2.2.5", "dlopen": "GLIBC_2.34", "plain": ""},
)


def parsed(data: bytes) -> tuple[Elf, Dynamic]:
    elf = read_elf(memoryview(data))
    return elf, read_dynamic(elf)


def test_all_that_is_asked_for_and_offered():
    elf, dynamic = parsed(FILE)
    assert dynamic.libraries == ("libc.so.6", "libm.so.6")
    assert (dynamic.soname, dynamic.runpath, dynamic.rpath) == ("libx.so.1", ("/a", "$ORIGIN"), ())
    assert dynamic.versions == (("libc.so.6", "GLIBC_2.2.5"), ("libc.so.6", "GLIBC_2.34"))
    assert dynamic.weak_versions == (("libm.so.6", "GLIBC_2.29"),)
    assert dynamic.definitions == ("X_1", "X_2")
    assert imported_symbols(elf, dynamic) == {"puts", "dlopen", "plain"}
    assert symbols_of_version(elf, dynamic, "libc.so.6", "GLIBC_2.34") == ["dlopen"]
    assert symbols_of_version(elf, dynamic, "libm.so.6", "GLIBC_2.34") == []


@pytest.mark.parametrize("machine", sorted(MACHINES))
def test_every_word_size_and_byte_order(machine: str):
    data = elf_file(["liba.so"], imports={"f": "V"}, wants={"liba.so": ["V"]}, machine=machine)
    elf, dynamic = parsed(data)
    assert elf.platform.architecture == machine
    assert (dynamic.libraries, dynamic.versions) == (("liba.so",), (("liba.so", "V"),))
    assert imported_symbols(elf, dynamic) == {"f"}


@pytest.mark.parametrize(
    ("data", "is_library"),
    [
        (elf_file(soname="liba.so"), True),
        (elf_file(soname="liba.so", flags=DF_1_PIE), False),
        (elf_file(soname="libc.so.6", interpreter=AMD64_LOADER), False),
        (elf_file(), False),
    ],
)
def test_a_library_is_what_has_a_name_and_no_loader(data: bytes, is_library: bool):
    assert parsed(data)[1].is_library is is_library


@pytest.mark.parametrize("data", [elf_file(soname="liba.so"), elf_file()])
def test_what_nobody_can_start_is_no_program(data: bytes):
    with pytest.raises(NotAProgram, match="shared library"):
        read_facts(memoryview(data))


@given(st.lists(st.tuples(st.integers(0, len(FILE) - 1), st.integers(0, 255)), max_size=8))
def test_damage_is_an_error_of_ours_or_facts(changes: list[tuple[int, int]]):
    data = bytearray(FILE)
    for at, value in changes:
        data[at] = value
    try:
        elf, dynamic = parsed(bytes(data))
        imported_symbols(elf, dynamic)
        symbols_of_version(elf, dynamic, "libc.so.6", "GLIBC_2.34")
    except WhitError:
        pass
