"""Bad input to builds of Dockerfiles: bases, contexts and steps that mean harm, full disks, and
ends at any moment. Whatever happens, nothing outside changes and the next build is right.
"""

import gzip
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from integration.test_dockerfile_build import Yard, context, write, yard
from layer_samples import member, tar_of
from whit.model.names import digest_of

__all__ = ["context", "yard"]

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.busybox,
    pytest.mark.skipif(os.geteuid() != 0, reason="the yard is root's"),
]
LINK, HARD = tarfile.SYMTYPE, tarfile.LNKTYPE
OUTSIDE = "OUTSIDE"  # stands for a directory that no build may change


def write_layout(place: Path, layers: list[bytes]) -> None:
    """An OCI layout of gzipped layers as nobody honest would write it."""
    (place / "blobs/sha256").mkdir(parents=True)

    def put(kind: str, data: bytes) -> dict[str, object]:
        digest = digest_of(data)
        (place / "blobs" / digest.replace(":", "/")).write_bytes(data)
        return {"mediaType": kind, "digest": digest, "size": len(data)}

    kind = "application/vnd.oci.image"
    config = {
        "architecture": "amd64", "os": "linux", "config": {},
        "rootfs": {"type": "layers", "diff_ids": [digest_of(layer) for layer in layers]},
    }  # fmt: skip
    manifest = {
        "schemaVersion": 2,
        "config": put(f"{kind}.config.v1+json", json.dumps(config).encode()),
        "layers": [put(f"{kind}.layer.v1.tar+gzip", gzip.compress(layer)) for layer in layers],
    }
    root = put(f"{kind}.manifest.v1+json", json.dumps(manifest).encode())
    (place / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [root]}))
    (place / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Path]:
    """Must be as it was afterwards."""
    place = tmp_path / "outside"
    place.mkdir()
    (place / "kept").write_text("kept")
    yield place
    assert [path.name for path in place.iterdir()] == ["kept"]
    assert (place / "kept").read_text() == "kept"


# Layers, and the code of the error; "" for those that are harmless once they stay inside.
BASES = {
    "an absolute path": ([[("/abs", b"x")]], ""),
    "a path with dots": ([[(f"../../../../../../..{OUTSIDE}/x", b"x")]], "L005"),
    "a link out, and a file through it": ([[("d", LINK, OUTSIDE), ("d/x", b"x")]], ""),
    "the same in two layers": ([[("d", LINK, OUTSIDE)], [("d/x", b"x")]], ""),
    "a hard link to outside": ([[("h", HARD, f"{OUTSIDE}/kept")]], "L005"),
    "a hard link with dots": ([[("h", HARD, f"../../../../../../..{OUTSIDE}/kept")]], "L005"),
    "a whiteout of dots": ([[(".wh...", b"")]], "L005"),
    "a whiteout through a link": ([[("d", LINK, OUTSIDE)], [("d/.wh.kept", b"")]], ""),
    "an opaque mark through a link": ([[("d", LINK, OUTSIDE)], [("d/.wh..wh..opq", b"")]], ""),
    "a device": ([[("dev", tarfile.BLKTYPE, "")]], ""),
    "a path said twice": ([[("a", b"1"), ("a", b"2")]], ""),
    "a path of 3000 directories": ([[("a/" * 3000, b"")]], "L004"),
}


@pytest.mark.parametrize("name", BASES)
def test_a_hostile_base_stays_inside(yard: Yard, context: Path, outside: Path, name: str) -> None:
    layers, code = BASES[name]
    tars = []
    for rows in layers:
        members = []
        for row in rows:
            path = row[0].replace(OUTSIDE, str(outside))
            if len(row) == 2:
                members.append((member(path, size=len(row[1])), row[1]))
            else:
                members.append(member(path, row[1], row[2].replace(OUTSIDE, str(outside))))
        tars.append(tar_of(*members))
    write_layout(context / "layout", tars)
    write(context, "FROM evil\nCOPY own /own\n", own="x")
    stands = f"evil=oci-layout://{context / 'layout'}"
    said = yard.build(context, "--build-context", stands, status=1 if code else 0)
    assert f"error[{code}]" in said if code else "own" in yard.layer()
    if code:
        assert "Dockerfile:1" in said


def test_a_bomb_is_not_unpacked(yard: Yard, context: Path) -> None:
    info = tarfile.TarInfo("zeros")
    info.size = 1 << 30
    bomb = info.tobuf(tarfile.GNU_FORMAT) + bytes(160 << 20)
    write_layout(context / "layout", [bomb])
    write(context, "FROM evil\n")
    stands = f"evil=oci-layout://{context / 'layout'}"
    assert "error[L006]" in yard.build(context, "--build-context", stands, status=1)
    assert yard.leftovers() == []


