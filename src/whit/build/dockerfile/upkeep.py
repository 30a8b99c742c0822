"""The cache of Dockerfile builds in, less of it out (a door).

<cache>/snapshots   files after steps, and of base images
<cache>/snapshots-of-one  the same without owners, of users without subordinate ids
<cache>/mounts      RUN --mount=type=cache, and Go's caches
<cache>/downloads   what ADD fetched
"""

import os
from contextlib import suppress

from whit.store.snapshots import Snapshots, remove, size_of

_DAY_SECONDS = 86_400
# A step that is not asked for in this time is done anew faster than it is kept.
_SNAPSHOT_SECONDS = 1 * _DAY_SECONDS
# Caches are worth more: Go's modules may be hard to get again.
_CACHE_SECONDS = 30 * _DAY_SECONDS


def prune_cache(cache: str, now: float) -> int:
    """Remove what no build used for a day, and caches unused for a month; how many bytes that
    freed. Errors: StoreUnwritable.
    """
    freed = 0
    for name in ("snapshots", "snapshots-of-one"):
        if os.path.isdir(f"{cache}/{name}"):
            freed += Snapshots(f"{cache}/{name}").prune(_SNAPSHOT_SECONDS)
    for name in ("mounts", "downloads"):
        with suppress(FileNotFoundError):
            for entry in list(os.scandir(f"{cache}/{name}")):
                if entry.stat().st_mtime < now - _CACHE_SECONDS:
                    freed += size_of(entry.path)
                    if name == "mounts":
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
