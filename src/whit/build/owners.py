"""An unpacked image in, whose its files are out. A door.

Root unpacks owners to the disk; anybody else has to be told them by the layers.
"""

import os
import stat
from collections.abc import Iterator

from whit.layer.unpack import may_give_away

Owned = dict[str, tuple[int, int, int]]
_USUAL = {stat.S_IFDIR: (0o755,), stat.S_IFREG: (0o644, 0o755), stat.S_IFLNK: (0o777,)}
# Directories of package managers and of manual pages.
_ASIDE = ("/var/lib/apt", "/var/cache/apt", "/var/cache/man", "/var/mail", "/var/spool/mail")


def owners_of(root: str, owners: dict[str, tuple[int, int]]) -> Owned:
    """(mode, uid, gid) of every path that is not root's own with the usual mode."""
    found = {}
    is_on_disk = may_give_away()
    for path, status in _walk(root):
        kind, mode = stat.S_IFMT(status.st_mode), stat.S_IMODE(status.st_mode)
        own = (status.st_uid, status.st_gid) if is_on_disk else owners.get(path, (0, 0))
        if own != (0, 0) or mode not in _USUAL.get(kind, ()):
            found[path] = (mode, *own)
    return found


def written_by_others(known: Owned, root: str) -> tuple[str, ...]:
    """Directories that belong to somebody who is not root: daemons write there."""
    return tuple(
        path for path, (_, uid, _) in known.items()
        if uid and not path.startswith(_ASIDE) and _is_directory(root + path)
    )  # fmt: skip


def _is_directory(path: str) -> bool:
    return stat.S_ISDIR(os.lstat(path).st_mode)


def _walk(root: str) -> Iterator[tuple[str, os.stat_result]]:
    waiting = [root]
    while waiting:
        place = waiting.pop()
        with os.scandir(place) as entries:
            for entry in entries:
                yield entry.path[len(root) :], entry.stat(follow_symlinks=False)
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