def test_an_archive_of_add_stays_inside(yard: Yard, context: Path, outside: Path) -> None:
    evil = tar_of(member("d", LINK, str(outside)), (member("d/x", size=1), b"x"))
    (context / "evil.tar").write_bytes(evil)
    (context / "dots.tar").write_bytes(tar_of((member("../x", size=1), b"x")))
    write(context, "FROM scratch\nADD evil.tar /\n")
    yard.build(context)
    write(context, "FROM scratch\nADD dots.tar /\n")
    assert "error[L005]" in yard.build(context, status=1)


def test_nothing_leads_out_of_the_context(yard: Yard, context: Path, outside: Path) -> None:
    (context / "link").symlink_to(outside)
    (context / "up").symlink_to("../../../../../../etc")
    for line in ("COPY link/kept /", "COPY up/passwd /", f"COPY ../../..{outside}/kept /"):
        write(context, f"FROM alpine\n{line}\n")
        said = yard.build(context, status=1)
        assert "error[D102]" in said
        assert "Dockerfile:2:6" in said
    write(context, "FROM alpine\nRUN --mount=type=bind,source=link,target=/m ls /m\n")
    assert "error[D102]" in yard.build(context, status=1)


def test_what_is_ignored_is_said_to_be(yard: Yard, context: Path) -> None:
    write(context, "FROM scratch\nCOPY d/secret /\n", d__secret="x", _DOT_dockerignore="d\n")
    said = yard.build(context, status=1)
    assert "d/secret is in the build context, but its .dockerignore leaves it out" in said
    assert "hint: take it back with a last line !d/secret" in said
    write(context, "FROM scratch\nCOPY d/secrt /\n", d__secret="x", _DOT_dockerignore="")
    assert "did you mean 'secret'?" in yard.build(context, status=1)


@pytest.mark.parametrize(
    ("flag", "said"),
    [
        ("--device=nvidia.com/gpu=all", "a step gets no device of this machine"),
        ("--device=nvidia.com/gpu=all,required=false", "a step gets no device of this machine"),
        ("--security=insecure", "it would have the rights of this machine's root"),
    ],
)
def test_what_no_step_may_have_is_refused_before_any_runs(
    yard: Yard, context: Path, flag: str, said: str
) -> None:
    write(context, f"FROM alpine\nRUN touch /first\nRUN {flag} touch /second\n")
    output = yard.build(context, status=1)
    assert f"error[D101]: RUN {flag} is refused: {said}" in output
    assert "Dockerfile:3:5" in output
    assert "touch /first" not in output
    write(context, f"FROM alpine AS unused\nRUN {flag} true\nFROM scratch\nCOPY Dockerfile /\n")
    assert "D101" not in yard.build(context)


def test_stages_ahead_and_in_a_circle_are_refused(yard: Yard, context: Path) -> None:
    write(context, "FROM scratch AS a\nCOPY --from=b /f /\nFROM scratch AS b\nFROM a\n")
    said = yard.build(context, status=1)
    assert "the stage b is built after this one" in said
    assert "Dockerfile:2" in said
    write(context, "FROM scratch AS a\nCOPY --from=a /f /\n")
    assert "needs itself" in yard.build(context, status=1)
    write(context, "FROM alpine AS build\nFROM scratch\nCOPY --from=biuld /f /\n")
    assert "did you mean 'build', the stage?" in yard.build(context, "--offline", status=1)


# ---- steps ----------------------------------------------------------------------------------


def test_a_step_that_ignores_signals_is_ended(yard: Yard, context: Path) -> None:
    write(
        context,
        "FROM alpine\nRUN trap '' TERM INT HUP; (trap '' TERM INT; sleep 999) & echo mark; "
        "while true; do sleep 1; done\n",
    )
    process = yard.start(context)
    assert process.stderr
    while "| mark" not in (line := process.stderr.readline()):
        assert line, "it ended early"
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130
    assert time.monotonic() - begun < 20
    assert gone(yard) == []


def test_what_a_step_leaves_running_or_mounted_ends_with_it(yard: Yard, context: Path) -> None:
    write(
        context,
        "FROM alpine\nRUN mount -t tmpfs x /mnt; nohup sleep 999 >/dev/null 2>&1 & echo /ok >/ok\n"
        "RUN ! grep -q sleep /proc/[0-9]*/cmdline 2>/dev/null || test ! -e /proc/1/none\n",
    )
    yard.build(context)
    assert gone(yard) == []


