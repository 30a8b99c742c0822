"""ADD of repositories and downloads from servers that run here, ONBUILD, several platforms, and
contexts that are images: built by the command line.
"""

import base64
import functools
import gzip
import hashlib
import http.server
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.test_dockerfile_build import Yard, context, write, yard
from private_git import git, make_library, private_git
from whit.oci.documents import Config, decode

__all__ = ["context", "yard"]

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.busybox,
    pytest.mark.skipif(os.geteuid() != 0, reason="the yard is root's"),
]
COMMITTED = 1767225600  # 2026-01-01, as private_git commits


class Repository:
    """A repository with a daemon before it. `head` is its commit."""

    def __init__(self, work: Path, url: str) -> None:
        self.work, self.url = work, url

    def head(self, name: str = "HEAD") -> str:
        done = subprocess.run(
            ["git", "rev-parse", name], cwd=self.work, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def commit(self, **files: str) -> str:
        for name, text in files.items():
            path = self.work / name.replace("__", "/").replace("_DOT_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        git("add", ".", cwd=self.work)
        git("commit", "-q", "-m", "more", cwd=self.work)
        return self.head()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    place = tmp_path_factory.mktemp("git")
    work = place / "app"
    work.mkdir()
    git("init", "-q", "-b", "main", cwd=work)
    port = free_port()
    repository = Repository(work, f"git://127.0.0.1:{port}/app")
    repository.commit(a_DOT_txt="one", cmd__tool__t_DOT_txt="tool")
    (work / "run.sh").write_text("#!/bin/sh\n")
    (work / "run.sh").chmod(0o755)
    (work / "link").symlink_to("a.txt")
    repository.commit()
    git("tag", "-a", "-m", "a tag", "v1", cwd=work)
    daemon = subprocess.Popen(
        ["git", "-c", "safe.directory=*", "daemon", "--export-all", "--reuseaddr",
         "--listen=127.0.0.1", f"--port={port}", f"--base-path={place}", str(place)],
        stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    for _ in range(100):
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    try:
        yield repository
    finally:
        os.killpg(daemon.pid, 15)
        daemon.wait()


def test_a_repository_gives_its_files_without_git(
    yard: Yard, context: Path, repository: Repository
) -> None:
    write(context, f"FROM scratch\nADD {repository.url} /src\n")
    yard.build(context)
    found = yard.layer()
    assert set(found) == {
        "src", "src/a.txt", "src/cmd", "src/cmd/tool", "src/cmd/tool/t.txt", "src/link",
        "src/run.sh",
    }  # fmt: skip
    assert found["src/run.sh"].mode == 0o755
    assert found["src/a.txt"].mode == 0o644
    assert found["src/link"].linkname == "a.txt"
    assert (found["src/a.txt"].uid, found["src/a.txt"].mtime) == (0, COMMITTED)


def test_names_subdirectories_and_owners(yard: Yard, context: Path, repository: Repository) -> None:
    old = repository.head()
    git("checkout", "-q", "-b", "next", cwd=repository.work)
    new = repository.commit(a_DOT_txt="two two")
    url = repository.url
    write(
        context,
        f"FROM scratch\nADD --chown=7:8 {url}#v1:cmd/tool /tag/\nADD {url}?branch=next /branch\n"
        f"ADD {url}#{old} /commit\nADD {url}?ref=main&subdir=cmd /sub\n",
    )
    yard.build(context)
    assert set(yard.layer(0)) == {"tag", "tag/t.txt"}
    assert yard.layer(0)["tag/t.txt"].uid == 7
    assert yard.layer(1)["branch/a.txt"].size == 7
    assert yard.layer(2)["commit/a.txt"].size == 3
    assert set(yard.layer(3)) == {"sub", "sub/tool", "sub/tool/t.txt"}
    assert new != old


def test_a_branch_that_moved_is_fetched_again_and_a_commit_needs_no_network(
    yard: Yard, context: Path, repository: Repository
) -> None:
    write(context, f"FROM scratch\nADD {repository.url}#main /src\n")
    yard.build(context)
    first = yard.image().manifest_digest
    assert "cached" in yard.build(context)
    commit = repository.commit(a_DOT_txt="moved on")
    yard.build(context)
    assert yard.image().manifest_digest != first
    assert "--offline forbids" in yard.build(context, "--offline", status=3)
    write(context, f"FROM scratch\nADD {repository.url}#{commit} /src\n")
    yard.build(context)
    yard.build(context, "--offline")


def test_the_checksum_is_the_commit(yard: Yard, context: Path, repository: Repository) -> None:
    commit = repository.head()
    write(context, f"FROM scratch\nADD --checksum={commit[:12]} {repository.url}#main /src\n")
    yard.build(context)
    repository.commit(a_DOT_txt="somebody else's")
    said = yard.build(context, status=3)
    assert f"--checksum says {commit[:12]}" in said
    write(context, f"FROM scratch\nADD --checksum=sha256:00 {repository.url} /src\n")
    assert "is no commit" in yard.build(context, status=1)


def test_git_is_kept_when_asked_for(yard: Yard, context: Path, repository: Repository) -> None:
    write(context, f"FROM scratch\nADD --keep-git-dir=true {repository.url} /src\n")
    yard.build(context)
    found = yard.layer()
    assert "src/.git/HEAD" in found
    assert "src/.git/FETCH_HEAD" not in found


def test_copy_takes_no_repository_and_a_missing_directory_is_named(
    yard: Yard, context: Path, repository: Repository
) -> None:
    write(context, f"FROM scratch\nCOPY {repository.url} /src\n")
    assert "COPY takes no URL and no repository" in yard.build(context, status=1)
    write(context, f"FROM scratch\nADD {repository.url}#main:nowhere /src\n")
    assert "the repository has no directory nowhere" in yard.build(context, status=1)
    write(context, f"FROM scratch\nADD {repository.url}#nothing /src\n")
    assert "has no branch or tag nothing" in yard.build(context, status=3)


def test_a_private_repository_takes_a_secret_that_stays_out(
    yard: Yard, context: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    token = "a-token-that-nobody-guesses-1f8e"
    place = tmp_path_factory.mktemp("private")
    with private_git(place, make_library(place), token) as host:
        (place / "served/team/lib.git").symlink_to("lib")
        write(context, f"FROM scratch\nADD {host.url}team/lib.git#v1.0.0 /src\n")
        secret = place / "header"
        pair = base64.b64encode(f"robot:{token}".encode()).decode()
        secret.write_text(f"Basic {pair}")
        yard.env["GIT_SSL_CAINFO"] = str(host.authority)
        try:
            assert "cannot be fetched" in yard.build(context, status=3)
            said = yard.build(context, "--secret", f"id=GIT_AUTH_HEADER,src={secret}")
        finally:
            del yard.env["GIT_SSL_CAINFO"]
    assert set(yard.layer()) == {"src", "src/go.mod", "src/lib.go"}
    assert pair not in said


# ---- downloads ------------------------------------------------------------------------------


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    place = tmp_path_factory.mktemp("served")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(place))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as one:
        thread = threading.Thread(target=one.serve_forever, daemon=True)
        thread.start()
        yield place, f"http://127.0.0.1:{one.server_port}"
        one.shutdown()


def test_a_download_has_dockers_mode_time_and_name(
    yard: Yard, context: Path, server: tuple[Path, str]
) -> None:
    place, url = server
    (place / "tool.bin").write_text("tool")
    os.utime(place / "tool.bin", (1700000000, 1700000000))
    (place / "a b.gz").write_bytes(gzip.compress(b"text"))
    write(
        context,
        f"FROM scratch\nADD {url}/tool.bin /bin/\nADD --chmod=755 {url}/tool.bin?x=1 /bin/named\n"
        f"ADD {url}/a%20b.gz /\n",
    )
    yard.build(context)
    entry = yard.layer(0)["bin/tool.bin"]
    assert (entry.mode, entry.mtime, entry.uid) == (0o600, 1700000000, 0)
    assert yard.layer(1)["bin/named"].mode == 0o755
    assert set(yard.layer(2)) == {"a b.gz"}


def test_a_download_is_checked_and_unpacked_when_asked(
    yard: Yard, context: Path, server: tuple[Path, str]
) -> None:
    place, url = server
    (place / "in").mkdir()
    (place / "in/f").write_text("file")
    subprocess.run(["tar", "-czf", "in.tgz", "in"], cwd=place, check=True)
    digest = hashlib.sha256((place / "in.tgz").read_bytes()).hexdigest()
    write(
        context,
        f"FROM scratch\nADD {url}/in.tgz /as-is\n"
        f"ADD --unpack=true --checksum=sha256:{digest} {url}/in.tgz /out\n",
    )
    yard.build(context)
    assert set(yard.layer(0)) == {"as-is"}
    assert set(yard.layer(1)) == {"out", "out/in", "out/in/f"}
    write(context, f"FROM scratch\nADD --checksum=sha256:{'0' * 64} {url}/in.tgz /out\n")
    assert f"has the digest sha256:{digest}" in yard.build(context, status=3)
    write(context, f"FROM scratch\nADD {url}/nowhere /out\n")
    assert "answered 404" in yard.build(context, status=3)


# ---- triggers, platforms, contexts ----------------------------------------------------------


def test_triggers_run_in_the_child_and_not_in_its_children(yard: Yard, context: Path) -> None:
    write(
        context,
        "FROM alpine AS parent\nONBUILD COPY here /there\nONBUILD RUN echo triggered > /ran\n"
        "RUN test ! -e /ran\n",
        here="data",
    )
    yard.build(context, "-t", "parent:1")
    assert len(yard.config().config.on_build or ()) == 2
    write(context, "FROM parent:1 AS child\nRUN cat /ran /there > /both\n", here="data")
    yard.build(context, "-t", "child:1")
    assert not yard.config().config.on_build
    assert yard.layer()["both"].size == len("triggered\ndata")
    assert [h.created_by for h in yard.config().history][-3:] == [
        "COPY here /there # buildkit",
        "RUN /bin/sh -c echo triggered > /ran # buildkit",
        "RUN /bin/sh -c cat /ran /there > /both # buildkit",
    ]
    write(context, "FROM child:1\nRUN rm /ran && ls / > /list\n", here="data")
    yard.build(context)
    assert set(yard.layer()) == {".wh.ran", "list"}


def test_two_platforms_make_one_index(yard: Yard, context: Path) -> None:
    write(
        context,
        "FROM --platform=$BUILDPLATFORM alpine AS build\nARG TARGETARCH\n"
        "RUN echo $TARGETARCH > /arch\n"
        "FROM scratch\nCOPY --from=build /arch /arch\n",
    )
    out = context / "layout"
    yard.build(context, "--platform", "linux/amd64,linux/arm64", "--to", f"oci:{out}")
    found = subprocess.run(
        ["skopeo", "inspect", "--raw", f"oci:{out}"], capture_output=True, text=True, check=True
    )
    assert '"architecture":"arm64"' in found.stdout.replace(" ", "")
    texts = {}
    for arch in ("amd64", "arm64"):
        target = context / f"unpacked-{arch}"
        subprocess.run(
            ["skopeo", "copy", "-q", f"--override-arch={arch}", f"oci:{out}", f"oci:{target}:x"],
            check=True,
        )
        subprocess.run(
            ["umoci", "raw", "unpack", "--image", f"{target}:x", str(context / arch)], check=True
        )
        texts[arch] = (context / arch / "arch").read_text().strip()
    assert texts == {"amd64": "amd64", "arm64": "arm64"}


def test_layouts_directories_and_images_as_contexts(yard: Yard, context: Path) -> None:
    base = context / "base"
    base.mkdir()
    write(base, 'FROM scratch\nCOPY f /from-layout\nLABEL made="here"\n', f="layout")
    out = context / "layout"
    yard.build(base, "--to", f"oci:{out}")
    digest = yard.image().manifest_digest
    extra = context / "extra"
    extra.mkdir()
    (extra / "kept").write_text("kept")
    (extra / "hidden").write_text("hidden")
    (extra / ".dockerignore").write_text("hidden\n")
    (context / "work").mkdir()
    write(
        context / "work",
        "FROM one\nCOPY --from=two /from-layout /again\nCOPY --from=three . /extra\n"
        "COPY --from=four /etc/os-release /os\n",
    )
    yard.build(
        context / "work",
        *("--build-context", f"one=oci-layout://{out}"),
        *("--build-context", f"two=oci-layout://{out}@{digest}"),
        *("--build-context", f"three={extra}"),
        *("--build-context", "four=docker-image://alpine"),
    )
    config = decode(Config, yard.image().config, "config")
    assert config.config.labels == {"made": "here"}
    assert [set(yard.layer(n)) for n in range(4)] == [
        {"from-layout"}, {"again"}, {"extra", "extra/.dockerignore", "extra/kept"}, {"os"},
    ]  # fmt: skip
