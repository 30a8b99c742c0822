"""Manifests of a real program, by the tools of those who read them: Kubernetes' own schemas, and
Debian's docker-compose, systemd, the generator of podman's quadlets, and helm.
"""

import os
import shutil
import subprocess
from pathlib import Path

import kubernetes_validate
import pytest
from ruamel.yaml import YAML

from debian_case import programs_of
from registry_case import whit
from whit.report.manifests import KINDS

pytestmark = pytest.mark.go
HELM = "helm.sh/helm/v3/cmd/helm@v3.22.0"
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
ports = ["8080", "80"]
volumes = ["/data", "/var/lib/x y"]
[entry]
health = "http://127.0.0.1:${PORT:-8080}/healthz"
[entry.templates]
"/run/app/config" = "config.tmpl"
[config.DB_PASSWORD]
required = true
[config.API_KEY]
secret = true
[config.NEEDED]
required = true
[config.LOG_LEVEL]
default = "in \\"fo\\" $x ${y} 100% 'z' #"
"""
LOG_LEVEL = "in \"fo\" $x ${y} 100% 'z' #"


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
@pytest.mark.programs("systemd-analyze", "podman")
def test_those_who_read_manifests_take_them(project: Path):
    whit("build", cwd=project)
    text = {kind: emitted(kind, "registry.example/app:1", project) for kind in KINDS}
    assert text["kubernetes"] == emitted("kubernetes", "./", project)
    for document in YAML(typ="safe").load_all(text["kubernetes"]):
        kubernetes_validate.validate(document, "1.31", strict=True)
    assert said_of_unit(text["systemd"], project) == []
    compose, generator = programs_of(
        {
            "docker-compose": "/usr/libexec/docker/cli-plugins/docker-compose",
            "podman": "/usr/libexec/podman/quadlet",
        },
        project,
    )
    service = composed(compose, project)
    # Memory is exactly where the program writes: what its template becomes, and os.TempDir.
    assert [one.partition(":")[0] for one in service["tmpfs"]] == ["/run/app", "/tmp"]
    assert service["environment"]["DB_PASSWORD_FILE"] == "/run/secrets/db_password"
    assert service["environment"]["LOG_LEVEL"].replace("$$", "$") == LOG_LEVEL
    assert service["volumes"][1]["target"] == "/var/lib/x y"
    check_quadlet(generator, text["quadlet"], project)


def composed(program: Path, project: Path) -> dict:
    """What Compose makes of the file; nothing while something required is missing."""
    (project / "secrets").mkdir()
    (project / "secrets/db_password").write_text("x")
    command = [program, "-f", "app.compose", "config"]
    env = {"PATH": os.environ["PATH"], "HOME": str(project)}
    done = subprocess.run(
        command, cwd=project, env=env, capture_output=True, text=True, check=False
    )
    assert "is missing a value: it is required" in done.stderr
    env |= {"API_URL": "https://api.example", "NEEDED": "yes"}
    done = subprocess.run(command, cwd=project, env=env, capture_output=True, text=True, check=True)
    assert not done.stderr
    service: dict = YAML(typ="safe").load(done.stdout)["services"]["app"]
    return service


def check_quadlet(generator: Path, text: str, project: Path) -> None:
    """The unit that podman's generator makes, by systemd's own reader."""
    units = project / "units"
    units.mkdir()
    (units / "app.container").write_text(text)
    done = subprocess.run(
        [generator, "-dryrun", "-user"], env={**os.environ, "QUADLET_UNIT_DIRS": str(units)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    # It tells one line about what it reads, and one for each thing that it does not understand.
    assert len(done.stderr.splitlines()) == 1, done.stderr
    name, _, unit = done.stdout.partition("\n")
    assert name == "---app.service---"
    start = next(line for line in unit.splitlines() if line.startswith("ExecStart="))
    # systemd replaces $NAME and ${NAME} there, and makes one $ of two.
    assert "$" not in start.replace("$$", "")
    assert "$$x $${y} 100%%" in start
    assert "-v app-data:/data" in start
    assert "--secret app-db-password,uid=65532,gid=65532,mode=0400" in start
    place = project / "generated.service"
    place.write_text(unit)
    verify = ["systemd-analyze", "verify", "--user", place]
    said = subprocess.run(verify, check=False, capture_output=True, text=True).stderr
    assert [line for line in said.splitlines() if "generated" in line] == []


@pytest.mark.corpus
@pytest.mark.network
def test_helm_fills_a_new_chart_with_the_values(project: Path):
    """A chart as `helm create` makes it, and what the values' first lines say of env."""
    env = {**os.environ, "GOBIN": str(project), "CGO_ENABLED": "0"}
    subprocess.run(["go", "install", HELM], env=env, check=True, timeout=1200)
    whit("build", cwd=project)
    for image in ("registry.example/app:1", "./"):
        text = emitted("helm-values", image, project)
        values = project / "app.helm-values"
        check_helm(project / "helm", values, text, project)


def check_helm(helm: Path, values: Path, text: str, project: Path) -> None:
    shutil.rmtree(project / "chart", ignore_errors=True)
    subprocess.run([helm, "create", "chart"], cwd=project, check=True, capture_output=True)
    template = project / "chart/templates/deployment.yaml"
    lines = [line[1:] for line in text.splitlines() if line.startswith("#  ")]
    assert lines
    image = "          imagePullPolicy:"
    template.write_text(template.read_text().replace(image, "\n".join((*lines, image))))
    done = subprocess.run(
        [helm, "template", "app", "chart", "-f", values], cwd=project, check=True, text=True,
        capture_output=True,
    )  # fmt: skip
    documents = list(YAML(typ="safe").load_all(done.stdout))
    for document in documents:
        kubernetes_validate.validate(document, "1.31", strict=True)
    (deployment,) = (one for one in documents if one["kind"] == "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    env = {one["name"]: one for one in container["env"]}
    assert env["LOG_LEVEL"]["value"] == LOG_LEVEL
    assert env["DB_PASSWORD_FILE"]["value"] == "/run/secrets/app/DB_PASSWORD"
    assert container["image"] == "registry.example/app:1"
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert {one["mountPath"] for one in container["volumeMounts"]} >= {"/tmp", "/run/app"}


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
