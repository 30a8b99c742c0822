"""Every case of builds.json built by whit and compared with what BuildKit made of it: config,
history and the entries of each layer. tools/golden records BuildKit's side.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from build_case import Case, make_context, outcome_of, read_cases, read_golden, timeless
from integration import bases_case as bases
from whit.store.blobs import Store

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.busybox,
    pytest.mark.skipif(os.geteuid() != 0, reason="owners of files are root's to give"),
]
CASES = read_cases()
RECORDED = read_golden()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("golden")
    store = Store.open(place / "store")
    bases.make_alpine(place / "alpine")
    bases.add_image(store, place / "alpine", bases.alpine_config(), "alpine:latest")
    return place


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_whit_builds_what_buildkit_builds(place: Path, tmp_path: Path, case: Case) -> None:
    context, out = tmp_path / "context", tmp_path / "out"
    make_context(case, context)
    words = [sys.executable, "-m", "whit.cli.entry", "build", "-f", str(context / "Dockerfile")]
    words += [str(context), "--no-cache", "--offline", "--to", f"oci:{out}"]
    for name, value in case.get("args", {}).items():
        words += ["--build-arg", f"{name}={value}"]
    words += ["--target", case["target"]] if "target" in case else []
    env = os.environ | {"WHIT_STORE": str(place / "store"), "WHIT_CACHE": str(place / "cache")}
    done = subprocess.run(words, env=env, capture_output=True, text=True, check=False)
    golden = RECORDED[case["name"]]
    if golden.get("fails"):
        assert done.returncode in (1, 2), done.stderr
        assert "error[" in done.stderr
        assert "W070" not in done.stderr
        return
    assert done.returncode == 0, done.stderr
    ours = outcome_of(out, 1)
    for part in ("config", "author", "platform", "history"):
        assert ours[part] == golden[part], part
    for number, (one, other) in enumerate(zip(ours["layers"], golden["layers"], strict=True)):
        assert timeless(one, other) == other, f"layer {number}"


def test_every_case_is_recorded() -> None:
    assert {case["name"] for case in CASES} == set(RECORDED)
    assert len(CASES) >= 240
