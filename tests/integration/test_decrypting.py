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
	fmt.Println(string(token), err)
}
"""
VALUE = b"a-decrypted-secret-value"


@pytest.mark.go
@pytest.mark.sandbox
@pytest.mark.programs("age", "age-keygen")
def test_an_age_file_is_decrypted_in_memory(tmp_path: Path):
    (tmp_path / "go.mod").write_text("module example.test/app\n\ngo 1.21\n")
    (tmp_path / "main.go").write_text(MAIN)
    key, sealed = tmp_path / "key", tmp_path / "token.age"
    subprocess.run(["age-keygen", "-o", key], check=True, capture_output=True)
    public = key.read_text().partition("public key: ")[2].split()[0]
    subprocess.run(["age", "-r", public, "-o", sealed], input=VALUE, check=True)
    whit("build", "-t", "app:1", cwd=tmp_path)
    words = ("run", "--secret", f"id=token,age={sealed},identity={key}", "app:1")
    out, said = whit(*words)
    assert out == f"{VALUE.decode()} <nil>"
    assert VALUE.decode() not in said
    for place in (os.environ["WHIT_STORE"], os.environ["WHIT_CACHE"]):
        for path in Path(place).rglob("*"):
            assert not path.is_file() or VALUE not in path.read_bytes()
    sealed.write_bytes(sealed.read_bytes()[:-1])
    _, said = whit(*words, status=1)
    assert "its command ended with 1" in said
    assert VALUE.decode() not in said
