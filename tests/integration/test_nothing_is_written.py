"""Secrets of every verb that takes one, and every byte that whit and its children write searched
for them: what they print, files as they are left, files that are gone again, and command lines.

Memory (/dev/shm) may hold a secret while a step or a run has it, and a pipe hands it on: no other
place may.
"""

import base64
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry_case import HTPASSWD, registry

pytestmark = [
    pytest.mark.go, pytest.mark.sandbox, pytest.mark.registry, pytest.mark.busybox,
    pytest.mark.strace,
]  # fmt: skip
# Nothing of them is like the other, and nothing on this machine is like them.
TOKEN = "ghx-7Qm2_vTz0LkP9wYd4Jb8"
FILED = "fle-Zt5cRw8sXn1Gh6Bv3Kd0"
IN_ENV = "env-Uy2oAq9eMf7Ji4Wl5Cp1"
PASSWORD = "open-sesame"
CALLS = "execve,write,pwrite64,writev,pwritev,sendto,sendmsg"
# What a tracer says of a call, with the path that its descriptor stands for.
WRITING = re.compile(r"^\d+ +\w+\(\d+<([^>]*)>")
# A tmpfs of one step's own mount namespace.
IN_STEP = re.compile(r"/cache/run/whit-[0-9a-f]{12}/memory/\d+$")
PASSING = ("/dev/shm/", "/memfd:", "pipe:", "socket:", "UNIX", "TCP")

