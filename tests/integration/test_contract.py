"""The contract from source: what Go's own parser finds in it, and what is left without it."""

import json
import os
from pathlib import Path

import pytest

from registry_case import Registry, registry, whit

pytestmark = pytest.mark.go

PLAIN = """package main

import (
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"strings"
	"time"
)

const token = "API_TOKEN"

var workers = flag.Int("workers", 4, "how many")

func getenv(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

func must(name string) string {
	value, ok := os.LookupEnv(name)
	if !ok {
		log.Fatalf("%s is not set", name)
	}
	return value
}

func load() (string, error) {
	dsn := os.Getenv("DATABASE_URL")
	if dsn == "" {
		return "", errors.New("no database")
	}
	if os.Getenv("TLS") != "" {
		must("TLS_KEY")
	}
	region := os.Getenv("REGION")
	if region == "" {
		region = "eu"
	}
	return dsn + region, nil
}

func unlinked() string { return must("NEVER") }

func main() {
	wait := flag.Duration("wait", 90*time.Second, "how long")
	flag.Parse()
	dsn, err := load()
	if err != nil {
		log.Fatal(err)
	}
	for _, name := range []string{"ONE", "TWO"} {
		fmt.Println(os.Getenv(fmt.Sprintf("APP_%s_HOST", name)))
	}
	for _, pair := range os.Environ() {
		if strings.HasPrefix(pair, "PLUGIN_") {
			fmt.Println(pair)
		}
	}
	fmt.Println(must(token), getenv("LOG_LEVEL", "info"), *workers, *wait, dsn)
}
"""


def show(place: Path) -> tuple[dict[str, dict], dict[str, dict], dict]:
    out, said = whit("config", "show", "--json", ".", cwd=place)
    assert "nothing from the source" not in said
    document = json.loads(out)
    env = {variable["name"]: variable for variable in document["env"]}
    return env, {flag["name"]: flag for flag in document["flags"]}, document


def test_source_adds_defaults_types_and_what_is_required(tmp_path: Path):
    (tmp_path / "go.mod").write_text("module example.test/app\n\ngo 1.21\n")
    (tmp_path / "main.go").write_text(PLAIN)
    env, flags, document = show(tmp_path)
    assert {name for name, variable in env.items() if variable.get("required")} == {
        "API_TOKEN", "DATABASE_URL",
    }  # fmt: skip
    assert set(env) == {
        "API_TOKEN", "APP_ONE_HOST", "APP_TWO_HOST", "DATABASE_URL", "LOG_LEVEL", "REGION", "TLS",
        "TLS_KEY",
    }  # fmt: skip
    assert env["LOG_LEVEL"]["default"] == "info"
    assert env["REGION"]["default"] == "eu"
    assert "source: main.go:33" in env["DATABASE_URL"]["sources"]
    assert flags["workers"]["default"] == "4"
    assert (flags["wait"]["default"], flags["wait"]["type"]) == ("1m30s", "duration")
    assert document["prefixes"] == ["PLUGIN_"]
    # What source says travels in the image, and is checked.
    whit("build", "-t", "app:1", "--set", "image.contract=true", cwd=tmp_path)
    (tmp_path / "env").write_text("API_TOKEN=x\nPLUGIN_A=1\n")
    words = ("config", "check", "app:1", "--env-file", "env")
    _, said = whit(*words, cwd=tmp_path, status=1)
    assert "DATABASE_URL is required and not set" in said
    assert "PLUGIN_A" not in said


def test_a_program_whose_source_cannot_be_read_has_the_contract_of_its_bytes(tmp_path: Path):
    (tmp_path / "go.mod").write_text("module example.test/app\n\ngo 1.21\n")
    (tmp_path / "main.go").write_text(PLAIN)
    whit("build", "--to", f"oci:{tmp_path}/out", "-t", "app:1", cwd=tmp_path)
    out, said = whit("config", "show", "--json", "app:1")
    found = {variable["name"]: variable for variable in json.loads(out)["env"]}
    assert {"API_TOKEN", "DATABASE_URL", "LOG_LEVEL"} <= set(found)
    assert "required" not in found["DATABASE_URL"]
    assert not said


