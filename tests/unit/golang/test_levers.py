"""What is known of a program in, the levers that are offered for it out."""

from pathlib import Path

import msgspec
import pytest

from whit.golang.knowntags import KNOWN, STANDARD, known_tags, tags_in, unknown_tags
from whit.golang.levers import Known, combined, levers_of, linker_options
from whit.golang.listing import Package
from whit.model.image import Effort, Format
from whit.model.program import Cgo, Strip
from whit.model.trial import Check, Lever, Standing, Trial

PLAIN = Known(
    architecture="amd64", platform="linux/amd64", variant="", strip=Strip.ALL, cgo=Cgo.OFF,
    gcflags=(), ldflags=(), tags=(), goflags="", experiment="", format=Format.GZIP,
    effort=Effort.FAST, trims=True, go="1.26.8", has_zones=False,
    linker_options=frozenset({"funcalign", "R"}), known_tags=(), releases=(),
)  # fmt: skip
HELP = "usage: link [options]\n  -R quantum\n    \tset rounding\n  -funcalign N\n    \tset -X\n"


def names(**changes: object) -> set[str]:
    return {lever.name for lever in levers_of(msgspec.structs.replace(PLAIN, **changes))}


def test_no_lever_that_the_settings_already_have():
    assert {"strip-none", "strip-dwarf", "no-inlining", "funcalign-1", "pie"} <= names()
    assert "strip-all" not in names()
    assert "strip-all" in names(strip=Strip.NONE)
    assert "no-inlining" not in names(gcflags=("all=-l",))
    assert "funcalign-1" not in names(ldflags=("-funcalign=16",))
    assert "gzip-fast" not in names()
    assert "zstd-best" not in names(format=Format.ZSTD, effort=Effort.BEST)
    assert "no-trimpath" not in names(trims=False)


@pytest.mark.parametrize(
    ("name", "changes", "is_offered"),
    [
        ("goamd64-v3", {}, True),
        ("goamd64-v3", {"architecture": "arm64"}, False),
        ("goamd64-v3", {"variant": "v2"}, False),
        ("pages-4k", {}, False),
        ("pages-4k", {"architecture": "arm64"}, True),
        ("pages-4k", {"architecture": "arm64", "linker_options": frozenset()}, False),
        ("funcalign-1", {"linker_options": frozenset()}, False),
        ("zones-inside", {}, False),
        ("zones-inside", {"has_zones": True}, True),
        ("zones-inside", {"has_zones": True, "tags": ("timetzdata",)}, False),
        ("tag-netgo", {}, False),
        ("tag-netgo", {"cgo": Cgo.DYNAMIC}, True),
        ("json-v1", {}, False),
        ("json-v1", {"go": "1.27.3"}, True),
        ("json-v1", {"go": "1.27.3", "experiment": "arenas"}, False),
    ],
)
def test_what_depends_on_the_program(name: str, changes: dict[str, object], is_offered: bool):
    assert (name in names(**changes)) is is_offered


def test_an_older_release_is_measured_and_never_taken():
    known = msgspec.structs.replace(PLAIN, releases=("1.27.1", "1.21.13", "1.26.8", "no release"))
    found = {lever.name: lever.standing for lever in levers_of(known) if lever.group == "go"}
    assert found == {"go-1.21.13": Standing.MEASURED, "go-1.27.1": Standing.FREE}


def test_what_the_linker_offers():
    assert linker_options(HELP) == {"R", "funcalign"}


def test_every_lever_that_is_taken_at_a_price_says_it():
    known = msgspec.structs.replace(
        PLAIN, known_tags=KNOWN, has_zones=True, cgo=Cgo.DYNAMIC, go="1.27.3"
    )
    assert not [one for one in levers_of(known) if one.standing is Standing.TRADE and not one.price]
    found = [lever.name for lever in levers_of(known)]
    assert len(found) == len(set(found))


# ---- tags ---------------------------------------------------------------------------------------


def package(place: Path, module: str, source: str) -> Package:
    place.mkdir(parents=True)
    (place / "a.go").write_text(source)
    (place / "a_test.go").write_text("//go:build nomsgpack\n\npackage p\n")
    return Package("p", module or "net/http", str(place), module, not module, 0, 1)


def test_a_tag_is_offered_where_the_source_asks_for_it(tmp_path: Path):
    grpc, gin = "google.golang.org/grpc", "github.com/gin-gonic/gin"
    found = tags_in(
        [
            package(tmp_path / "1", grpc, "// c\n//go:build !grpcnotrace && linux\n\npackage p\n"),
            package(tmp_path / "2", gin, "package p\n\n//go:build !nomsgpack\n"),
            package(tmp_path / "3", "", "//go:build !nethttpomithttp2 && go1.21\n\npackage http\n"),
            package(tmp_path / "4", "example.com/x", "//go:build noextras || cgo\n\npackage p\n"),
        ]
    )
    assert found == {
        "grpcnotrace": {grpc}, "nethttpomithttp2": {STANDARD}, "noextras": {"example.com/x"},
    }  # fmt: skip
    assert [known.tag for known in known_tags(found)] == ["grpcnotrace", "nethttpomithttp2"]
    assert unknown_tags(found) == ("noextras (example.com/x)",)


def test_a_tag_of_another_module_is_none_of_ours():
    assert known_tags({"grpcnotrace": {"google.golang.org/grpcfork"}}) == ()
    assert known_tags({"no_btrfs": {"github.com/containerd/containerd/v2"}}) != ()


# ---- combinations -------------------------------------------------------------------------------


def trial(
    name: str,
    saved: int,
    standing: Standing = Standing.FREE,
    group: str = "",
    passed: bool | None = True,
) -> Trial:
    return Trial(Lever(name, (), standing, "", group), 1000 - saved, 500, 1.0, Check(passed, ""))


def combination(*trials: Trial, taken: tuple[str, ...] = (), trades: bool = False) -> list[str]:
    base = trial("unchanged", 0)
    found = combined(base, trials, frozenset(taken), all_trades=trades)
    return [lever.name for lever in found]


def test_the_best_takes_what_saves_and_gives_up_nothing():
    trials = (
        trial("free", 10),
        trial("larger", -5),
        trial("priced", 50, Standing.TRADE),
        trial("asked", 40, Standing.TRADE),
        trial("measured", 90, Standing.MEASURED),
    )
    assert combination(*trials) == ["free"]
    assert combination(*trials, taken=("asked", "measured")) == ["free", "asked"]
    assert combination(*trials, trades=True) == ["free", "priced", "asked"]


def test_of_a_group_the_one_that_saves_most():
    trials = (trial("a", 10, group="g"), trial("b", 30, group="g"), trial("c", 20, group="g"))
    assert combination(*trials) == ["b"]


@pytest.mark.parametrize("passed", [False, None])
def test_what_did_not_run_as_before_is_never_taken(passed: bool | None):
    assert combination(trial("broken", 10, passed=passed)) == []