MAIN = """package main

import (
	"fmt"
	"os"
)

func main() {
	data, err := os.ReadFile(os.Getenv("DB_PASSWORD_FILE"))
	fmt.Println(len(data), err, len(os.Getenv("API_TOKEN")))
}
"""
DOCKERFILE = """FROM scratch AS base
COPY busybox /bin/busybox
FROM base
RUN --mount=type=secret,id=filed,env=FILED ["/bin/busybox", "sh", "-c", \\
    "busybox wc -c </run/secrets/token >/size; [ -n \\"$FILED\\" ]"]
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "project"
    place.mkdir()
    (place / "go.mod").write_text("module example.test/app\n\ngo 1.21\n")
    (place / "main.go").write_text(MAIN)
    (place / "whit.toml").write_text(
        "[image]\ncontract = true\n[config.API_TOKEN]\nsecret = true\n[config.DB_PASSWORD]\n"
        "secret = true\nrequired = true\n"
    )
    (place / "Dockerfile").write_text(
        DOCKERFILE.replace("type=secret,", "type=secret,id=token --mount=type=secret,", 1)
    )
    (place / ".dockerignore").write_text("*\n!busybox\n")
    shutil.copy(shutil.which("busybox") or "", place / "busybox")
    own = subprocess.run(["go", "env", "GOCACHE"], capture_output=True, text=True, check=True)
    monkeypatch.setenv("GOCACHE", own.stdout.strip())
    for name, path in (("HOME", "home"), ("TMPDIR", "tmp"), ("WHIT_STORE", "store"),
                       ("WHIT_CACHE", "cache"), ("DOCKER_CONFIG", "docker")):  # fmt: skip
        (tmp_path / path).mkdir()
        monkeypatch.setenv(name, str(tmp_path / path))
    monkeypatch.setenv("MY_TOKEN", TOKEN)
    given = tmp_path / "given"
    given.mkdir()
    (given / "filed").write_text(f"{FILED}\n")
    (given / "env").write_text(f"API_TOKEN='{IN_ENV}'\n")
    (given / "secrets").mkdir()
    (given / "secrets/DB_PASSWORD").write_text(FILED)
    monkeypatch.chdir(place)
    return place


def traced(log: Path, *words: str, status: int = 0) -> str:
    """What whit says, while all that it and its children write is taken down."""
    trace = [
        "strace",
        "-f",
        "--seccomp-bpf",
        "-qq",
        "-y",
        "-s",
        "1048576",
        "-e",
        f"trace={CALLS}",
        "-o",
        str(log),
    ]
    done = subprocess.run(
        [*trace, sys.executable, "-m", "whit.cli.entry", *words],
        capture_output=True, text=True, check=False, timeout=180,
    )  # fmt: skip
    assert done.returncode == status, done.stderr
    return done.stdout + done.stderr


def forms(value: str) -> list[str]:
    """A secret as text and as what would hide it from a glance."""
    coded = [base64.b64encode(f"{before}{value}".encode()).decode()[4:-4] for before in ("", "u:")]
    return [value, value[::-1], value.encode().hex(), *coded]


def leaks(texts: Iterator[tuple[str, str]], *values: str) -> list[str]:
    known = [form for value in values for form in forms(value)]
    return [where for where, text in texts if any(form in text for form in known)]


def calls(log: Path) -> Iterator[tuple[str, str]]:
    """Every call that is no hand-over in memory: where it writes, or what it runs."""
    for line in log.read_text(errors="replace").splitlines():
        if "execve(" in line:
            # A child's command line, and not its environment, which only it can read.
            yield f"execve {line[:200]}", line.partition("], ")[0]
            continue
        match = WRITING.match(line)
        if match and not match[1].startswith(PASSING) and not IN_STEP.search(match[1]):
            yield match[1], line


def files(place: Path) -> Iterator[tuple[str, str]]:
    for path in place.rglob("*"):
        if path.is_file() and not path.is_symlink():
            yield str(path), path.read_text(encoding="latin-1")


def test_nothing_secret_is_written(project: Path, tmp_path: Path):
    log = tmp_path / "log"
    secrets = ("--secret", "id=token,env=MY_TOKEN", "--secret", "id=filed,src=../given/filed")
    handed = ("--env-file", "../given/env", "--secret", "id=db_password,src=../given/filed")
    broken = project / "Broken"
    broken.write_text((project / "Dockerfile").read_text().replace("wc -c", "false; exit 3 #"))
    checked = ("--env-file", "../given/env", "--secrets", "../given/secrets")
    layout = ("--to", f"oci:{tmp_path}/out", "--cache-to", f"{tmp_path}/steps")
    verbs: list[tuple[int, tuple[str, ...]]] = [
        (0, ("build", "-t", "app:1", *secrets, "--prove-secrets", "--to", f"oci:{tmp_path}/go")),
        (0, ("build", "-t", "app:1", *secrets, "--json")),
        (0, ("build", "-f", "Dockerfile", "-t", "steps:1", *secrets, *layout, ".")),
        (0, ("build", "-f", "Dockerfile", "-t", "steps:2", *secrets, "--progress", "plain", ".")),
        (1, ("build", "-f", "Broken", *secrets, ".")),
        (1, ("build", "--ldflags", "-X main.t=1 -bad", *secrets)),
        (0, ("debug", "--list")),
        (0, ("plan", ".")),
        (0, ("lock",)),
        (0, ("run", *handed, "app:1")),
        (1, ("run", *handed, "-e", "DB_PASSWORD_FILE=/x", "app:1")),
        (0, ("config", "show", "app:1")),
        (0, ("config", "check", "app:1", *checked)),
        (1, ("config", "check", "app:1", "--env-file", "../given/filed")),
        *((0, ("config", "emit", kind, "app:1")) for kind in ("compose", "quadlet")),
    ]  # fmt: skip
    for status, words in verbs:
        said = traced(log, *words, status=status)
        found = [*leaks(calls(log), TOKEN, FILED, IN_ENV),
                 *leaks(iter([("said", said)]), TOKEN, FILED, IN_ENV)]  # fmt: skip
        assert [one[:300] for one in found] == [], words
        log.unlink()
    left = [where for where, _ in files(tmp_path)]
    assert len(left) > 50
    kept = {str(path) for path in (tmp_path / "given").rglob("*")}
    assert [one for one in leaks(files(tmp_path), TOKEN, FILED, IN_ENV) if one not in kept] == []


def test_a_registry_is_told_a_password_and_nobody_else(project: Path, tmp_path: Path):
    (tmp_path / "htpasswd").write_text(HTPASSWD)
    auth = f"auth: {{htpasswd: {{realm: here, path: {tmp_path}/htpasswd}}}}\n"
    log = tmp_path / "log"
    with registry(tmp_path / "registry", auth=auth) as running:
        known = base64.b64encode(f"me:{PASSWORD}".encode()).decode()
        config = tmp_path / "docker/config.json"
        config.write_text(json.dumps({"auths": {running.host: {"auth": known}}}))
        name = f"{running.host}/team/app:1"
        for words in (
            ("build", "-t", name, "--push", "."), ("build", "-t", name, "--push", "."),
            ("copy", name, f"oci:{tmp_path}/out"), ("copy", name, f"{running.host}/other/app:2"),
            ("config", "show", name), ("copy", f"{running.host}/none/app:2", "x:1"),
        ):  # fmt: skip
            said = traced(log, *words, status=1 if "x:1" in words else 0)
            assert leaks(calls(log), PASSWORD) == [], words
            assert leaks(iter([("said", said)]), PASSWORD) == []
            log.unlink()
    places = ("store", "cache", "home", "tmp", "project", "out")
    assert [one for name in places for one in leaks(files(tmp_path / name), PASSWORD)] == []
    assert config.is_file()
