"""The cache of Dockerfile builds in, less of it out (a door).

<cache>/snapshots   files after steps, and of base images
<cache>/snapshots-of-one  the same without owners, of users without subordinate ids
<cache>/mounts      RUN --mount=type=cache, and Go's caches
<cache>/downloads   what ADD fetched
"""

import os
from contextlib import suppress

import msgspec

from whit.store.files import writing
from whit.store.snapshots import remove, size_of

_DAY_SECONDS = 86_400
# What each directory keeps unused for how long. A step that is not asked for in a day is done anew
# faster than it is kept; caches are worth more: Go's modules may be hard to get again.
_KINDS = {
    "snapshots": 1 * _DAY_SECONDS,
    "snapshots-of-one": 1 * _DAY_SECONDS,
    "mounts": 30 * _DAY_SECONDS,
    "downloads": 30 * _DAY_SECONDS,
}
# Longer than any build that may still mean to use what it has just found.
_YOUNG_SECONDS = 3600


class _Entry(msgspec.Struct, frozen=True):
    kind: str
    path: str
    used: float


def prune_cache(cache: str, now: float, keep_bytes: int = -1) -> int:
    """Remove what no build used for a day, and caches unused for a month; of the rest what was
    not used for longest, until at most `keep_bytes` are left (-1: no limit). How many bytes that
    freed. Errors: StoreUnwritable.
    """
    entries = sorted(_entries(cache), key=lambda entry: entry.used)
    old = [entry for entry in entries if entry.used < now - _KINDS[entry.kind]]
    freed = 0
    with writing(cache, "cache"):
        for entry in old:
            freed += _removed(entry, now)
        if keep_bytes < 0:
            return freed
        left = [entry for entry in entries if entry not in old]
        sizes = {entry.path: size_of(entry.path) for entry in left}
        total = sum(sizes.values())
        for entry in left:
            if total <= keep_bytes or entry.used > now - _YOUNG_SECONDS:
                break
            total -= sizes[entry.path]
            freed += _removed(entry, now)
    return freed


def _entries(cache: str) -> list[_Entry]:
    found = []
    for kind in _KINDS:
        with suppress(FileNotFoundError):
            for entry in list(os.scandir(f"{cache}/{kind}")):
                if not entry.name.startswith("draft-"):
                    with suppress(FileNotFoundError):
                        found.append(_Entry(kind, entry.path, entry.stat().st_mtime))
    return found


def _removed(entry: _Entry, now: float) -> int:
    """Remove it; how many bytes that freed."""
    freed = size_of(entry.path)
    if entry.kind == "mounts":
        _empty(entry.path, now)
    else:
        remove(entry.path)
    return freed


def _empty(place: str, now: float) -> None:
    """A cache mount without its files. That it had some stays known: steps that filled it are no
    longer as good as done (caches.py reads it).
    """
    remove(place)
    os.mkdir(place, 0o711)
    with open(f"{place}/made", "w", encoding="ascii") as file:
        file.write(f"emptied {now:.6f}\n")
