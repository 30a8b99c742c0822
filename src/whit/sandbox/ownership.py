"""Chores that only the root of a user namespace may do: give files away, remove others' (a door).

Without root a file can be given to a subordinate id only from inside a user namespace. A child
enters one, newuidmap and newgidmap map it as the container will be mapped, and it works off a list.
"""

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import msgspec

from whit.errors.sandbox import BadRootfs
from whit.sandbox.document import IdMapping
from whit.sandbox.host import find_program, read_host
from whit.sandbox.spec import Account, HostFacts, mappings_of

_CHORES = str(Path(__file__).with_name("chores.py"))


class Owner(msgspec.Struct, frozen=True):
    """A path inside the root and who shall own it; `mode` (None for a link) is set again."""

    path: str
    uid: int
    gid: int
    mode: int | None


def give_away(root: Path, owners: Iterable[Owner], host: HostFacts, account: Account) -> None:
    """Change owners under `root` as seen inside; `account` is the run's. Raises BadRootfs."""
    lines = [msgspec.json.encode(owner) for owner in owners]
    if not lines:
        return
    work = b"\n".join(lines) + b"\n"
    complaint = _inside(["own", os.fspath(root)], work, host, (account.uid, account.gid))
    if complaint:
        raise BadRootfs(
            "files of the image could not be given to their owners",
            hint="give this user more subordinate ids in /etc/subuid and /etc/subgid",
            output=complaint,
        )


def remove_as_root_inside(path: Path) -> None:
    """Remove a tree in which subordinate ids own files. Best effort."""
    host = read_host()
    if not host.is_root and not host.has_single_id:
        _inside(["remove", os.fspath(path)], b"", host, (0, 0))


def _inside(words: list[str], work: bytes, host: HostFacts, wanted: tuple[int, int]) -> str:
    """Run the chores program in a mapped user namespace; return its complaint or ""."""
    child = subprocess.Popen(
        [sys.executable, "-I", "-S", _CHORES, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        if child.stdout is None or child.stdout.readline() != b"ready\n":
            return _ended(child, b"")
        for tool, own, ranges, id_wanted in (
            ("newuidmap", host.uid, host.uid_ranges, wanted[0]),
            ("newgidmap", host.gid, host.gid_ranges, wanted[1]),
        ):
            numbers = _numbers(mappings_of(own, ranges, id_wanted))
            done = subprocess.run(
                [find_program(tool), str(child.pid), *numbers], capture_output=True, check=False
            )
            if done.returncode:
                return done.stderr.decode("utf-8", "replace")
        return _ended(child, b"go\n" + work)
    finally:
        child.kill()
        child.wait()


def _ended(child: subprocess.Popen[bytes], work: bytes) -> str:
    _, complaint = child.communicate(work)
    if child.returncode == 0:
        return ""
    return complaint.decode("utf-8", "replace") or "it ended early"


def _numbers(mappings: tuple[IdMapping, ...]) -> list[str]:
    return [str(n) for part in mappings for n in (part.container, part.host, part.size)]