@contextmanager
def small_disk(place: Path, megabytes: int) -> Iterator[Path]:
    place.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "whit-test", str(place)]
    subprocess.run(words, check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_is_said_and_leaves_nothing_half(
    yard: Yard, context: Path, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "small", 16) as small:
        yard.env = yard.env | {"WHIT_CACHE": str(small / "cache")}
        try:
            write(context, "FROM alpine\nRUN dd if=/dev/zero of=/big bs=1M count=99\n")
            said = yard.build(context, status=1)
            assert "No space left on device" in said
            assert "error[D104]" in said
            write(context, "FROM alpine\nCOPY big /\n")
            with (context / "big").open("wb") as file:
                file.truncate(64 << 20)
                file.seek(0)
                file.write(os.urandom(32 << 20))
            said = yard.build(context, status=4)
            assert "error[T002]" in said
            assert "Dockerfile:2" in said
            assert not list((small / "cache/snapshots").glob("draft-*"))
            (context / "big").write_text("fits")
            yard.build(context)
            assert "big" in yard.layer()
        finally:
            yard.env = yard.env | {"WHIT_CACHE": str(yard.place / "cache")}


def gone(yard: Yard) -> list[str]:
    """Mounts, processes and places of steps that are still there after a while."""
    end = time.monotonic() + 10
    while (left := yard.leftovers()) and time.monotonic() < end:
        time.sleep(0.05)
    return left


ON_AN_OVERLAY = """set -e; cd "$1"; shift
mkdir t; mount -t tmpfs t t; cd t; mkdir low up work both
mount -t overlay o -o lowerdir=low,upperdir=up,workdir=work both
export WHIT_CACHE=$PWD/both/cache
"""


@pytest.mark.parametrize(
    ("script", "verb", "status", "said"),
    [
        ("", "build", 4, "error[S003]: overlayfs does not take the file system of"),
        ("", "build", 4, "set WHIT_CACHE to a directory on a volume or a tmpfs"),
        ("", "doctor", 0, "on which RUN of a Dockerfile cannot stack files"),
        ("mount -o remount,ro both", "build", 4, "a directory that you can write with WHIT_CACHE"),
    ],
)
def test_a_cache_where_nothing_can_be_stacked_is_named(
    yard: Yard, context: Path, script: str, verb: str, status: int, said: str
) -> None:
    """As in a container, whose root is an overlay, or read-only."""
    write(context, "FROM alpine\nRUN touch /x\n")
    words = ["build", "-f", "Dockerfile", "."] if verb == "build" else [verb]
    text = f'{ON_AN_OVERLAY}{script}\ncd ..; exec "$@"'
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", text, "sh", str(context),
         sys.executable, "-m", "whit.cli.entry", *words],
        env=yard.env, cwd=context, text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == status, done.stderr
    assert said in done.stdout + done.stderr


def test_a_kill_at_any_moment_leaves_the_next_build_right(tmp_path: Path) -> None:
    yard, context = Yard(tmp_path / "yard"), tmp_path / "context"
    yard.add("alpine:latest")
    context.mkdir()
    lines = ["FROM alpine AS a", "COPY many /many", "RUN cp -r /many /more && rm -r /many/d0"]
    lines += ["FROM alpine", "COPY --from=a /more /more", "RUN rm -r /more/d1 && echo 1 >/x"]
    write(context, "\n".join(lines) + "\n")
    for number in range(400):
        path = context / f"many/d{number % 20}/{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{number}\n" * 50)
    yard.build(context, "--no-cache")
    begun = time.monotonic()
    yard.build(context, "--no-cache")
    took = time.monotonic() - begun
    found = yard.sizes()  # what runs anew writes files of another time
    for part in range(1, 7):
        process = yard.start(context, "--no-cache", "-t", f"killed:{part}")
        time.sleep(took * part / 7)
        process.kill()
        process.communicate(timeout=30)
    assert gone(yard) == []
    yard.build(context)
    assert yard.sizes() == found
    for draft in (yard.place / "cache/snapshots").glob("draft-*"):
        os.utime(draft, (0, 0))  # one that died before it was locked is given a minute
    yard.build(context, "--no-cache")
    assert yard.sizes() == found
    assert not list((yard.place / "cache/snapshots").glob("draft-*"))
    assert yard.store.check() == ()
