"""The same without rights: a user of this machine, with and without subordinate ids.

As root the tests become that user; as anybody else they are that user already.
"""

import os
import subprocess
import sys

import msgspec
import pytest

from integration.sandbox_case import Box, environment_for, python_for
from whit.sandbox.host import read_host

pytestmark = [pytest.mark.sandbox, pytest.mark.go]

RUNNER = """
import io, sys
from pathlib import Path
import msgspec
from whit.errors import WhitError
from whit.sandbox.container import run_image
from whit.sandbox.runtime import Capture
from whit.sandbox.spec import RunRequest
from whit.sandbox import host
layer, cache, single, request = sys.argv[1:]
if single == "single":
    host.has_id_mappers = lambda: False
data = Path(layer).read_bytes()
request = msgspec.json.decode(request, type=RunRequest)
try:
    outcome = run_image([lambda: io.BytesIO(data)], request, Path(cache), Capture(1 << 20))
except WhitError as error:
    sys.exit(f"{error.message}: {error.output}")
print(outcome.status, outcome.output.decode())
print("left:", [str(path) for path in (Path(cache) / "run").glob("*")])
"""


class Rootless:
    def __init__(self, box: Box, command: list[str], cache: str, env: dict[str, str]) -> None:
        self.box, self.command, self.cache, self.env = box, command, cache, env
        self.layer = box.place / "layer.tar"
        self.layer.write_bytes(box.layer)

    def run(self, *words: str, single: bool = False, **options: object) -> list[str]:
        request = {"args": (self.box.name, *words), **options}
        text = msgspec.json.encode(request).decode()
        mode = "single" if single else "several"
        done = subprocess.run(
            [*self.command, "-c", RUNNER, str(self.layer), self.cache, mode, text],
            env=self.env,
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        *lines, left = done.stdout.splitlines()
        assert left == "left: []"
        assert self.box.processes() == []
        return lines if len(lines) == 1 else [line for line in lines if line]


@pytest.fixture(scope="module")
def rootless(tmp_path_factory: pytest.TempPathFactory):
    box = Box(tmp_path_factory.mktemp("rootless"))
    if os.geteuid():
        if read_host().has_single_id:
            pytest.skip("this user has no subordinate ids")
        yield Rootless(box, [sys.executable], str(box.cache), dict(os.environ))
        return
    user = "whit-test"
    subprocess.run(["userdel", "--remove", user], capture_output=True, check=False)
    subprocess.run(["useradd", "--create-home", user], check=True)
    command = python_for(user)
    try:
        if not command:
            pytest.skip("another user can reach no Python that has whit")
        for place in (box.place, *box.place.parents):
            if place.owner() == "root" and str(place).startswith("/tmp/"):
                place.chmod(place.stat().st_mode | 0o011)
        yield Rootless(box, command, f"/home/{user}/cache", environment_for(user))
    finally:
        subprocess.run(["userdel", "--remove", user], capture_output=True, check=False)


def test_ids_are_the_images(rootless: Rootless) -> None:
    assert rootless.run("id", user="nonroot")[0].startswith("0 65532 65532 [")
    assert rootless.run("id")[0].startswith("0 0 0 [")
    assert rootless.run("id", user="1000700000:0")[0].startswith("0 1000700000 0")


def test_owners_hold(rootless: Rootless) -> None:
    assert rootless.run("cat", "/home/nonroot/own", user="65532:65532") == ["0 mine"]
    assert rootless.run("cat", "/rootonly", user="65532:65532")[0].startswith("3 ")
    assert rootless.run("cat", "/home/nonroot/own", user="1000:1000")[0].startswith("3 ")
    assert rootless.run("write", "/tmp/x", user="1000700000") == ["0 "]
    assert rootless.run("write", "/home/nonroot/x", user="nonroot") == ["0 "]


def test_networks(rootless: Rootless) -> None:
    for network in ("host", "private", "none"):
        assert rootless.run(network=network) == ["0 hello"]


def test_read_only(rootless: Rootless) -> None:
    assert rootless.run("write", "/tmp/x", read_only=True)[0].startswith("3 ")


def test_with_one_id_everything_is_root_without_capabilities(rootless: Rootless) -> None:
    assert rootless.run("id", user="nonroot", single=True)[0].startswith("0 0 0 [")
    status = rootless.run("cat", "/proc/self/status", user="nonroot", single=True)
    assert "CapEff:\t0000000000000000" in status


def test_status_passes(rootless: Rootless) -> None:
    assert rootless.run("exit", "7", user="65532") == ["7 "]
