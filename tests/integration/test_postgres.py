"""A real database behind a password that the program gets from a file, without a shell."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry_case import whit

PASSWORD = "correct-horse-battery"
MAIN = """package main

import (
	"database/sql"
	"fmt"
	"os"

	_ "github.com/lib/pq"
)

func main() {
	db, err := sql.Open("postgres", fmt.Sprintf(
		"host=127.0.0.1 port=%s user=app password='%s' dbname=postgres sslmode=disable",
		os.Getenv("DB_PORT"), os.Getenv("DB_PASSWORD")))
	if err != nil {
		panic(err)
	}
	var user string
	err = db.QueryRow("select current_user").Scan(&user)
	fmt.Println(user, err)
}
"""
SETTINGS = """[entry]
wait = ["tcp://127.0.0.1:${DB_PORT}"]
wait-seconds = 2
[config.DB_PASSWORD]
required = true
secret = true
[config.DB_PORT]
required = true
type = "port"
"""


def tool(name: str) -> str:
    """Debian keeps PostgreSQL's own programs off PATH."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    found = shutil.which(name, path=os.pathsep.join(map(str, places)))
    assert found, name
    return found


@pytest.fixture
def port() -> Iterator[int]:
    """A server on loopback, in a directory of its own, as a user without privileges."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        number: int = free.getsockname()[1]
    user = 65534 if os.geteuid() == 0 else None
    place = Path(tempfile.mkdtemp(prefix="whit-postgres-"))
    if user is not None:
        os.chown(place, user, user)
    (place / "password").write_text(PASSWORD)
    (place / "password").chmod(0o644)
    data = place / "data"
    words = ("-D", data, "-U", "app", "-A", "scram-sha-256", f"--pwfile={place / 'password'}")
    make = [tool("initdb"), *words, "-N", "-E", "UTF8", "--locale=C"]
    subprocess.run(make, user=user, group=user, check=True, capture_output=True, cwd=place)
    serve = [tool("postgres"), "-D", data, "-p", str(number), "-k", place, "-F",
             "-c", "listen_addresses=127.0.0.1"]  # fmt: skip
    with subprocess.Popen(
        serve,
        user=user,
        group=user,
        cwd=place,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as server:
        yield number
        server.terminate()
        server.wait(20)
    shutil.rmtree(place)


@pytest.mark.go
@pytest.mark.sandbox
@pytest.mark.network
@pytest.mark.programs("psql")
def test_the_password_comes_from_a_file_and_the_server_takes_it(tmp_path: Path, port: int):
    (tmp_path / "go.mod").write_text(
        "module example.test/app\n\ngo 1.21\n\nrequire github.com/lib/pq v1.10.9\n"
    )
    (tmp_path / "main.go").write_text(MAIN)
    (tmp_path / "whit.toml").write_text(SETTINGS)
    subprocess.run(["go", "mod", "tidy"], cwd=tmp_path, check=True, capture_output=True)
    (tmp_path / "password").write_text(PASSWORD + "\n")
    (tmp_path / "wrong").write_text("wrong-horse-battery\n")
    whit("build", "-t", "app:1", cwd=tmp_path)
    words = ("run", "-e", f"DB_PORT={port}", "--read-only")
    _, said = whit(*words, "app:1", status=1)
    assert "DB_PASSWORD is required and not set" in said
    out, _ = whit(*words, "--secret", f"id=db_password,src={tmp_path}/password", "app:1")
    assert out == "app <nil>"
    out, _ = whit(*words, "--secret", f"id=db_password,src={tmp_path}/wrong", "app:1")
    assert "password authentication failed" in out
    words = ("run", "-e", "DB_PORT=1", "--secret", f"id=db_password,src={tmp_path}/password")
    _, said = whit(*words, "app:1", status=75)
    assert "entry: tcp://127.0.0.1:${DB_PORT} does not answer" in said
    assert PASSWORD not in said
