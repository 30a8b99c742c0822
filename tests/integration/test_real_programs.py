"""Real programs: planned, built, and started from their image, by whit and by Docker.

`make corpus` runs all; CI runs age. Each plan is kept as a readable file in tests/cases/plans and
compared by what it holds and by what each rule concluded; `--update-plans` writes them anew.
"""

import subprocess
from pathlib import Path

import pytest

from real_case import PROGRAMS, built, shared_cache, whit  # noqa: F401 - a fixture

PLANS = Path(__file__).parents[1] / "cases" / "plans"
# What each prints when it is asked who it is.
GREETINGS = {
    "age": (["--version"], "v1.2.0"),
    "caddy": (["help"], "caddy"),
    "crane": (["version"], ""),
    "helm": (["version"], "version.BuildInfo"),
    "go-httpbin": (["-help"], "-port"),
    "hugo": (["version"], "hugo v"),
    "rclone": (["version"], "rclone v"),
    "restic": (["version"], "restic 0.16.4"),
    "sops": (["--version"], "sops"),
}
ALL = [
    pytest.param(name, marks=() if name == "age" else (pytest.mark.corpus,)) for name in PROGRAMS
]
pytestmark = [pytest.mark.go, pytest.mark.sandbox, pytest.mark.network]


def conclusions(document: dict[str, object]) -> list[str]:
    """What a plan holds and what each rule said, in a form that sizes and releases do not move."""
    plan = document["plan"]
    assert isinstance(plan, dict)
    entries = {f"{e['code']}  {e['path']}" for e in plan["entries"] if e["code"] != "N020"}
    needs = [
        f"{n['code']}  {n['title']}: {n['standing']}"
        + "".join(f"\n        {e['kind']}: {e['where']}" for e in n["evidence"][:3])
        for n in plan["needs"]
    ]
    return ["in the image", *sorted(f"  {e}" for e in entries), "rules", *(f"  {n}" for n in needs)]


def answers(lines: list[str]) -> list[str]:
    return [line for line in lines if not line.strip().startswith(("function:", "caller:", "const"))
            and not line.startswith("        ")]  # fmt: skip


@pytest.mark.parametrize("name", ALL)
def test_a_real_program_runs_from_an_image_that_holds_its_needs_only(
    name: str, request: pytest.FixtureRequest
):
    document = built(name)
    sizes = document["sizes"]
    plan = document["plan"]
    assert isinstance(sizes, dict)
    assert isinstance(plan, dict)
    needed = sum(e["size"] for e in plan["entries"] if e["code"] != "N001")
    assert sizes["disk"] == sizes["binary"] + needed
    golden = PLANS / f"{name}.txt"
    text = "\n".join([PROGRAMS[name], "", *conclusions(document), ""])
    if request.config.getoption("update_plans"):
        golden.write_text(text)
    assert answers(text.splitlines()) == answers(golden.read_text().splitlines())
    words, greeting = GREETINGS[name]
    ran = whit("run", name, *words)
    assert ran.returncode == 0, ran.stderr
    assert greeting in ran.stdout + ran.stderr


@pytest.mark.docker
@pytest.mark.parametrize("name", ALL)
def test_docker_runs_it_too(name: str):
    built(name, "--to", f"docker-daemon:whit-test-{name}")
    words, greeting = GREETINGS[name]
    command = ["docker", "run", "--rm", "--network", "none", f"whit-test-{name}", *words]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    subprocess.run(["docker", "rmi", "-f", f"whit-test-{name}"], capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert greeting in ran.stdout + ran.stderr
