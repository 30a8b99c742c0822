"""Every program of the small corpus, built for real: what whit says of it is what it needs."""

import subprocess
import sys
from pathlib import Path

import pytest

from corpus_case import PROGRAMS, build_corpus, mismatches, needs_in, opened
from whit.binary.mentions import mentions_of, search_loads
from whit.binary.mentionscan import scan_loads
from whit.binary.text import read_text
from whit.needs.held import BEGINNINGS

OLDEST = "1.21.13"
RELEASES = (OLDEST, "1.22.10", "1.23.9", "1.24.11", "1.25.5", "1.26.6", "1.27.3")
MODES = ("exe", "pie")
ARCHITECTURES = ("amd64", "arm64")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "release" not in metafunc.fixturenames:
        return
    cases = [
        pytest.param("", "exe", "amd64", id="path-exe-amd64"),
        pytest.param(OLDEST, "exe", "amd64", id="oldest-exe-amd64", marks=pytest.mark.gobin),
    ]
    if metafunc.config.getoption("all_releases"):
        cases = [
            pytest.param(r, m, a, id=f"{r}-{m}-{a}", marks=pytest.mark.gobin)
            for r in RELEASES
            for m in MODES
            for a in ARCHITECTURES
        ]
    metafunc.parametrize(("release", "mode", "architecture"), cases)


@pytest.mark.go
def test_every_verdict_is_right(
    release: str, mode: str, architecture: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    # Releases are kept between runs: they are large, and never change.
    monkeypatch.delenv("WHIT_CACHE")
    out = build_corpus(release, mode, architecture, tmp_path)
    assert {path.name for path in out.iterdir()} == set(PROGRAMS)
    wrong = [line for name in PROGRAMS for line in mismatches(name, out / name, mode)]
    assert not wrong, "\n".join(["", *wrong])


@pytest.mark.go
def test_one_zone_that_no_branch_can_change_is_one_zone(tmp_path: Path):
    out = build_corpus("", "exe", "amd64", tmp_path)
    (what,) = needs_in(out / "zone-constant")["N020"].what
    assert what.names == ("Europe/Rome",)
    for name in ("zone-branch", "zone-dynamic", "zone-field"):
        (what,) = needs_in(out / name)["N020"].what
        assert what.names == (), f"{name} must get all zones"


# What each opens by a name that it holds; it fails where that is missing.
OPENS = (
    *("tmp-constant", "tmp-fallback", "passwd-constant", "ca-constant", "zone-file"),
    *("home-variable", "zone-local"),
)


@pytest.mark.go
@pytest.mark.parametrize(("mode", "architecture"), [("pie", "amd64"), ("exe", "arm64")])
def test_the_quick_form_finds_the_same_strings(mode: str, architecture: str, tmp_path: Path):
    out = build_corpus("", mode, architecture, tmp_path, ("paths-held",))
    facts, _ = opened(out / "paths-held")
    text = read_text(facts.table) if facts.table else None
    assert text is not None
    slow, quick = (mentions_of(text, load(text), BEGINNINGS) for load in (search_loads, scan_loads))
    assert slow == quick
    held = {value for one in quick if one.function == "main.main" for value in one.values}
    assert {"/etc/app/config.yaml", "/etc/app/tls.key", "/srv/www/assets"} <= held


@pytest.mark.go
@pytest.mark.sandbox
def test_what_is_opened_by_name_is_there_when_it_runs(tmp_path: Path):
    out = build_corpus("", "exe", "amd64", tmp_path, OPENS)
    for name in OPENS:
        ran = subprocess.run(
            [sys.executable, "-m", "whit.cli.entry", "build", str(out / name), "--run"],
            capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        assert ran.returncode == 0, name + ran.stdout + ran.stderr
