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
    assert "the required variable is there" in out
    out, _ = whit("config", "emit", "compose", "app:2")
    assert "API_TOKEN: ${API_TOKEN:?it is required}" in out
    assert '"8080:8080"' in out


SERVICE = """package main

import (
	"fmt"
	"os"
)

func main() {
	token, err := os.ReadFile("/run/secrets/api_token")
	fmt.Println(os.Getenv("API_TOKEN"), string(token), err, os.Getenv("LEVEL"), os.Getuid())
}
"""


@pytest.mark.sandbox
def test_a_run_is_checked_before_it_starts_and_gets_its_secrets(project: Path):
    (project / "main.go").write_text(SERVICE)
    (project / "whit.toml").write_text(
        "[image]\ncontract = true\n[config.API_TOKEN]\nrequired = true\n"
        '[config.PORT]\ntype = "port"\n'
    )
    whit("build", "-t", "svc:1", cwd=project)
    _, said = whit("run", "-e", "PORT=x", "svc:1", status=1)
    assert "API_TOKEN is required and not set" in said
    assert "PORT is no port" in said
    assert "svc:1 was not started" in said
    (project / "token").write_text("a-long-secret-value")
    (project / "env").write_text("LEVEL=debug\n")
    words = ("--secret", "id=api_token,src=token", "--env-file", "env")
    out, said = whit("run", *words, "svc:1", cwd=project)
    assert out == "a-long-secret-value <nil> debug 65532"
    assert "a-long-secret-value" not in said
    # Nothing of it stays.
    assert not [p for p in Path("/dev/shm").glob("whit-*") if (p / "api_token").exists()]
    out, _ = whit("run", "--secret", "id=api_token,cmd=echo from-a-command", "svc:1")
    assert "from-a-command <nil>" in out
    out, _ = whit("run", "-e", "API_TOKEN=x", "svc:1")
    assert out.startswith("x  open /run/secrets/api_token")
    out, _ = whit("run", "--unchecked", "svc:1")
    assert "no such file" in out
    _, said = whit("run", "--secret", "id=../x,src=token", "svc:1", cwd=project, status=1)
    assert "K002" in said


def test_what_is_no_program_has_no_contract(project: Path):
    _, said = whit("config", "show", "nothing:here", status=1)
    assert "error[" in said
