"""`whit resolve` with a real registry: what stands in the manifest can be pulled."""

import json
import subprocess
from pathlib import Path

import pytest

from registry_case import registry, whit

pytestmark = [pytest.mark.go, pytest.mark.registry, pytest.mark.skopeo]
DEPLOYMENT = """# two programs, three mentions
apiVersion: v1
kind: Pod
spec:
  containers:
    - {name: one, image: whit://./cmd/one}   # a comment
    - name:  two
      image: "whit://./cmd/two"
      args: ['--helper=whit://./cmd/one']
"""
COMPOSE = "services:\n  one:\n    image: whit://./cmd/one\n"
TEMPLATE = "{{- if .Values.on }}\nimage: whit://./cmd/two\n{{- end }}\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "go.mod").write_text("module example.test/app\n\ngo 1.21\n")
    for name in ("one", "two"):
        (tmp_path / "cmd" / name).mkdir(parents=True)
        (tmp_path / "cmd" / name / "main.go").write_text(
            f'package main\n\nfunc main() {{ println("{name}") }}\n'
        )
    (tmp_path / "k8s" / "templates").mkdir(parents=True)
    (tmp_path / "k8s" / "pod.yaml").write_text(DEPLOYMENT)
    (tmp_path / "k8s" / "templates" / "t.yaml").write_text(TEMPLATE)
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    return tmp_path


def test_a_directory_becomes_one_of_pushed_digests(project: Path):
    with registry(project / "registry") as place:
        words = ("-t", f"{place.host}/{{{{.Name}}}}:1", "--push", "--platform",
                 "linux/amd64,linux/arm64")  # fmt: skip
        out, said = whit("resolve", "-f", "k8s", "-o", "out", *words, cwd=project)
        references = dict(line.split(" ") for line in out.splitlines())
        assert set(references) == {"./cmd/one", "./cmd/two"}
        assert said.count("compile  one for linux/amd64") == 1
        for name in ("pod.yaml", "templates/t.yaml"):
            expected = (project / "k8s" / name).read_text()
            for source, reference in references.items():
                expected = expected.replace(f"whit://{source}", reference)
            assert (project / "out" / name).read_text() == expected
        one = references["./cmd/one"]
        assert one.startswith(f"{place.host}/one@sha256:")
        raw = subprocess.run(
            ["skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{one}"],
            capture_output=True, check=True, timeout=60,
        ).stdout  # fmt: skip
        assert len(json.loads(raw)["manifests"]) == 2
        again, _ = whit("resolve", "-f", "compose.yaml", *words, cwd=project)
        assert again == COMPOSE.strip().replace("whit://./cmd/one", one)


def test_a_broken_program_is_told_where_it_is_named(project: Path):
    (project / "k8s" / "pod.yaml").write_text("a: 1\nimage: whit://./cmd/three\n")
    out, said = whit("resolve", "-f", "k8s/pod.yaml", cwd=project, status=1)
    assert not out
    assert "--> k8s/pod.yaml:2:8" in said


def test_one_name_for_two_programs_is_refused_before_a_build(project: Path):
    _, said = whit("resolve", "-f", "k8s", "-t", "app:1", cwd=project, status=1)
    assert "one name for 2 images" in said
    assert "compile" not in said
