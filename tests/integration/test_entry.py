"""The entry program, run: secrets from files, what is required, hostile environments."""

import os
import platform
import random
import subprocess
from pathlib import Path

import pytest

from registry_case import whit
from whit.bases.entry import entry_command, entry_program
from whit.errors.request import NoEntryProgram

ENV = "/usr/bin/env"


@pytest.fixture
def entry(tmp_path: Path) -> Path:
    if platform.machine() != "x86_64":
        pytest.skip("the program for amd64 runs on amd64 only")
    place = tmp_path / "entry"
    place.write_bytes(entry_program("amd64"))
    place.chmod(0o755)
    return place


def run(entry: Path, *words: str, **env: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [entry, *words], env=env, capture_output=True, check=False, timeout=20, cwd=entry.parent
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_a_file_becomes_a_variable(entry: Path):
    (entry.parent / "secret").write_bytes(b"two\nlines\r\n")
    status, out, _ = run(entry, "-f", "DB", "-r", "DB", "--", ENV, DB_FILE="secret", OTHER_FILE="x")
    assert status == 0
    assert out == "DB=two\nlines\nOTHER_FILE=x\n"


def test_arguments_are_expanded(entry: Path):
    words = ("a=${A}", "${NONE:-d}", "$A ${ }", "${", "${A", "${EMPTY:-e}")
    status, out, _ = run(entry, "-e", "--", "/bin/echo", *words, A="1", EMPTY="")
    assert (status, out) == (0, "a=1 d $A ${ } ${ ${A e\n")


def test_everything_missing_is_listed_and_no_value_is(entry: Path):
    place = entry.parent
    (place / "empty").write_bytes(b"")
    (place / "zero").write_bytes(b"hidden\0value")
    (place / "large").write_bytes(b"v" * 200_000)
    os.mkfifo(place / "pipe")
    files = {"A_FILE": "no", "B_FILE": "empty", "C_FILE": "zero", "D_FILE": "large",
             "E_FILE": "pipe", "F_FILE": ".", "G_FILE": "empty", "G": "hidden"}  # fmt: skip
    asked = [word for name in "ABCDEFG" for word in ("-f", name)]
    status, out, said = run(entry, *asked, "-r", "X", "-r", "Y", "-e", "--", ENV, "${Z}", **files)
    assert (status, out) == (78, "")
    assert [line.split()[1].removesuffix("_FILE") for line in said.splitlines()] == list(
        "ABCDEFGXYZ"
    )
    assert "hidden" not in said


def test_as_a_shell_says_what_cannot_be_run(entry: Path):
    assert run(entry, "--", "/no/such")[0] == 127
    assert run(entry, "--", "/etc/passwd")[0] == 126
    assert run(entry)[0] == run(entry, "-x", "--", ENV)[0] == run(entry, "-f")[0] == 78


def test_a_hostile_environment_ends_in_a_status(entry: Path):
    """Names and values at random, thousands of them, without a name or without a value."""
    dice = random.Random(11)
    letters = "AB_=${}:-\n/.%\u00e9\x7f"
    for _ in range(150):
        text = "".join(dice.choices(letters, k=dice.randrange(300)))
        words = ["".join(dice.choices(letters, k=dice.randrange(40))) for _ in range(5)]
        status, _, _ = run(entry, "-e", "-f", "A", "-r", "B", "--", "/bin/true", *words,
                           A_FILE=text, B=text, AB=text)  # fmt: skip
        assert status in (0, 78)
    many = {f"V{number}": "x" for number in range(9000)}
    assert run(entry, "--", "/bin/true", **many)[0] == 78
    grown = ["${A}" * 1000] * 20
    assert run(entry, "-e", "--", "/bin/true", *grown, A="x" * 1000)[0] == 78


@pytest.mark.parametrize("machine", ["amd64", "arm", "arm64", "ppc64le", "riscv64", "s390x"])
def test_it_is_there_for_every_machine_and_small(machine: str):
    data = entry_program(machine)
    assert data.startswith(b"\x7fELF")
    assert len(data) < 3600


def test_other_machines_have_none():
    with pytest.raises(NoEntryProgram):
        entry_program("loong64")
    assert entry_command(["B", "A"], ["C"], ("/app",)) == (
        "/.whit/entry", "-f", "A", "-f", "B", "-r", "C", "-e", "--", "/app",
    )  # fmt: skip


@pytest.mark.go
@pytest.mark.sandbox
def test_an_image_starts_by_it(tmp_path: Path):
    (tmp_path / "go.mod").write_text("module example.test/app\n\ngo 1.21\n")
    (tmp_path / "main.go").write_text(
        'package main\n\nimport ("fmt"; "os")\n\nfunc main() {\n'
        'fmt.Println(os.Getpid(), len(os.Getenv("DB_PASSWORD")), os.Args[1:])\n}\n'
    )
    (tmp_path / "whit.toml").write_text(
        "[image]\nentry = true\n[config.DB_PASSWORD]\nrequired = true\nsecret = true\n"
    )
    secret = tmp_path / "password"
    secret.write_text("correct horse\n")
    secret.chmod(0o644)
    tmp_path.chmod(0o755)
    whit("build", "-t", "app:1", cwd=tmp_path)
    _, said = whit("run", "app:1", status=1)
    assert "DB_PASSWORD is required and not set" in said
    _, said = whit("run", "--unchecked", "app:1", status=78)
    assert "entry: DB_PASSWORD is required and not set" in said
    out, _ = whit(
        "run", "-v", f"{secret}:/run/secrets/db:ro", "-e", "DB_PASSWORD_FILE=/run/secrets/db",
        "app:1", "${HOME:-none}",
    )  # fmt: skip
    assert out.split()[1] == "13"
    out, _ = whit("config", "show", "app:1")
    assert out.startswith("DB_PASSWORD  required secret")
