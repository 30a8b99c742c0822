"""`whit build --base`: what a program stands on, what that gives it, and what is refused."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from debian_case import NOW, Repository, entry, tree_of
from integration.bases_case import add_image, busybox
from registry_case import images, registry, whit
from whit.build.base.shell import shell_directory
from whit.build.call import request_of
from whit.build.house import open_house
from whit.layer.read import read_layer
from whit.model.image import Image
from whit.model.names import Platform
from whit.model.tree import Dir
from whit.oci.documents import Config, Manifest, RunDocument, decode
from whit.store.blobs import Store

HELLO = Path(__file__).parents[2] / "examples" / "hello"
C_PROGRAM = '#include <stdio.h>\nint main(void) { puts("from C"); return 0; }\n'


def find(reference: str) -> tuple[Store, Image, RunDocument]:
    store = Store.open(open_house().store)
    image = store.find(reference.partition("@")[2])
    run = decode(Config, image.config, "config").config
    assert run is not None
    return store, image, run


def compiled(place: Path) -> Path:
    (place / "main.c").write_text(C_PROGRAM)
    subprocess.run(["gcc", "-o", "app", "main.c"], cwd=place, check=True)
    return place / "app"


def glibc_root(root: Path, *, without: str = "") -> None:
    """The files that `app` loads on this host, at the same paths."""
    told = subprocess.run(["ldd", "/bin/true"], capture_output=True, text=True, check=True).stdout
    for word in told.split():
        if word.startswith("/") and word != without:
            target = root / word[1:]
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(word, target)


# ---- bases of packages --------------------------------------------------------------------------


@pytest.mark.go
@pytest.mark.sandbox
def test_a_go_program_on_a_base_of_packages(project: Path, monkeypatch: pytest.MonkeyPatch):
    shutil.copytree(HELLO, project, dirs_exist_ok=True)
    out, _ = whit("build", "--base", "static", "--smoke", "", cwd=project)
    _, image, run = find(out)
    base, program = image.layers
    assert (base.file_count > 10, program.file_count) == (True, 1)
    assert "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt" in run.env
    assert run.user == "65532:65532"
    assert '[debian."debian12/amd64/static".packages]' in (project / "whit.lock").read_text()
    monkeypatch.setenv("WHIT_BASE_MIRROR", "/nowhere")
    same, _ = whit("build", "--base", "static", "--offline", cwd=project)
    assert same == out


@pytest.mark.go
def test_the_base_is_named_in_the_manifest(project: Path):
    shutil.copytree(HELLO, project, dirs_exist_ok=True)
    based, _ = whit("base", "static", "--variant", "nonroot", cwd=project)
    out, _ = whit("build", "--base", "static:nonroot", cwd=project)
    _, image, run = find(out)
    said = decode(Manifest, image.manifest, "manifest").annotations
    assert said["org.opencontainers.image.base.name"] == "static:nonroot"
    assert said["org.opencontainers.image.base.digest"] == based.partition("@")[2]
    assert (run.user, run.working_dir) == ("65532", "/home/nonroot")


@pytest.mark.gcc
def test_a_program_whose_libraries_the_base_lacks_is_refused(project: Path):
    compiled(project)
    _, said = whit("build", "./app", "--base", "static", cwd=project, status=1)
    assert "error[A009]: the program cannot run on static, which lacks:" in said
    assert "N070" in said
    assert "libc.so.6" in said


@pytest.mark.go
@pytest.mark.sandbox
@pytest.mark.skipif(os.geteuid() != 0, reason="Dockerfiles of root")
def test_a_dockerfile_takes_a_base_of_packages_for_another(project: Path):
    name = "gcr.example/distroless/static-debian11"
    (project / "Dockerfile").write_text(
        f"FROM {name}\nCOPY Dockerfile /app/\nFROM small\nCOPY --from=0 /etc/services /\n"
    )
    out, _ = whit(
        "build", "-f", "Dockerfile", ".", "--build-context", f"{name}=whit-base:static",
        "--build-context", "small=whit-base:static-debian12:nonroot", cwd=project,
    )  # fmt: skip
    _, image, run = find(out)
    assert run.user == "65532"
    assert len(image.layers) == 2
    _, said = whit("build", "-f", "Dockerfile", ".", "--build-context", f"{name}=whit-base:huge",
                   cwd=project, status=1)  # fmt: skip
    assert "whit-base:huge: there is no such base" in said


# ---- images -------------------------------------------------------------------------------------


@pytest.fixture
def store() -> Store:
    return Store.open(open_house().store)


@pytest.mark.gcc
@pytest.mark.sandbox
def test_an_image_gives_what_it_has_and_keeps_its_layers(tmp_path: Path, store: Store):
    root = tmp_path / "root"
    glibc_root(root)
    (root / "etc/app").mkdir(parents=True)
    (root / "etc/app").chmod(0o750)
    labels = {"org.opencontainers.image.title": "theirs", "team": "ours"}
    config = RunDocument(
        env=("MODE=base", "KEPT=yes"), user="1000", working_dir="/etc", cmd=("/bin/sh",),
        labels=labels, stop_signal="SIGINT",
    )  # fmt: skip
    base = add_image(store, root, config, "ground:1")
    place = tmp_path / "project"
    place.mkdir()
    compiled(place)
    (place / "app.conf").write_text("configured\n")
    (place / "whit.toml").write_text(
        '[image]\nbase = "ground:1"\n[image.env]\nMODE = "own"\n'
        '[files]\n"/etc/app/app.conf" = "app.conf"\n'
    )
    out, _ = whit("build", "./app", "--smoke", "", cwd=place)
    _, image, run = find(out)
    assert image.layers[0].digest == base.layers[0].digest
    assert (run.user, run.working_dir) == ("1000", "/etc")
    assert set(run.env) == {"MODE=own", "KEPT=yes"}
    assert (run.entrypoint, run.cmd, run.stop_signal) == (("/app",), None, "")
    assert run.labels == {"team": "ours"}
    with store.open_blob(image.layers[1].digest) as stream:
        nodes = read_layer(stream).tree.as_dict()
    assert set(nodes) == {"/etc", "/etc/app", "/etc/app/app.conf"}
    assert nodes["/etc/app"] == Dir(0o750, os.getuid(), os.getgid())
    document = json.loads(whit("plan", "./app", "--json", cwd=place)[0])
    libc = next(e for e in document["entries"] if e["path"].endswith("/libc.so.6"))
    assert libc["provider"] == "base"


@pytest.mark.gcc
def test_what_is_missing_in_an_image_is_named(tmp_path: Path, store: Store):
    root = tmp_path / "root"
    told = subprocess.run(["ldd", "/bin/true"], capture_output=True, text=True, check=True).stdout
    libc = next(word for word in told.split() if word.endswith("/libc.so.6"))
    glibc_root(root, without=libc)
    add_image(store, root, RunDocument(), "ground:1")
    compiled(tmp_path)
    _, said = whit("build", "./app", "--base", "ground:1", cwd=tmp_path, status=1)
    assert "error[A009]" in said
    assert "library libc.so.6" in said


@pytest.mark.go
def test_a_base_for_another_machine_is_refused(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
):
    root = tmp_path / "root"
    root.mkdir()
    (root / "file").write_text("x")
    add_image(store, root, RunDocument(), "ground:1")
    shutil.copytree(HELLO, tmp_path / "hello")
    _, said = whit("build", "--base", "ground:1", "--platform", "linux/arm64",
                   cwd=tmp_path / "hello", status=1)  # fmt: skip
    assert "error[A009]: ground:1 is an image for linux/amd64" in said


@pytest.mark.go
def test_a_user_is_named_as_the_base_or_whit_knows_it(tmp_path: Path, store: Store):
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc/passwd").write_text("postgres:x:70:71:::/bin/false\nroot:x:0:0::/root:/bin/sh\n")
    add_image(store, root, RunDocument(), "ground:1")
    shutil.copytree(HELLO, tmp_path / "hello")
    for base, user, number in (
        ("ground:1", "postgres", "70:71"), ("ground:1", "nonroot", "65532:65532"),
        ("auto", "root", "0:0"),
    ):  # fmt: skip
        out, _ = whit("build", "--base", base, "--user", user, cwd=tmp_path / "hello")
        assert find(out)[2].user == number
    _, said = whit("build", "--user", "postgres", cwd=tmp_path / "hello", status=1)
    assert "'postgres' is no user that the image would know" in said


@pytest.mark.go
@pytest.mark.registry
def test_a_base_of_a_registry_is_locked_by_its_digest(project: Path, tmp_path: Path, store: Store):
    shutil.copytree(HELLO, project, dirs_exist_ok=True)
    first, _ = images(store)
    with registry(tmp_path / "registry") as there:
        name = f"{there.host}/ground:1"
        whit("copy", "multi:1", name)
        out, _ = whit("build", "--base", name, cwd=project)
        assert f'"linux/amd64" = "{first.manifest_digest}"' in (project / "whit.lock").read_text()
        (tmp_path / "other").mkdir()
        add_image(store, tmp_path / "other", RunDocument(), "other:1")
        whit("copy", "other:1", name)
        assert whit("build", "--base", name, cwd=project)[0] == out
    assert whit("build", "--base", name, "--offline", cwd=project)[0] == out


@pytest.mark.go
@pytest.mark.parametrize("place", ["oci:layout", "oci-archive:base.tar", "docker-archive:base.tar"])
def test_a_base_in_a_file_is_locked_by_its_digest(tmp_path: Path, store: Store, place: str):
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
        add_image(store, tmp_path / name, RunDocument(), f"{name}:1")
    shutil.copytree(HELLO, tmp_path / "hello")
    here = tmp_path / "hello"
    words = ("build", "--base", place)
    whit("copy", "first:1", place, cwd=here)
    _, said = whit(*words, "--frozen", cwd=here, status=1)
    assert "error[C007]" in said
    out, _ = whit(*words, cwd=here)
    whit("lock", "--update", cwd=here)
    assert f'[base."{place}"]' in (here / "whit.lock").read_text()
    assert whit(*words, "--frozen", cwd=here)[0] == out
    for path in ("layout", "base.tar"):
        shutil.rmtree(here / path, ignore_errors=True)
        (here / path).unlink(missing_ok=True)
    whit("copy", "second:1", place, cwd=here)
    _, said = whit(*words, "--frozen", cwd=here, status=1)
    assert f"error[C007]: --frozen: {place} for linux/amd64 is sha256:" in said
    other, said = whit(*words, cwd=here)
    assert f"warning: {place} is another image than before" in said
    assert other != out
    assert whit(*words, "--frozen", cwd=here)[0] == other


@pytest.mark.gcc
def test_a_symbol_that_the_base_lacks_is_named(tmp_path: Path, store: Store):
    glibc_root(tmp_path / "root")
    add_image(store, tmp_path / "root", RunDocument(), "ground:1")
    app = compiled(tmp_path)
    app.write_bytes(app.read_bytes().replace(b"GLIBC_2.34\0", b"GLIBC_2.99\0"))
    _, said = whit("build", "./app", "--base", "ground:1", cwd=tmp_path, status=1)
    assert "error[A009]: the program cannot run on ground:1, which lacks:" in said
    assert "library GLIBC_2.99 of libc.so.6 (__libc_start_main)" in said


# ---- shells -------------------------------------------------------------------------------------


@pytest.mark.go
@pytest.mark.sandbox
@pytest.mark.busybox
def test_a_shell_in_an_image_that_has_none(tmp_path: Path):
    shutil.copytree(HELLO, tmp_path / "hello")
    out, _ = whit("build", "-t", "app:1", cwd=tmp_path / "hello")
    said, _ = whit("shell", "app:1", "-c", "ls /; id -u; touch /new 2>&1 || echo refused")
    lines = said.split()
    assert "hello" in lines
    assert lines[-1] == "refused"
    assert "65532" in lines
    assert whit("shell", "--user", "0", "app:1", "-c", "echo > /new; ls /new; exit 3",
                status=3)[0] == "/new"  # fmt: skip
    after, _ = whit("build", "-t", "app:1", cwd=tmp_path / "hello")
    assert after == out


@pytest.mark.busybox
def test_a_shell_of_debians_package_where_this_host_has_none(
    repository: Repository, project: Path, store: Store, monkeypatch: pytest.MonkeyPatch
):
    program = Path(busybox()).read_bytes()
    repository.add("busybox-static", "1.35", entry("./bin/busybox", program, mode=0o755))
    repository.publish(NOW)
    monkeypatch.setenv("PATH", "/nowhere")
    words = Platform("linux", "amd64"), request_of("", {}, directory=project), open_house(), store
    place = Path(shell_directory(*words))
    said = subprocess.run([place / "sh", "-c", "echo works"], capture_output=True, check=True)
    assert said.stdout == b"works\n"
    # Found again without a mirror.
    shutil.rmtree(repository.place)
    assert Path(shell_directory(*words)) == place


@pytest.mark.busybox
@pytest.mark.sandbox
def test_a_debug_base_has_its_shell_baked_in(repository: Repository, project: Path):
    program = Path(busybox()).read_bytes()
    repository.add("busybox-static", "1.35", entry("./bin/busybox", program, mode=0o755))
    repository.publish(NOW)
    out, _ = whit("base", "static", "--variant", "debug-nonroot", cwd=project)
    nodes, config = tree_of(out)
    assert config.config.entrypoint == ("/busybox/sh",)
    assert nodes["/busybox/sh"].target == "busybox"
    assert "/bin/busybox" not in nodes
    said, _ = whit("run", out.partition("@")[2], "-c", "id -u; cat /etc/services")
    assert said.split() == ["65532", "http", "80/tcp"]