@pytest.mark.network
def test_what_libraries_make_of_tags_keys_and_flags(tmp_path: Path):
    env, flags, document = show(Path(__file__).parent / "contract_program")
    expected = {
        "SIGNING_KEY": {"required": True, "secret": True},
        "DB_HOST": {"default": "localhost"},
        "SVC_DEBUG": {"type": "bool"},
        "SVC_POOL_SIZE": {"default": "5", "type": "int", "usage": "of connections"},
        "SVC_PASSWORD": {"required": True, "secret": True},
        "KONG_LEVEL": {"default": "warn", "usage": "of the log"},
        "VIP_TIMEOUT": {"default": "30s"},
        "OTHER_NAME": {},
        "CLI_PORT": {"default": "8080", "type": "int", "usage": "to listen on"},
        "PORT": {"default": "8080", "type": "int", "usage": "to listen on"},
        "KEY_FILE": {"default": "/key", "usage": "where the key is"},
    }
    found = {
        name: {key: value for key, value in variable.items() if key not in ("name", "sources")}
        for name, variable in env.items()
    }
    assert found == expected
    assert document["prefixes"] == ["KOANF_", "VIP_"]
    assert flags["output"]["required"] is True
    assert flags["output"]["default"] == "json"
    assert flags["tag"]["default"] == "a,b"
    assert flags["key.file"]["default"] == "/key"


USES = """package main

import (
	"net"
	"os"
)

func main() {
	os.ReadFile("/etc/app.conf")
	os.WriteFile("/tmp/file", []byte(os.Getenv("SECRET_WORD")), 0o600)
	listener, _ := net.Listen("tcp", "127.0.0.1:0")
	if _, err := net.Dial("tcp", listener.Addr().String()); err != nil {
		panic(err)
	}
	if listener, err := net.Listen("tcp", "127.0.0.1:48731"); err == nil {
		listener.Close()
	}
}
"""


@pytest.mark.sandbox
@pytest.mark.strace
def test_a_run_teaches_what_the_program_uses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "go.mod").write_text("module example.test/app\n\ngo 1.21\n")
    (tmp_path / "main.go").write_text(USES)
    (tmp_path / "whit.toml").write_text('directories = ["/tmp"]\n[image]\nuser = "0:0"\n')
    whit("build", "-t", "app:1", ".", cwd=tmp_path)
    _, said = whit("run", "--learn", "-e", "SECRET_WORD=a-long-secret", "app:1", cwd=tmp_path)
    assert "looks for" in said
    noted = (tmp_path / "whit.observed.json").read_text()
    found = json.loads(noted)
    assert "/etc/app.conf" in found["missing"], said
    assert found["writes"] == ["/tmp/file"]
    assert found["listens"] == ["48731/tcp"]
    assert "a-long-secret" not in noted + said
    words = ("--set", "image.observed=whit.observed.json")
    whit("build", "-t", "app:2", *words, ".", cwd=tmp_path)
    out, _ = whit("config", "show", "app:2")
    assert "listens on   48731/tcp" in out
    (tmp_path / "whit.observed.json").write_text("[]")
    _, said = whit("build", "-t", "app:2", *words, ".", cwd=tmp_path, status=1)
    assert "is not what `whit run --learn` writes" in said


@pytest.mark.registry
def test_a_contract_is_found_in_a_registry(tmp_path: Path):
    """Debian's registry knows no referrers: the tag of the specification stands in."""
    (tmp_path / "go.mod").write_text("module example.test/app\n\ngo 1.21\n")
    (tmp_path / "main.go").write_text('package main\n\nimport "os"\n\n'
                                      'func main() { println(os.Getenv("LEVEL")) }\n')  # fmt: skip
    with registry(tmp_path / "registry") as running:
        name = f"{running.host}/team/app"
        (tmp_path / "whit.toml").write_text("[config.DSN]\nrequired = true\n")
        for _ in range(2):
            whit("build", "-t", f"{name}:1", "--push", ".", cwd=tmp_path)
        monkey = Path(os.environ["WHIT_STORE"])
        os.environ["WHIT_STORE"] = str(tmp_path / "another")
        try:
            out, _ = whit("config", "show", f"{name}:1")
            assert "DSN    required" in out
            assert "LEVEL" in out
            _, said = whit("config", "check", f"{name}:1", status=1)
            assert "DSN is required and not set" in said
        finally:
            os.environ["WHIT_STORE"] = str(monkey)
        tags = running.root / "docker/registry/v2/repositories/team/app/_manifests/tags"
        (tag,) = [path for path in tags.iterdir() if path.name.startswith("sha256-")]
        index = json.loads(blob(running, (tag / "current/link").read_text()))
        (entry,) = index["manifests"]
        assert entry["artifactType"] == "application/vnd.whit.contract.v1+json"
        artifact = json.loads(blob(running, entry["digest"]))
        assert artifact["subject"]["digest"] == f"sha256:{tag.name.removeprefix('sha256-')}"
        contract = json.loads(blob(running, artifact["layers"][0]["digest"]))
        assert [variable["name"] for variable in contract["env"]] == ["DSN", "LEVEL"]


def blob(running: Registry, digest: str) -> bytes:
    kind, _, digits = digest.partition(":")
    return (running.root / "docker/registry/v2/blobs" / kind / digits[:2] / digits
            / "data").read_bytes()  # fmt: skip
