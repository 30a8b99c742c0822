"""The console examples of the README and the tutorial: every command, and what it prints.

A line "…" stands for any lines, "…" in a line for any text. Sizes are compared where the release of
Go is the one that the documents name; other numbers, times and digests never are.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import door_is_open
from corpus_case import PROGRAMS

ROOT = Path(__file__).parents[2]
DOCUMENTS = ("README.md", "docs/tutorial.md")
MEASURED_WITH = "go1.26.8"
# Installing is what CI does before this test; servers and browsers are not the example's point.
# What needs Debian's archive or minutes has tests of its own, and sizes that change with it.
STEPS = tuple(f"  {step} " for step in ("compile", "read", "plan", "image", "prove"))
SKIPPED = ("pip ", "make", "whit doctor", "whit compare", "whit size examples/hello --try")
NUMBER = re.compile(r"(?<![A-Z\d.,])\d[\d,.]*")
SIZE = re.compile(r"\d[\d.]* (?:B|kB|MB)\b")
TIME = re.compile(r"\s+(?:\d[\d.]* (?:ms|s|min)|cached)$")
DIGEST = re.compile(r"\b[0-9a-f]{12}(?:[0-9a-f]{52})?\b")
# What comes from data that is renewed by itself has the size of its release.
RENEWED = ("certifi", "ca-certificates", "zoneinfo")


def examples(document: str) -> list[tuple[str, list[str]]]:
    """(command, lines it prints), in order."""
    found: list[tuple[str, list[str]]] = []
    text = (ROOT / document).read_text()
    for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:].partition("   #")[0].rstrip(), []))
            elif line.strip():
                found[-1][1].append(line)
    return found


def plain(line: str) -> str:
    line = SIZE.sub("SIZE", DIGEST.sub("D", TIME.sub("", line.rstrip())))
    return " ".join(NUMBER.sub("N", line).split())


def pattern_of(lines: list[str]) -> re.Pattern[str]:
    parts = []
    for line in lines:
        if line.strip() == "…":
            parts.append(r"(?:.*\n)*?")
        else:
            parts.append(".*".join(re.escape(plain(part)) for part in line.split("…")) + r"\s*\n")
    return re.compile("".join(parts))


def sizes_in(lines: list[str]) -> set[str]:
    fixed = [line for line in lines if not any(word in line for word in RENEWED)]
    return {size for line in fixed for size in SIZE.findall(line)}


@pytest.mark.go
@pytest.mark.sandbox
@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_prints_what_is_shown(
    document: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=":")
    place = tmp_path / "clone"
    shutil.copytree(ROOT / "examples", place / "examples")
    version = subprocess.run(
        ["go", "env", "GOVERSION"], capture_output=True, text=True, check=True
    ).stdout.strip()
    tried = 0
    for command, expected in examples(document):
        needs_docker = "docker" in command and door_is_open("docker")
        if command.startswith(SKIPPED) or needs_docker:
            continue
        if command.startswith("cd "):
            place = (place / command[3:]).resolve()
            continue
        done = subprocess.run(
            ["/bin/sh", "-c", command], cwd=place, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, check=False, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}"
        said = done.stdout.splitlines()
        if expected and "  compile" not in expected[0] and expected[0] != "…":
            said = [line for line in said if not line.startswith(STEPS)]
        told = "\n".join(plain(line) for line in said if line.strip()) + "\n"
        assert pattern_of(expected).match(told), f"{document}: {command}\n{done.stdout}"
        if version == MEASURED_WITH:
            assert sizes_in(expected) <= sizes_in(said), f"{document}: {command}\n{done.stdout}"
        tried += 1
    assert tried >= 5


def test_the_number_of_programs_is_the_one_that_the_readme_tells():
    assert f"against {len(PROGRAMS)} programs" in (ROOT / "README.md").read_text()
