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
USER, LONE = "whit-build", "whit-lone"
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


FILES_OF_ROOT = """FROM alpine AS make
WORKDIR /w
COPY one .
RUN id -u >/w/id && rm /bin/vi
RUN --mount=type=cache,target=/c echo 1 >/c/x
FROM scratch
COPY --from=make /w /w
USER 65532
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


class Lone:
    """A user without subordinate ids, with a store of his."""

    def __init__(self, command: list[str]) -> None:
        self.command, self.home = command, Path(f"/home/{LONE}")
        root = self.home / "alpine"
        bases.make_alpine(root)
        store = Store.open(self.home / "store")
        bases.add_image(store, root, bases.alpine_config(), "alpine:latest")
        store.close()
        (self.home / "ctx").mkdir()
        (self.home / "ctx/one").write_text("1")
        subprocess.run(["chown", "-R", f"{LONE}:{LONE}", str(self.home)], check=True)

    def build(self, dockerfile: str, *before: str) -> "subprocess.CompletedProcess[str]":
        (self.home / "ctx/Dockerfile").write_text(dockerfile)
        places = {"WHIT_STORE": str(self.home / "store"), "WHIT_CACHE": str(self.home / "cache")}
        return subprocess.run(
            [*before, *self.command, "-m", "whit.cli.entry", "build", "-f",
             str(self.home / "ctx/Dockerfile"), str(self.home / "ctx")],
            text=True, capture_output=True, check=False, env=environment_for(LONE) | places,
        )  # fmt: skip


@pytest.fixture(scope="module")
def lone():
    if os.geteuid():
        pytest.skip("only root can make users")
    subprocess.run(["userdel", "--remove", LONE], capture_output=True, check=False)
    without = ("-K", "SUB_UID_COUNT=0", "-K", "SUB_GID_COUNT=0")
    subprocess.run(["useradd", "--create-home", *without, LONE], check=True)
    try:
        command = python_for(LONE)
        if not command:
            pytest.skip("another user can reach no Python that has whit")
        yield Lone(command)
    finally:
        subprocess.run(["userdel", "--remove", LONE], capture_output=True, check=False)


def test_a_user_without_ids_builds_what_is_roots(lone: Lone) -> None:
    done = lone.build(FILES_OF_ROOT)
    assert done.returncode == 0, done.stderr
    assert "warning: this user has no subordinate ids" in done.stderr
    store = Store.open(lone.home / "store")
    try:
        image = store.find(done.stdout.strip())
        assert len(image.layers) == 1
    finally:
        store.close()
    assert not list((lone.home / "cache/run").glob("*"))


@pytest.mark.parametrize(
    ("dockerfile", "what"),
    [
        ("FROM alpine\nCOPY --chown=1000:1000 one /one\n", "files that belong to others"),
        ("FROM alpine\nUSER app\nRUN id\n", "steps of the user app"),
    ],
)
def test_what_needs_more_ids_says_so(lone: Lone, dockerfile: str, what: str) -> None:
    done = lone.build(dockerfile)
    assert done.returncode == 4
    assert f"error[S003]: {what} need subordinate ids" in done.stderr
    assert "usermod --add-subuids" in done.stderr


def test_an_unreadable_file_is_named(lone: Lone) -> None:
    (lone.home / "ctx/one").chmod(0)
    (lone.home / "ctx/two").write_text("root's")
    (lone.home / "ctx/two").chmod(0o600)
    done = lone.build("FROM scratch\nCOPY two /\n")
    assert done.returncode == 1
    assert f"cannot read {lone.home}/ctx/two: Permission denied" in done.stderr
    (lone.home / "ctx/one").chmod(0o644)


def test_where_namespaces_are_refused_the_user_hears_it(lone: Lone, tmp_path: Path) -> None:
    # Whoever has another root than his mount namespace may not make a user namespace.
    script = f'mount --rbind / {tmp_path} && exec chroot {tmp_path} "$@"'
    done = lone.build(FILES_OF_ROOT, "unshare", "--mount", "sh", "-c", script, "sh")
    assert done.returncode == 4
    assert "this user may not make user namespaces" in done.stderr
    assert "whit doctor" in done.stderr


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
