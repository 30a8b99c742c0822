"""A private directory for one run, gone afterwards whatever happens (a door).

    <base>/<id>/rootfs/       the copy of the image's tree that runs
    <base>/<id>/etc/          resolv.conf, hosts, hostname
    <memory>/<id>/config.json the runtime document: its variables may be secrets, which no disk has
    <memory>/<id>/state/      the runtime's own state, which has a copy of that
    <memory>/<id>/of          where the rest of it lies
    <base>/<id>/lock          held while the run lives: a directory whose lock is free is dead
    <base>/<id>/kept          the start failed; left for an hour so that it can be replayed

Rule: whoever opens the next workspace sweeps the dead ones.
"""

import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

MEMORY = Path("/dev/shm")
_KEPT_SECONDS = 3600.0
_YOUNG_SECONDS = 10.0  # between mkdir and lock a directory looks dead; give it time


class Workspace(msgspec.Struct, frozen=True):
    """`name` is unique on this host and also names the container; `private` is where only we may
    enter, in memory where there is a place.
    """

    path: Path
    name: str
    private: Path

    @property
    def rootfs(self) -> Path:
        return self.path / "rootfs"

    @property
    def state(self) -> Path:
        return self.private / "state"

    @property
    def document(self) -> Path:
        return self.private / "config.json"

    def keep(self) -> None:
        """Leave it behind for a replay."""
        (self.path / "kept").touch()

    def discard(self) -> None:
        """Do not keep it after all."""
        (self.path / "kept").unlink(missing_ok=True)


@contextmanager
def open_workspace(base: Path) -> Iterator[Workspace]:
    """Make one under `base` (made too); remove it at the end unless it is kept."""
    base.mkdir(parents=True, exist_ok=True, mode=0o700)
    sweep(base)
    name = f"whit-{secrets.token_hex(6)}"
    path = base.resolve() / name
    workspace = Workspace(path, name, _private(path))
    workspace.path.mkdir(mode=0o711)
    with (workspace.path / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if workspace.private != path:
            workspace.private.mkdir(mode=0o700)
            (workspace.private / "of").write_bytes(os.fsencode(path))
        for directory in (workspace.rootfs, workspace.state):
            directory.mkdir()
        workspace.rootfs.chmod(0o755)
        try:
            yield workspace
        finally:
            if not (workspace.path / "kept").exists():
                _remove(workspace.path)


def _private(path: Path) -> Path:
    """Of a workspace, its place in memory; the workspace itself where there is none."""
    return MEMORY / path.name if os.access(MEMORY, os.W_OK | os.X_OK) else path


def _remove(path: Path) -> None:
    remove_tree(_private(path))
    remove_tree(path)


def sweep(base: Path) -> None:
    """Remove the workspaces of runs that died without saying so, and kept ones after an hour."""
    for path in base.glob("whit-*"):
        with suppress(OSError):
            age_seconds = time.time() - path.lstat().st_mtime
            is_kept = (path / "kept").exists()
            if age_seconds < (_KEPT_SECONDS if is_kept else _YOUNG_SECONDS):
                continue
            if _is_dead(path):
                _remove(path)
    for private in MEMORY.glob("whit-*"):
        with suppress(OSError):  # of others, or none of a workspace
            if not os.path.lexists((private / "of").read_bytes()):
                remove_tree(private)


def _is_dead(path: Path) -> bool:
    try:
        with (path / "lock").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return True
    except BlockingIOError:
        return False
    return True


def remove_tree(path: Path) -> None:
    """Remove `path` and all below it, read-only directories too. No link is followed.

    What belongs to a subordinate id is removed as that id's root.
    """
    import shutil  # noqa: PLC0415

    from whit.sandbox.ownership import remove_as_root_inside  # noqa: PLC0415

    with suppress(OSError):
        shutil.rmtree(path)
    if not path.exists():
        return
    if os.geteuid():
        with suppress(OSError):
            _open_up(path)
            shutil.rmtree(path)
    if path.exists() and os.geteuid():
        remove_as_root_inside(path)


def _open_up(path: Path) -> None:
    """Give the owner back the right to list and change each directory."""
    for directory, _, _ in os.walk(path, onerror=None):
        with suppress(OSError):
            os.chmod(directory, 0o700)
