"""What Go says of C code in, how it is built out."""

from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from whit.errors.golang import NoCCompiler
from whit.golang import cgo as cgo_room
from whit.golang.cgo import (
    CPackage,
    after_static,
    better_way,
    first_way,
    read_answer,
    without_compiler,
)
from whit.golang.process import Outcome
from whit.model.names import Platform
from whit.model.program import Cgo, Recipe, Source, Strip

RECIPE = Recipe(Source("/x"), Platform("linux", "amd64"))
ANSWER = (
    "runtime/cgo\ttrue\t-lpthread\t\nnet\ttrue\t\t\n"
    "example.com/sql\tfalse\t-ldl -lm\t\n\nexample.com/img\tfalse\t-lpng\tlibavif\nnoise\n"
)
STANDARD = (CPackage("runtime/cgo", True, (), False), CPackage("net", True, (), False))
SQL = CPackage("example.com/sql", False, (), True)
PLAIN = CPackage("example.com/plain", False, (), False)
IMAGE = CPackage("example.com/img", False, ("-lpng", "libavif"), False)


@pytest.fixture(autouse=True)
def no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the ziglang package is installed must not matter here."""
    monkeypatch.setattr(cgo_room, "find_spec", lambda _: None)


@pytest.fixture
def tools(tmp_path: Path) -> Mapping[str, str]:
    """A PATH with a C compiler and a zig that only have to be there."""
    for name in ("gcc", "zig"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    return {"PATH": str(tmp_path)}


def cgo(mode: Cgo, **changes: object) -> Recipe:
    return msgspec.structs.replace(RECIPE, cgo=mode, **changes)


def test_go_s_answer_is_read_and_noise_is_not():
    assert read_answer(Outcome(0, ANSWER, "")) == (
        *(CPackage("runtime/cgo", True, (), False), CPackage("net", True, (), False)),
        *(CPackage("example.com/sql", False, (), True), IMAGE),
    )


def test_what_only_the_standard_library_would_use_is_left_out(tools: Mapping[str, str]):
    way = better_way(STANDARD, RECIPE, tools)
    assert (way.mode, way.environment) == (Cgo.OFF, {"CGO_ENABLED": "0"})
    assert way.reason == "net has Go code for the same"


def test_c_code_that_asks_for_libc_alone_is_static(tools: Mapping[str, str]):
    way = better_way((*STANDARD, PLAIN), RECIPE, tools)
    assert (way.mode, way.warning) == (Cgo.STATIC, "")
    assert way.environment["CC"].endswith("zig cc -target x86_64-linux-musl")
    applied = way.applied(cgo(Cgo.AUTO, tags=("mine",), ldflags=("-X a.b=c",)))
    assert applied.tags == ("mine", "netgo", "osusergo")
    assert applied.ldflags == ("-linkmode=external '-extldflags=-static -s'", "-X a.b=c")


def test_what_can_load_libraries_is_warned_about(tools: Mapping[str, str]):
    assert "--cgo dynamic" in better_way((SQL,), RECIPE, tools).warning


def test_other_libraries_make_it_dynamic(tools: Mapping[str, str]):
    way = better_way((SQL, IMAGE), RECIPE, tools)
    assert way.mode is Cgo.DYNAMIC
    assert "links -lpng libavif" in way.reason


@pytest.mark.parametrize(
    ("architecture", "variant", "target"),
    [
        ("arm64", "", "aarch64-linux-musl"),
        ("arm", "v7", "arm-linux-musleabihf"),
        ("arm", "v5", "arm-linux-musleabi"),
        ("386", "", "x86-linux-musl"),
        ("riscv64", "", "riscv64-linux-musl"),
        ("s390x", "", "s390x-linux-musl"),
        ("ppc64le", "", "powerpc64le-linux-musl"),
    ],
)
def test_static_for_every_machine(
    tools: Mapping[str, str], architecture: str, variant: str, target: str
):
    recipe = cgo(Cgo.STATIC, platform=Platform("linux", architecture, variant))
    way, is_settled = first_way(recipe, tools)
    assert is_settled
    assert way.environment["CC"].endswith(f" cc -target {target}")
    assert way.environment["CXX"].endswith(f" c++ -target {target}")


def test_dynamic_for_another_machine_is_zigs_glibc(tools: Mapping[str, str]):
    recipe = cgo(Cgo.DYNAMIC, platform=Platform("linux", "riscv64"))
    way, _ = first_way(recipe, tools)
    assert way.environment["CC"].endswith("-target riscv64-linux-gnu.2.31")
    own = {**tools, "CC": "riscv64-linux-gnu-gcc"}
    assert first_way(recipe, own)[0].environment == {"CGO_ENABLED": "1"}


@pytest.mark.parametrize(
    ("strip", "flags"),
    [
        (Strip.ALL, "-static -s"),
        (Strip.DWARF, "-static -Wl,--strip-debug"),
        (Strip.NONE, "-static"),
    ],
)
def test_stripping_is_the_external_linkers_business(
    tools: Mapping[str, str], strip: Strip, flags: str
):
    way, _ = first_way(cgo(Cgo.STATIC, strip=strip), tools)
    assert way.ldflags == (f"-linkmode=external '-extldflags={flags}'",)


@pytest.mark.parametrize(
    ("mode", "said", "begins", "is_settled"),
    [
        (Cgo.AUTO, {}, Cgo.OFF, False),
        (Cgo.AUTO, {"CGO_ENABLED": "0"}, Cgo.OFF, True),
        (Cgo.AUTO, {"CGO_ENABLED": "1"}, Cgo.DYNAMIC, True),
        (Cgo.AUTO, {"CGO_ENABLED": "1", "CC": "musl-gcc"}, Cgo.DYNAMIC, True),
        (Cgo.OFF, {"CGO_ENABLED": "1"}, Cgo.OFF, True),
        (Cgo.STATIC, {"CGO_ENABLED": "0"}, Cgo.STATIC, True),
    ],
)
def test_settings_and_environment(
    tools: Mapping[str, str], mode: Cgo, said: dict[str, str], begins: Cgo, is_settled: bool
):
    way, settled = first_way(cgo(mode), {**tools, **said})
    assert (way.mode, settled) == (begins, is_settled)


def test_no_compiler_at_all():
    with pytest.raises(NoCCompiler, match="C code") as caught:
        better_way((PLAIN,), RECIPE, {"PATH": ""})
    way = without_compiler(caught.value)
    assert way.mode is Cgo.OFF
    assert "it is left out" in way.warning
    assert after_static(RECIPE, {"PATH": ""}, first_way(RECIPE, {})[0]) is None


def test_c_code_that_only_looks_for_systemd_is_spared(tools: Mapping[str, str]):
    systemd = "github.com/coreos/go-systemd/v22"
    opens = CPackage(f"{systemd}/internal/dlopen", False, (), True)
    asks = CPackage(f"{systemd}/util", False, (), False)
    way = better_way((*STANDARD, opens, asks), RECIPE, tools)
    assert way.mode is Cgo.OFF
    assert f"{systemd}/util" in way.reason
    journal = CPackage(f"{systemd}/sdjournal", False, (), False)
    assert better_way((*STANDARD, opens, journal), RECIPE, tools).mode is not Cgo.OFF
