"""Doors that tests go through: a missing tool fails in CI and is a counted skip elsewhere."""

import importlib.util
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes to make says how busy the machine is: the first one reads all sources.
settings.register_profile("whit", suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("whit")

DOORS = (
    *("go", "gcc", "zig", "rust", "sandbox"),
    *("skopeo", "umoci", "buildah", "docker", "registry", "chromium", "busybox"),
    *("podman", "containerd", "strace"),
)
# Doors that are commands of the same name.
COMMANDS = (
    *("skopeo", "umoci", "buildah", "gcc", "chromium", "busybox", "podman", "containerd"),
    "strace",
)
PLACES = "/usr/bin:/usr/sbin:/bin"
IN_CI = bool(os.environ.get("CI"))


@cache
def door_is_open(door: str) -> str:
    """The empty string when the door can be used, else what is missing."""
    if door == "go":
        return "" if shutil.which("go") else "no go on PATH"
    if door == "sandbox":
        return "" if shutil.which("crun") or shutil.which("runc") else "neither crun nor runc"
    if door == "zig":
        return "" if importlib.util.find_spec("ziglang") else "no ziglang package"
    if door == "rust":
        return "" if shutil.which("rustc") else "no rustc"
    if door == "registry":
        return "" if shutil.which("docker-registry") else "no docker-registry"
    if door in COMMANDS:
        return "" if shutil.which(door) else f"no {door}"
    if door == "docker":
        if not shutil.which("docker"):
            return "no docker command"
        answer = subprocess.run(["docker", "info"], capture_output=True, check=False, timeout=30)
        return "" if answer.returncode == 0 else "no Docker daemon answers"
    return ""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--all-releases",
        action="store_true",
        help="build the small corpus with every Go release, mode and architecture",
    )
    parser.addoption("--update-plans", action="store_true", help="write tests/cases/plans anew")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "corpus" not in (config.option.markexpr or ""):
        chosen = [item for item in items if "corpus" not in item.keywords]
        config.hook.pytest_deselected(items=[i for i in items if "corpus" in i.keywords])
        items[:] = chosen


def pytest_runtest_setup(item: pytest.Item) -> None:
    reasons = [door_is_open(door) for door in DOORS if item.get_closest_marker(door)]
    for mark in item.iter_markers("programs"):
        reasons += [f"no {name}" for name in mark.args if not shutil.which(name, path=PLACES)]
    for missing in reasons:
        if missing:
            if IN_CI:
                pytest.fail(f"{missing}: in CI a missing tool is a failure", pytrace=False)
            pytest.skip(missing)


@pytest.fixture(autouse=True)
def own_places(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test touches the user's store; compiled programs are shared through Go's own cache."""
    place: Path = tmp_path_factory.mktemp("whit")
    monkeypatch.setenv("WHIT_STORE", str(place / "store"))
    monkeypatch.setenv("WHIT_CACHE", str(place / "cache"))
    for name in ("SOURCE_DATE_EPOCH", "WHIT_PLATFORM", "WHIT_GO_VERSION"):
        monkeypatch.delenv(name, raising=False)
