"""A Dockerfile built by a user without rights, in a user namespace of subordinate ids."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from integration import bases_case as bases
from integration.sandbox_case import environment_for, python_for
from whit.sandbox.host import read_host
from whit.store.blobs import Store

pytestmark = [pytest.mark.sandbox, pytest.mark.busybox]
USER = "whit-build"
DOCKERFILE = """FROM alpine AS make
WORKDIR /w
RUN id -u >/w/id && chown app:app /w/id && rm /bin/vi
USER app
RUN touch /tmp/x && ! touch /w/denied
RUN --mount=type=secret,id=key,uid=1000 test "$(cat /run/secrets/key)" = topsecret
FROM alpine
COPY --from=make /w /w
RUN test "$(stat -c %u:%g /w/id)" = 1000:1001 && echo "owner kept, $(cat /w/id) inside"
"""


@pytest.fixture(scope="module")
def builder(tmp_path_factory: pytest.TempPathFactory):
    """The command and environment of a user, and a directory of his."""
    if os.geteuid():
        if read_host().has_single_id:
            pytest.skip("this user has no subordinate ids")
        place = tmp_path_factory.mktemp("rootless")
        yield [sys.executable], dict(os.environ), place
        return
    subprocess.run(["userdel", "--remove", USER], capture_output=True, check=False)
    subprocess.run(["useradd", "--create-home", USER], check=True)
    try:
        command = python_for(USER)
        if not command:
            pytest.skip("another user can reach no Python that has whit")
        yield command, environment_for(USER), Path(f"/home/{USER}")
    finally:
        subprocess.run(["userdel", "--remove", USER], capture_output=True, check=False)


def test_a_user_builds_as_root_does(
    builder: tuple[list[str], dict[str, str], Path], tmp_path: Path
) -> None:
    command, env, home = builder
    root = tmp_path / "alpine"
    bases.make_alpine(root)
    store = Store.open(home / "store")
    bases.add_image(store, root, bases.alpine_config(), "alpine:latest")
    store.close()
    (home / "ctx").mkdir()
    (home / "ctx/Dockerfile").write_text(DOCKERFILE)
    (home / "key").write_text("topsecret")
    if not os.geteuid():
        subprocess.run(["chown", "-R", f"{USER}:{USER}", str(home)], check=True)
    done = subprocess.run(
        [*command, "-m", "whit.cli.entry", "build", "-f", "Dockerfile", ".",
         "--secret", f"id=key,src={home / 'key'}"],
        cwd=home / "ctx", text=True, capture_output=True, check=False,
        env=env | {"WHIT_STORE": str(home / "store"), "WHIT_CACHE": str(home / "cache")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "owner kept, 0 inside" in done.stderr
    assert done.stdout.startswith("ctx:latest@sha256:")
    assert not list((home / "cache/run").glob("*"))
