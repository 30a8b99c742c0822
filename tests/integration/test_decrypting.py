"""Secrets that lie encrypted on disk: decrypted in memory, and nowhere else."""

import os
import subprocess
from pathlib import Path

import pytest

from registry_case import whit

MAIN = """package main

import (
	"fmt"
	"os"
)

func main() {
	token, err := os.ReadFile("/run/secrets/token")
	fmt.Println(string(token), err == nil, os.Getenv("TOKEN"))
}
"""
VALUE = b"a-decrypted-secret-value"
SOPS = "github.com/getsops/sops/v3/cmd/sops@v3.13.3"
pytestmark = [
    pytest.mark.go, pytest.mark.sandbox, pytest.mark.programs("age", "age-keygen"),
]  # fmt: skip


@pytest.fixture
def public(tmp_path: Path) -> str:
    """A key in `key`, and a program that says what it was given as app:1."""
    (tmp_path / "go.mod").write_text("module example.test/app\n\ngo 1.21\n")
    (tmp_path / "main.go").write_text(MAIN)
    key = tmp_path / "key"
    subprocess.run(["age-keygen", "-o", key], check=True, capture_output=True)
    whit("build", "-t", "app:1", cwd=tmp_path)
    return key.read_text().partition("public key: ")[2].split()[0]


def test_an_age_file_is_decrypted_in_memory(public: str, tmp_path: Path):
    key, sealed = tmp_path / "key", tmp_path / "token.age"
    subprocess.run(["age", "-r", public, "-o", sealed], input=VALUE, check=True)
    words = ("run", "--secret", f"id=token,age={sealed},identity={key}", "app:1")
    out, said = whit(*words)
    assert out == f"{VALUE.decode()} true"
    assert VALUE.decode() not in said
    for place in (os.environ["WHIT_STORE"], os.environ["WHIT_CACHE"]):
        for path in Path(place).rglob("*"):
            assert not path.is_file() or VALUE not in path.read_bytes()
    sealed.write_bytes(sealed.read_bytes()[:-1])
    _, said = whit(*words, status=1)
    assert "age ended with 1" in said
    assert VALUE.decode() not in said


@pytest.mark.parametrize("armor", [(), ("--armor",)])
def test_an_env_file_that_age_sealed(
    public: str, armor: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    sealed = tmp_path / "sealed.env"
    text = b'# sealed\nTOKEN="' + VALUE + b'"\n'
    subprocess.run(["age", *armor, "-r", public, "-o", sealed], input=text, check=True)
    _, said = whit("run", "--env-file", str(sealed), "app:1", status=1)
    assert "set AGE_IDENTITY" in said
    monkeypatch.setenv("AGE_IDENTITY", str(tmp_path / "key"))
    out, _ = whit("run", "--env-file", str(sealed), "app:1")
    assert out == f"false {VALUE.decode()}"


@pytest.mark.corpus
@pytest.mark.network
def test_what_sops_sealed(public: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Files of each kind, whole and by a key; an env file by itself."""
    env = {**os.environ, "GOBIN": str(tmp_path / "bin"), "CGO_ENABLED": "0"}
    subprocess.run(["go", "install", SOPS], env=env, check=True, timeout=1200)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("SOPS_AGE_KEY_FILE", str(tmp_path / "key"))
    value = VALUE.decode()
    files = {
        "a.yaml": (f"db:\n  password: {value}\n  list: [x, {value}]\n", "db.password"),
        "b.yaml": (f"db:\n  list: [x, {value}]\n", "db.list.1"),
        "c.json": (f'{{"db": {{"password": "{value}"}}}}', "db.password"),
        "d.env": (f"PASSWORD={value}\nOTHER=1\n", "PASSWORD"),
        "e.txt": (value, ""),
    }
    for name, (text, key) in files.items():
        (tmp_path / name).write_text(text)
        seal = ["sops", "--encrypt", "--in-place", "--age", public, name]
        subprocess.run(seal, cwd=tmp_path, check=True)
        assert value not in (tmp_path / name).read_text()
        word = f"id=token,sops={name}" + (f",key={key}" if key else "")
        out, _ = whit("run", "--secret", word, "app:1", cwd=tmp_path)
        assert out.strip() == f"{value} true", name
    word = "id=token,sops=a.yaml,key=db.nothing"
    _, said = whit("run", "--secret", word, "app:1", cwd=tmp_path, status=1)
    assert "sops ended with" in said
    (tmp_path / "f.env").write_text(f"TOKEN='{value}'\n")
    seal = ["sops", "--encrypt", "--in-place", "--age", public, "f.env"]
    subprocess.run(seal, cwd=tmp_path, check=True)
    out, said = whit("run", "--env-file", "f.env", "app:1", cwd=tmp_path)
    assert out == f"false {value}"
    assert value not in said
