"""Manifests of a real program, by the schemas and tools of those who read them."""

import json
import shutil
import subprocess
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest
from ruamel.yaml import YAML

from registry_case import whit
from whit.report.manifests import KINDS

pytestmark = pytest.mark.go
COMPOSE = "github.com/compose-spec/compose-go/v2@v2.4.0"
MAIN = """package main

import (
	"fmt"
	"net/http"
	"os"
)

func main() {
	file, err := os.CreateTemp("", "x")
	fmt.Println(file != nil, err, os.Getenv("DB_PASSWORD"), os.Getenv("LOG_LEVEL"))
	http.ListenAndServe(":8080", nil)
}
"""
SETTINGS = """[image]
name = "registry.example/app:1"
[entry]
health = "http://127.0.0.1:${PORT:-8080}/healthz"
[entry.templates]
"/run/app/config" = "config.tmpl"
[config.DB_PASSWORD]
required = true
[config.LOG_LEVEL]
default = "info"
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "go.mod").write_text("module example.test/app\n\ngo 1.21\n")
    (tmp_path / "main.go").write_text(MAIN)
    (tmp_path / "whit.toml").write_text(SETTINGS)
    (tmp_path / "config.tmpl").write_text("url=${API_URL} password=${DB_PASSWORD}\n")
    return tmp_path


def emitted(kind: str, image: str, project: Path) -> str:
    out, _ = whit("config", "emit", kind, image, "--name", "app", cwd=project)
    (project / f"app.{kind}").write_text(out + "\n")
    return out + "\n"


@pytest.mark.network
@pytest.mark.programs("systemd-analyze")
def test_those_who_read_manifests_take_them(project: Path):
    whit("build", cwd=project)
    text = {kind: emitted(kind, "registry.example/app:1", project) for kind in KINDS}
    assert text["kubernetes"] == emitted("kubernetes", "./", project)
    for document in YAML(typ="safe").load_all(text["kubernetes"]):
        kubernetes_validate.validate(document, "1.31", strict=True)
    compose = YAML(typ="safe").load(text["compose"])
    jsonschema.validate(compose, compose_schema(project))
    service = compose["services"]["app"]
    # Memory is exactly where the program writes: what its template becomes, and os.TempDir.
    assert [one.partition(":")[0] for one in service["tmpfs"]] == ["/run/app", "/tmp"]
    assert service["environment"]["DB_PASSWORD_FILE"] == "/run/secrets/db_password"
    assert said_of_unit(text["systemd"], project) == []


def compose_schema(project: Path) -> dict[str, object]:
    """From the module in which those who wrote the specification read it."""
    module = subprocess.run(
        ["go", "mod", "download", "-json", COMPOSE],
        cwd=project, check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    schema = Path(json.loads(module.stdout)["Dir"]) / "schema/compose-spec.json"
    found: dict[str, object] = json.loads(schema.read_text())
    return found


def said_of_unit(text: str, project: Path) -> list[str]:
    # The command is looked for on this host, not below RootDirectory.
    root = project / "root/.whit"
    root.mkdir(parents=True)
    shutil.copy("/bin/true", root / "entry")
    unit = project / "app.service"
    unit.write_text(text.replace('ExecStart="/.whit/entry"', f'ExecStart="{root}/entry"'))
    verify = ["systemd-analyze", "verify", unit]
    exposure = ["systemd-analyze", "security", "--offline=true", "--threshold=20", unit]
    said = subprocess.run(verify, check=False, capture_output=True, text=True).stderr
    subprocess.run(exposure, check=True, capture_output=True)
    return [line for line in said.splitlines() if "app.service" in line]
