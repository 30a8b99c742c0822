"""What a build draws on a terminal, and what it writes where there is none."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from integration.test_dockerfile_build import Yard, context, write, yard

__all__ = ["context", "yard"]

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.busybox,
    pytest.mark.skipif(os.geteuid() != 0, reason="the yard is root's"),
]
FILE = """FROM alpine AS one
RUN echo said by one; sleep 0.5; echo 1 > /made
FROM alpine AS two
RUN echo said by two; sleep 0.5; echo 2 > /made
FROM scratch
COPY --from=one /made /one
COPY --from=two /made /two
"""


def drawn(yard: Yard, context: Path, *options: str) -> tuple[int, str]:
    """Status, and what came to a terminal of 80 columns and 24 rows."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "whit.cli.entry", "build", "-f", str(context / "Dockerfile"),
         str(context), *options],
        env=yard.env | {"TERM": "xterm"}, stdout=subprocess.PIPE, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    said = b""
    try:
        while piece := os.read(ours, 1 << 16):
            said += piece
    except OSError:  # the terminal's other end was closed
        pass
    os.close(ours)
    process.communicate(timeout=60)
    return process.returncode, said.decode()


def test_a_terminal_shows_a_tree_that_is_drawn_in_place(yard: Yard, context: Path) -> None:
    write(context, FILE)
    status, said = drawn(yard, context, "--no-cache")
    assert status == 0
    assert "\x1b[J" in said
    assert "waits for one, two" in said
    assert "said by one" in said
    last = said.rpartition("\x1b[J")[2]
    assert "├─ FROM alpine" in last
    assert "└─ 1/1 RUN echo said by two" in last
    assert "waits for" not in last
    assert "\n       said by" not in last, "what steps print is gone when all went well"
    assert "image" in last


def test_a_failed_step_is_marked_and_shows_what_it_said(yard: Yard, context: Path) -> None:
    write(context, "FROM alpine\nRUN echo what went wrong; exit 7\n")
    status, said = drawn(yard, context)
    assert status == 1
    last = said.rpartition("\x1b[J")[2]
    assert "failed" in last
    assert "what went wrong" in last.partition("error[")[0].rpartition("failed")[2]


def test_plain_progress_and_no_terminal_write_lines(yard: Yard, context: Path) -> None:
    write(context, FILE)
    _, said = drawn(yard, context, "--no-cache", "--progress", "plain")
    assert "one 1/1 |" in said
    assert "├─" not in said
    plain = yard.build(context, "--no-cache")
    assert "one 1/1 | said by one\n" in plain
    assert "two 1/1 | said by two\n" in plain
    assert "\x1b" not in plain


def test_without_a_terminal_nothing_that_draws_is_imported(yard: Yard, context: Path) -> None:
    write(context, FILE)
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "whit.cli.entry", "build", "--no-cache",
         "-f", str(context / "Dockerfile"), str(context)],
        env=yard.env, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "whit.build.dockerfile.stages" in done.stderr
    assert "whit.cli.live" not in done.stderr
    assert "whit.report.branches" not in done.stderr
