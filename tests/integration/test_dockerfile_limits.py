"""What a RUN may not do, and what it may not use up: real programs that try."""

import os
import time
from pathlib import Path

import pytest

from integration.test_dockerfile_build import Yard, context, write, yard

__all__ = ["context", "yard"]

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.busybox,
    pytest.mark.skipif(os.geteuid() != 0, reason="cgroups are root's"),
]


def groups() -> list[Path]:
    return [path for path in Path("/sys/fs/cgroup").glob("**/whit-*") if path.is_dir()]


def test_a_run_is_filtered_as_dockers(yard: Yard, context: Path) -> None:
    write(
        context,
        "FROM alpine\n"
        "RUN grep Seccomp: /proc/self/status; unshare -m true; mount -t tmpfs x /mnt; "
        "chroot / true && echo chroot works; mknod /n c 1 3 && echo mknod works\n",
    )
    said = yard.build(context)
    assert "Seccomp:\t2" in said
    assert "unshare(0x20000): Operation not permitted" in said
    assert "mount: permission denied" in said
    assert "chroot works" in said
    assert "mknod works" in said


def test_a_fork_bomb_stays_within_pids(yard: Yard, context: Path) -> None:
    write(
        context,
        "FROM alpine\nRUN b() { b | b & }; b; for i in $(seq 60); do sleep 20 & done; wait\n",
    )
    begun = time.monotonic()
    said = yard.build(context, "--pids", "24", status=1)
    assert "at most 24 processes, held by" in said
    assert "can't fork" in said
    assert time.monotonic() - begun < 50
    assert groups() == []


def test_a_program_that_wants_all_memory_is_killed(yard: Yard, context: Path) -> None:
    write(context, "FROM alpine\nRUN exec tail /dev/zero\n")
    said = yard.build(context, "--memory", "48m", status=1)
    assert "at most 48 MiB of memory, held by" in said
    assert "status 137 (killed: it may have wanted more than --memory allows)" in said
    assert groups() == []


def test_limits_do_not_change_what_is_found_again(yard: Yard, context: Path) -> None:
    write(context, "FROM alpine\nRUN echo the same > /x\n")
    yard.build(context, "--memory", "1g", "--pids", "100")
    first = yard.image()
    said = yard.build(context)
    assert "cached" in said
    assert yard.image().manifest_digest == first.manifest_digest
