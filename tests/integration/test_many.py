"""Several programs of one module: an image each, or one image for all."""

from pathlib import Path

import pytest

from registry_case import whit
from whit.build.house import open_house
from whit.oci.graph import entries_of, platform_text
from whit.store.blobs import Store

pytestmark = pytest.mark.go
NAMES = ("alpha", "beta", "delta", "gamma", "zeta")


@pytest.fixture
def module(tmp_path: Path) -> Path:
    (tmp_path / "go.mod").write_text("module example.com/many\n\ngo 1.21\n")
    for name in NAMES:
        place = tmp_path / "cmd" / name
        place.mkdir(parents=True)
        body = f'println("this is {name}")'
        imports = ""
        if name == "beta":
            imports, body = (
                'import "os"\n',
                'f, err := os.CreateTemp("", "x"); println(f != nil, err == nil)',
            )
        (place / "main.go").write_text(f"package main\n{imports}\nfunc main() {{ {body} }}\n")
    return tmp_path


def test_an_image_each_with_a_table(module: Path):
    out, said = whit("build", "./cmd/...", "-t", "team/{{.Name}}:1", cwd=module)
    assert [line.partition("@")[0] for line in out.splitlines()] == [f"team/{n}:1" for n in NAMES]
    assert "5 images" in said
    store = Store.open(open_house().store)
    # Each holds what it needs and no more.
    counts = {name: store.find(f"team/{name}:1").file_count for name in NAMES}
    assert counts["alpha"] == 1
    assert counts["beta"] >= 1
    assert not store.check()
    again, said = whit("build", "./cmd/...", "-t", "team/{{.Name}}:1", cwd=module)
    assert again == out


def test_what_readers_found_is_what_one_process_finds(module: Path, tmp_path: Path):
    together, _ = whit("build", "./cmd/...", cwd=module)
    alone = [whit("build", f"./cmd/{name}", cwd=module)[0] for name in NAMES]
    assert together.splitlines() == alone


def test_one_name_for_many_is_refused(module: Path):
    _, said = whit("build", "./cmd/...", "-t", "app:1", cwd=module, status=1)
    assert "one name for 5 images" in said


@pytest.mark.sandbox
def test_one_image_for_all(module: Path):
    out, _ = whit(
        *("build", "./cmd/...", "--together", "-t", "all:1", "--set", "image.start=gamma"),
        cwd=module,
    )
    assert out.startswith("all:1@")
    image = Store.open(open_house().store).find("all:1")
    assert len(image.layers) == len(NAMES) + 1  # /tmp for beta is the layer that they share
    assert b'"/gamma"' in image.config
    for name in NAMES:
        words = () if name == "gamma" else ("--entrypoint", f"/{name}")
        _, said = whit("run", *words, "all:1")
        assert ("true true" if name == "beta" else f"this is {name}") in said
    _, said = whit(
        "build", "./cmd/...", "--together", "--set", "image.start=none", cwd=module, status=1
    )
    assert "no program is called 'none'" in said


def test_names_from_version_control_need_it(module: Path):
    _, said = whit("build", "./cmd/alpha", "-t", "app:{{.Version}}", cwd=module, status=1)
    assert "{{.Version}} is asked for, and it is not known" in said
    _, said = whit("build", "./cmd/alpha", "-t", "app:{{.Wrong}}", cwd=module, status=1)
    assert "{{.Name}}" in said


def test_all_platforms_are_those_that_the_sources_support(tmp_path: Path):
    (tmp_path / "go.mod").write_text("module example.com/only\n\ngo 1.21\n")
    constraint = "//go:build amd64 || arm64\n\n"
    (tmp_path / "main.go").write_text(constraint + "package main\n\nfunc main() {}\n")
    _, said = whit("build", ".", "-t", "only:1", "--platform", "all", cwd=tmp_path)
    assert "left out linux/s390x: every Go file of a package is excluded" in said
    store = Store.open(open_house().store)
    entries = entries_of(store.content(store.digest_of("only:1")).root)
    assert [platform_text(one.platform) for one in entries] == ["linux/amd64", "linux/arm64"]
    store.close()
    _, said = whit("build", ".", "--platform", "linux/arm64,linux/s390x", cwd=tmp_path, status=1)
    assert "error[G002]" in said
    (tmp_path / "main.go").write_text("//go:build plan9\n\npackage main\n\nfunc main() {}\n")
    assert "error[G002]" in whit("build", ".", "--platform", "all", cwd=tmp_path, status=1)[1]
