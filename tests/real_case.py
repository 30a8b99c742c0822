"""Real programs by module path at a version, built by whit as a user would."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

WHIT = [sys.executable, "-m", "whit.cli.entry"]
PROGRAMS = {
    "age": "filippo.io/age/cmd/age@v1.2.0",
    "caddy": "github.com/caddyserver/caddy/v2/cmd/caddy@v2.8.4",
    "crane": "github.com/google/go-containerregistry/cmd/crane@v0.20.2",
    "helm": "helm.sh/helm/v3/cmd/helm@v3.16.2",
    "go-httpbin": "github.com/mccutchen/go-httpbin/v2/cmd/go-httpbin@v2.15.0",
    "hugo": "github.com/gohugoio/hugo@v0.136.5",
    "rclone": "github.com/rclone/rclone@v1.68.1",
    # As a directory: a module whose source was downloaded, not installed by its path.
    "restic": "./cmd/restic in github.com/restic/restic@v0.16.4",
    "sops": "github.com/getsops/sops/v3/cmd/sops@v3.9.1",
}


def whit(*words: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*WHIT, *words], capture_output=True, text=True, check=False, timeout=1800, **options
    )  # type: ignore[call-overload,no-any-return]


@pytest.fixture(autouse=True)
def shared_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs and modules are kept between tests and runs; images are each test's own."""
    monkeypatch.delenv("WHIT_CACHE")
    monkeypatch.setenv("WHIT_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("GOFLAGS", "-buildvcs=false")
    monkeypatch.delenv("CGO_ENABLED", raising=False)


def source_of(name: str) -> str:
    package, is_inside, module = PROGRAMS[name].partition(" in ")
    if not is_inside:
        return package
    done = subprocess.run(["go", "mod", "download", "-json", module],
                          capture_output=True, check=True, cwd="/")  # fmt: skip
    return str(Path(json.loads(done.stdout)["Dir"], package))


def built(name: str, *words: str) -> dict[str, object]:
    done = whit("build", source_of(name), "--json", *words)
    assert done.returncode == 0, done.stderr
    document: dict[str, object] = json.loads(done.stdout)
    return document
