"""A cache mount in, the directory of the cache out, locked as its sharing says (a door).

<cache>/mounts/<id>/fs        the files
<cache>/mounts/<id>/made      locked while a step has it; says when it was emptied
<cache>/mounts/<id>/filling   locked by whoever fills it first
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from whit.build.dockerfile.bench import Room
from whit.build.dockerfile.copying import Manner, Target
from whit.build.dockerfile.origins import Reading
from whit.dockerfile.instructions import CacheMount, Sharing
from whit.layer.stack import Stack
from whit.store.snapshots import remove
from whit.store.steps import key_of

if TYPE_CHECKING:
    from whit.sandbox.step import StepMount

_GREATEST_LINE = 4096


def _place_of(
    room: Room, mount: CacheMount, number: int = 0, reading: Reading | None = None
) -> Path:
    """A cache that begins with something, or for somebody, is another than the plain one of its
    name, as with BuildKit.
    """
    parts = ["cache mount", mount.id, str(number)]
    owner = mount.owner
    if owner.uid or owner.gid or owner.mode not in (None, 0o755):
        parts.append(repr(owner))
    if reading is not None:
        parts += [reading.files.key if reading.files else reading.where, mount.source]
    return Path(room.cache) / "mounts" / key_of(*parts)[:20]


def generation_of(room: Room, mount: CacheMount) -> str:
    """Other than before once the cache was emptied; the same on every machine until then."""
    try:
        with (_place_of(room, mount) / "made").open(encoding="ascii") as file:
            return f"{mount.target} {file.read(_GREATEST_LINE)}"
    except (OSError, ValueError):
        return f"{mount.target} "


@contextmanager
def _made(place: Path) -> Iterator[int]:
    """A cache mount's directory, and a descriptor of its lock."""
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    place.mkdir(mode=0o711, exist_ok=True)
    lock = os.open(place / "made", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield lock
    finally:
        os.close(lock)


def cache_mount(
    room: Room, mount: CacheMount, reading: Reading | None, held: ExitStack
) -> "StepMount":
    from whit.sandbox.step import StepMount

    number = 0
    while True:
        place = _place_of(room, mount, number, reading)
        lock = held.enter_context(_made(place))
        if mount.sharing is Sharing.LOCKED:
            fcntl.flock(lock, fcntl.LOCK_EX)
        elif mount.sharing is Sharing.PRIVATE:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                number += 1
                continue
        break
    os.utime(place)
    files = place / "fs"
    if not files.exists():
        # Stages and builds that come for it at once wait for the first: what it fills is theirs.
        with (place / "filling").open("wb") as guard:
            fcntl.flock(guard, fcntl.LOCK_EX)
            if not files.exists():
                _fill(mount, reading, files)
    return StepMount(mount.target, str(files), read_only=mount.is_read_only)


def _fill(mount: CacheMount, reading: Reading | None, files: Path) -> None:
    """What a new cache begins with: nothing, or a copy of what `from` names."""
    draft = files.with_name("fs.draft")
    if draft.exists():  # whoever made it was killed
        remove(str(draft))
    draft.mkdir(mode=0o755)
    if reading is not None:
        from whit.build.dockerfile.sources import pick

        target = Target(str(draft), Stack(()))
        for one in pick(reading.stack, mount.source, reading.where):
            target.copy(reading.stack, one, "/", Manner(is_context=reading.is_context))
        target.finish()
    owner = mount.owner
    draft.chmod(0o755 if owner.mode is None else owner.mode)
    os.chown(draft, owner.uid or 0, owner.gid or 0)
    draft.rename(files)
