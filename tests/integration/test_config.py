"""`whit config` on a real program: what it reads is found in its bytes."""

import json
from pathlib import Path

import pytest

from registry_case import whit

pytestmark = pytest.mark.go
MAIN = """package main

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"strconv"
)

type site struct{ prefix string }

func getenv(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

func number(name string, otherwise int) int {
	n, err := strconv.Atoi(getenv(name, ""))
	if err != nil {
		return otherwise
	}
	return n
}

//go:noinline
func (s *site) get(name string) string { return s.prefix + os.Getenv(name) }

func main() {
	address := flag.String("listen", ":8080", "where to listen")
	loud := flag.Bool("verbose", false, "say more")
	flag.Parse()
	token, ok := os.LookupEnv("API_TOKEN")
	s := &site{prefix: token}
	fmt.Println(getenv("LOG_LEVEL", "info"), number("WORKERS", 4), s.get("SITE_NAME"), ok, *loud)
	http.ListenAndServe(*address, nil)
}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "go.mod").write_text("module example.test/app\n\ngo 1.21\n")
    (tmp_path / "main.go").write_text(MAIN)
    return tmp_path


@pytest.mark.parametrize("platform", ["linux/amd64", "linux/arm64"])
def test_a_stripped_program_says_what_it_reads(project: Path, platform: str):
    whit("build", "-t", "app:1", "--platform", platform, cwd=project)
    out, _ = whit("config", "show", "--json", "app:1")
    document = json.loads(out)
    found = {variable["name"] for variable in document["env"]}
    assert found == {"API_TOKEN", "LOG_LEVEL", "SITE_NAME", "WORKERS"}
    assert {flag["name"]: flag.get("usage") for flag in document["flags"]} == {
        "listen": "where to listen", "verbose": "say more",
    }  # fmt: skip
    assert "GODEBUG" in document["libraries"]["std"]


def test_a_contract_is_declared_carried_checked_and_compared(project: Path):
    whit("build", "-t", "app:1", "--set", "image.contract=true", cwd=project)
    (project / "whit.toml").write_text(
        '[config.API_TOKEN]\nrequired = true\n[config.WORKERS]\ntype = "int"\n'
    )
    whit("build", "-t", "app:2", cwd=project)
    out, said = whit("config", "diff", "app:1", "app:2", status=1)
    assert "API_TOKEN  now required" in out
    assert "error[C009]" in said
    (project / "env").write_text("WORKERS=many\nLOGLEVEL=debug\n")
    _, said = whit("config", "check", "app:2", "--env-file", "env", cwd=project, status=1)
    assert "API_TOKEN is required and not set" in said
    assert "WORKERS is no whole number" in said
    assert "did you mean LOG_LEVEL?" in said
    (project / "env").write_text("API_TOKEN=abc-very-secret\n")
    out, said = whit("config", "check", "app:2", "--env-file", "env", cwd=project)
    assert "all 1 required variables are there" in out
    out, _ = whit("config", "emit", "compose", "app:2")
    assert "API_TOKEN: ${API_TOKEN:?it is required}" in out
    assert '"8080:8080"' in out


def test_what_is_no_program_has_no_contract(project: Path):
    _, said = whit("config", "show", "nothing:here", status=1)
    assert "error[" in said
