"""Go programs with C code: static on an empty image, dynamic with their closure, cross-compiled."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

WHIT = [sys.executable, "-m", "whit.cli.entry"]
OWN_C = """package main

/*
#include <math.h>
#include <string.h>
static double root(double x) { return sqrt(x); }
#cgo LDFLAGS: -lm
*/
import "C"

import "fmt"

func main() { fmt.Println(float64(C.root(2.25)), C.strlen(C.CString("four"))) }
"""
RESOLVER = """package main

import (
	"fmt"
	"net"
	"os/user"
)

func main() {
	addresses, err := net.LookupHost("localhost")
	if err != nil {
		panic(err)
	}
	found, err := user.Lookup("nonroot")
	if err != nil {
		panic(err)
	}
	fmt.Println(len(addresses) > 0, found.Uid)
}
"""
SQLITE = """package main

import (
	"database/sql"
	"fmt"

	_ "github.com/mattn/go-sqlite3"
)

func main() {
	db, err := sql.Open("sqlite3", ":memory:")
	if err != nil {
		panic(err)
	}
	var sum int
	query := "with recursive c(x) as (values(1) union all select x+1 from c where x<10) " +
		"select sum(x) from c"
	if err := db.QueryRow(query).Scan(&sum); err != nil {
		panic(err)
	}
	fmt.Println(sum)
}
"""
pytestmark = [pytest.mark.go]


def whit(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if name not in ("CGO_ENABLED", "CC")}
    return subprocess.run(
        [*WHIT, *words], cwd=cwd, env=env | environment,
        capture_output=True, text=True, check=False, timeout=1200,
    )  # fmt: skip


def module(place: Path, text: str) -> Path:
    (place / "main.go").write_text(text)
    (place / "go.mod").write_text("module example.com/app\n\ngo 1.21\n")
    return place


@pytest.mark.gcc
@pytest.mark.sandbox
def test_the_cgo_resolver_and_os_user_need_two_libraries(tmp_path: Path):
    """Loader and libc, 2.1 MB; distroless/base would be 24 MB."""
    place = module(tmp_path, RESOLVER)
    flags = ("--cgo", "dynamic", "--set", "image.env.GODEBUG=netdns=cgo", "--without", "licences")
    done = whit("build", "--run", ".", *flags, cwd=place)
    assert (done.returncode, done.stdout) == (0, "true 65532\n"), done.stderr
    plan = json.loads(whit("plan", ".", *flags, "--json", cwd=place).stdout)
    loaded = [e for e in plan["entries"] if e["code"] == "N070" and e["type"] == "file"]
    assert len(loaded) == 2
    assert 1_500_000 < sum(entry["size"] for entry in loaded) < 3_000_000


def test_what_only_the_standard_library_would_use_stays_out(tmp_path: Path):
    place = module(tmp_path, RESOLVER)
    (place / "go.mod").write_text("module example.com/app\n\ngo 1.21\n\n// require nothing\n")
    done = whit("build", ".", "--json", cwd=place)
    assert done.returncode == 0, done.stderr
    assert "without cgo: net and os/user have Go code for the same" in done.stderr
    entries = json.loads(done.stdout)["plan"]["entries"]
    assert "N070" not in {entry["code"] for entry in entries}


@pytest.mark.gcc
@pytest.mark.sandbox
def test_c_code_with_the_hosts_compiler(tmp_path: Path):
    done = whit("build", "--run", ".", "--cgo", "dynamic", cwd=module(tmp_path, OWN_C))
    assert (done.returncode, done.stdout) == (0, "1.5 4\n"), done.stderr


def test_c_code_with_cgo_off_is_refused(tmp_path: Path):
    done = whit("build", ".", "--cgo", "off", cwd=module(tmp_path, OWN_C))
    assert done.returncode == 1
    assert "error[G0" in done.stderr


@pytest.mark.zig
@pytest.mark.sandbox
def test_auto_makes_c_code_static_and_says_why(tmp_path: Path):
    place = module(tmp_path, OWN_C)
    done = whit("build", "--run", ".", cwd=place)
    assert (done.returncode, done.stdout) == (0, "1.5 4\n"), done.stderr
    assert "cgo static: C code of example.com/app" in done.stderr
    assert "1 file" in done.stderr


@pytest.mark.zig
def test_the_same_source_elsewhere_gives_the_same_image(tmp_path: Path):
    references = set()
    for name in ("one", "two/three"):
        place = tmp_path / name
        place.mkdir(parents=True)
        done = whit("build", ".", "-t", "same", cwd=module(place, OWN_C))
        assert done.returncode == 0, done.stderr
        references.add(done.stdout)
    assert len(references) == 1


@pytest.mark.zig
@pytest.mark.network
@pytest.mark.sandbox
def test_sqlite_is_one_file_and_answers_a_query(tmp_path: Path):
    place = module(tmp_path, SQLITE)
    get = ["go", "get", "github.com/mattn/go-sqlite3@v1.14.53"]
    subprocess.run(get, cwd=place, check=True, capture_output=True)
    done = whit("build", "--run", ".", "--without", "zones", cwd=place)
    assert (done.returncode, done.stdout) == (0, "55\n"), done.stderr
    assert "cgo static: C code of github.com/mattn/go-sqlite3" in done.stderr
    assert "--cgo dynamic if yours does" in done.stderr
    other = whit("build", ".", "--platform", "linux/arm64", "--json", cwd=place)
    assert other.returncode == 0, other.stderr
    document = json.loads(other.stdout)
    assert document["plan"]["config"]["platform"] == "linux/arm64"
    assert "N070" not in {entry["code"] for entry in document["plan"]["entries"]}
