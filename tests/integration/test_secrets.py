"""Secrets go in and stay out: private modules by a token, values planted and found."""

import base64
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from private_git import USER, Host, make_library, make_program, private_git
from registry_case import whit

TOKEN = "ghx/7Qm2+vTz0LkP9wYd4"
pytestmark = pytest.mark.go


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    library = make_library(tmp_path / "git")
    with private_git(tmp_path / "git", library, TOKEN) as running:
        yield running


@pytest.fixture
def project(tmp_path: Path, host: Host, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program that needs the private module, in an environment without credentials."""
    place = make_program(tmp_path / "app", tmp_path / "git/served/team/lib", monkeypatch)
    (tmp_path / "home/.gitconfig").write_text(host.config)
    (tmp_path / "netrc").write_text(f"machine localhost login {USER} password {TOKEN}\n")
    return place


def test_a_private_module_needs_its_secret_and_leaves_nothing_of_it(
    project: Path, tmp_path: Path, host: Host
):
    whit("build", "-t", "app", cwd=project, status=1)
    assert host.denied
    seen = tmp_path / "seen"
    trace = ["strace", "-f", "-qq", "-s", "100000", "-e", "trace=execve", "-o", str(seen)]
    command = ["whit", "build", "-t", "app", "--secret", "id=netrc,src=../netrc", "--prove-secrets"]
    command[0] = str(Path(os.sys.executable).parent / "whit")
    traced = shutil.which("strace") is not None
    done = subprocess.run(
        [*(trace if traced else []), *command], cwd=project, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    assert b"compiled without them" in done.stderr
    assert b"1 value in none of" in done.stderr
    assert b"2 builds with other secrets gave the same digest" in done.stderr
    assert traced is False or b"git" in seen.read_bytes()
    written = [done.stdout, done.stderr, *everything(tmp_path, besides=tmp_path / "netrc")]
    forms = [TOKEN.encode(), base64.b64encode(f"{USER}:{TOKEN}".encode())]
    assert not [data[:80] for data in written for form in forms if form in data]
    assert len(written) > 30


def everything(place: Path, besides: Path) -> list[bytes]:
    """All bytes of all files below: store, caches, module cache, homes, traces."""
    files = [path for path in place.rglob("*") if path.is_file() and not path.is_symlink()]
    files += [path for name in ("WHIT_STORE", "WHIT_CACHE")
              for path in Path(os.environ[name]).rglob("*") if path.is_file()]  # fmt: skip
    return [path.read_bytes() for path in files if path != besides]


def test_the_words_of_a_failed_fetch_hold_no_secret(project: Path, tmp_path: Path):
    (tmp_path / "netrc").write_text(f"machine localhost login {USER} password wrong-{TOKEN}\n")
    _, said = whit("build", "--secret", "id=netrc,src=../netrc", cwd=project, status=1)
    assert TOKEN not in said


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    place = tmp_path / "plain"
    place.mkdir()
    (place / "go.mod").write_text("module example.test/plain\n\ngo 1.21\n")
    (place / "main.go").write_text(
        'package main\n\nimport _ "embed"\n\n//go:embed key.txt\nvar key string\n\n'
        "var Value string\n\nfunc main() { println(len(key), Value) }\n"
    )
    (place / "key.txt").write_text(TOKEN)
    return place


def test_a_leak_is_refused_by_name_place_and_encoding(plain: Path):
    out, said = whit("build", "-t", "app", "--secret", "id=key,src=key.txt", cwd=plain, status=1)
    assert "error[K001]" in said
    assert "key: sha256:" in said
    assert "/plain at" in said
    assert ": raw" in said
    assert TOKEN not in said
    assert not out
    _, said = whit("images", cwd=plain)
    assert "app" not in said


@pytest.mark.parametrize("form", ["{}", "{:b64}", "{:hex}"])
def test_linker_flags_and_labels_are_searched(plain: Path, form: str):
    (plain / "key.txt").write_text("nothing")
    encoded = {
        "{}": TOKEN,
        "{:b64}": base64.b64encode(b"u:" + TOKEN.encode()).decode(),
        "{:hex}": TOKEN.encode().hex(),
    }[form]
    os.environ["WHIT_TEST_TOKEN"] = TOKEN
    secret = ("--secret", "id=token,env=WHIT_TEST_TOKEN")
    flags = ("--ldflags", f"-X main.Value={encoded}")
    _, said = whit("build", *flags, *secret, cwd=plain, status=1)
    assert "token: sha256:" in said
    _, said = whit("build", "--set", f"image.labels.a={encoded}", *secret, cwd=plain, status=1)
    assert "token: config /config/Labels/a at" in said
    assert TOKEN not in said


def test_other_secrets_give_another_image_where_one_is_mixed_in(plain: Path):
    """A search proves nothing about a word: only a second build can tell."""
    (plain / "key.txt").write_text("password")
    words = ("build", "--prove-secrets", "--secret", "id=key,src=key.txt")
    _, said = whit(*words, cwd=plain, status=1)
    assert "error[K003]" in said
    assert "another image: key" in said
    source = plain / "main.go"
    source.write_text("package main\n\nfunc main() {}\n")
    _, said = whit(*words, cwd=plain)
    assert "gave the same digest" in said


def test_a_word_is_said_not_to_be_provable(plain: Path):
    os.environ["WHIT_TEST_WORD"] = "password"
    _, said = whit("build", "--secret", "id=word,env=WHIT_TEST_WORD", cwd=plain)
    assert "secret word is searched for, but finding none proves nothing" in said
    assert "0 values in none of" in said


def test_credentials_are_known_by_name_and_form(plain: Path, tmp_path: Path):
    (plain / "key.txt").write_text("nothing")
    (plain / "env").write_text("A=1")
    _, said = whit("build", "--set", "files./app/.env=env", cwd=plain, status=1)
    assert "error[K004]" in said
    assert "/app/.env: variables of an environment" in said
    whit(
        "build", "--set", "files./app/.env=env", "--set", "secrets.allow./app/.env=no secrets",
        cwd=plain,
    )  # fmt: skip
    (plain / "key.txt").write_text("glpat" + "-" + "k3Jq9Zx7Lm2Vt5Bw8NpR")
    whit("build", cwd=plain)
    _, said = whit("build", "--to", f"oci:{tmp_path}/out", cwd=plain, status=1)
    assert "a GitLab token: sha256:" in said
    assert not (tmp_path / "out").exists()
    assert "k3Jq9Zx7" not in said


@pytest.mark.parametrize(
    "words", [("--ldflags", "-X main.Token=abc"), ("--set", "image.env.DB_PASSWORD=abc")]
)
def test_names_that_say_secret_take_no_value(plain: Path, words: tuple[str, str]):
    (plain / "key.txt").write_text("nothing")
    _, said = whit("build", *words, cwd=plain, status=1)
    assert "error[K005]" in said
    whit("build", *words, "--set", "secrets.allow.main.Token=a test",
         "--set", "secrets.allow.DB_PASSWORD=a test", cwd=plain)  # fmt: skip


def test_flags_of_the_environment_are_looked_at_too(plain: Path, monkeypatch: pytest.MonkeyPatch):
    (plain / "key.txt").write_text("nothing")
    monkeypatch.setenv("GOFLAGS", "-mod=mod '-ldflags=-X main.apiToken=abc -X=main.Version=1'")
    _, said = whit("build", cwd=plain, status=1)
    assert "error[K005]: -ldflags -X main.apiToken has a value" in said
    whit("build", "--set", "secrets.allow.main.apiToken=a test", cwd=plain)
