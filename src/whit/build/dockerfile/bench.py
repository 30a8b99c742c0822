"""A stage's files and a step in, the files after it out: looked up by what goes into the step, or
done (a door).

    key = instruction + key of the files before + digest of what it reads

A key is made of contents, never of times or places, so a step is found again whichever way it
came to its inputs; COPY from a stage that was built anew with the same result is a hit.
"""

import errno
import threading
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import TYPE_CHECKING, Protocol

import msgspec

from whit.build.dockerfile.copying import Manner, Target
from whit.build.dockerfile.sources import FileDigests
from whit.build.events import Listener
from whit.errors import WhitError
from whit.errors.dockerfile import CannotCopy
from whit.errors.images import StoreFull, StoreUnwritable
from whit.errors.sandbox import RuntimeFailed, UnknownUser
from whit.layer.stack import Stack
from whit.layer.unpack import may_give_away
from whit.model.image import Compression, Layer
from whit.model.secret import Secrets
from whit.sandbox.accounts import account_of
from whit.sandbox.stopper import Stopper
from whit.store.blobs import Store
from whit.store.snapshots import Draft, Snapshots
from whit.store.steps import key_of

if TYPE_CHECKING:
    from whit.sandbox.engine import Runtime
    from whit.sandbox.spec import HostFacts


FULL = (errno.ENOSPC, errno.EDQUOT)
NO_OTHERS = "{} need subordinate ids, and this user has none"
MORE_IDS = (
    "as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER, and install "
    "uidmap; `whit doctor` shows more"
)


class Files(msgspec.Struct, frozen=True):
    """The files of a stage at some point: layer directories, the highest first, and their key.
    The highest one `is_copied` when COPY or ADD made it.
    """

    key: str
    layers: tuple[str, ...] = ()
    is_copied: bool = False

    def stack(self) -> Stack:
        return Stack(self.layers)


class Done(msgspec.Struct, frozen=True):
    """A step and what came of it. `key` names its layer; `why` is the reason of a miss."""

    files: Files
    seconds: float
    was_cached: bool
    why: str = ""


class Elsewhere(Protocol):
    """Steps that other machines did. `parts` are digests of what each was made of."""

    parts: dict[str, dict[str, str]]

    def bring(self, key: str, snapshots: Snapshots) -> str | None:
        """The files of the step `key`, in a snapshot; None when nobody did it."""

    def layer_of(self, files: str, compression: Compression) -> Layer | None:
        """The layer that the snapshot at `files` came as, if it is in this compression."""


class Room(msgspec.Struct, frozen=True):
    """What one build works with. `secrets` are the user's, by id, read when a step asks."""

    store: Store
    snapshots: Snapshots
    cache: str
    find_runtime: "Callable[[], tuple[Runtime, HostFacts]]"
    stopper: Stopper
    secrets: Secrets
    agents: Mapping[str, str]
    listen: Listener
    epoch: int = 0
    rewrites_times: bool = False  # no file of a layer is younger than `epoch`
    is_fresh: bool = False  # do every step anew
    memory_bytes: int = 0  # what each step may have at most; 0 for no limit
    pids: int = 0
    imported: "Elsewhere | None" = None


class Memory:
    """What the last build of the same file knew of each step, so that a miss can say why."""

    def __init__(
        self, store: Store, place: str, others: Mapping[str, Mapping[str, str]] | None = None
    ) -> None:
        """`others` are digests of parts, as other machines knew them."""
        self._store, self._key = store, key_of("last steps", place)
        self._others = others or {}
        self._lock = threading.Lock()
        self._before: dict[str, dict[str, str]] = {}
        self._now: dict[str, dict[str, str]] = {}
        value = store.steps.get(self._key)
        if value is not None:
            try:
                self._before = msgspec.json.decode(value, type=dict[str, dict[str, str]])
            except msgspec.DecodeError:
                self._before = {}

    def why(self, name: str, parts: dict[str, str]) -> str:
        """What differs of the step `name`, made of `parts`, from the last time; "" for nothing."""
        before: Mapping[str, str] | None = self._before.get(name)
        if before is None and name in self._others:
            before = self._others[name]
            parts = digests_of(parts)
        if before is None:
            return "new"
        changed = [part for part in parts if before.get(part) != parts[part]]
        if "before" in changed and len(changed) > 1:
            changed.remove("before")
        return " and ".join(changed).replace("before", "the step before it")

    def digests(self) -> dict[str, dict[str, str]]:
        """Of this build's parts: what may be given to others."""
        with self._lock:
            return {name: digests_of(parts) for name, parts in self._now.items()}

    def note(self, name: str, parts: dict[str, str]) -> None:
        with self._lock:
            self._now[name] = parts

    def keep(self) -> None:
        if self._now != self._before:
            self._store.steps.put(self._key, msgspec.json.encode(self._before | self._now))


def digests_of(parts: Mapping[str, str]) -> dict[str, str]:
    return {name: key_of("part", value) for name, value in parts.items()}


class ContextDigests:
    """Digests of the context's files, remembered between builds by inode, size and times."""

    def __init__(self, store: Store, directory: str) -> None:
        self._store, self._key = store, key_of("file digests", directory)
        known: dict[str, tuple[str, str]] = {}
        value = store.steps.get(self._key)
        if value is not None:
            try:
                known = msgspec.msgpack.decode(value, type=dict[str, tuple[str, str]])
            except msgspec.DecodeError:
                known = {}
        self._known = known
        self.digests = FileDigests(known)

    def changed(self) -> list[str]:
        """Files whose bytes are others than at the last build."""
        return sorted(
            path
            for path, (_, digest) in self.digests.fresh.items()
            if path in self._known and self._known[path][1] != digest
        )

    def keep(self) -> None:
        fresh = self.digests.fresh
        if any(self._known.get(path) != value for path, value in fresh.items()):
            self._store.steps.put(self._key, msgspec.msgpack.encode(self._known | fresh))


def done(
    room: Room,
    files: Files,
    key: str,
    make: Callable[[Draft, Stack], None],
    said: str,
    *,
    is_apart: bool = False,
) -> Done:
    """The snapshot `key` on top of `files`, made where there is none; `is_apart` when it is the
    same on whatever it is put.
    """
    begun = perf_counter()
    found = None if room.is_fresh else room.snapshots.find(key)
    if found is None and room.imported is not None and not room.is_fresh:
        found = room.imported.bring(key, room.snapshots)
    was_cached = found is not None
    if found is None:
        with room.snapshots.draft() as draft:
            make(draft, Stack(()) if is_apart else files.stack())
            found = room.snapshots.settle(draft, key, said, replaces=room.is_fresh)
    after = key_of("on", files.key, key) if is_apart else key
    return Done(Files(after, (found, *files.layers)), perf_counter() - begun, was_cached)


def explained(error: OSError, room: Room) -> WhitError:
    """What an OSError in a step means: of our own places, or of a file of the user's."""
    path = error.filename if isinstance(error.filename, str) else ""
    if error.errno in FULL:
        return StoreFull(
            f"the disk under {room.cache} is full",
            hint="free some space (`whit images --prune`), or name another place with WHIT_CACHE",
        )
    if error.errno == errno.EINVAL and not may_give_away():
        return RuntimeFailed(NO_OTHERS.format("files that belong to others"), hint=MORE_IDS)
    if not path or path.startswith(f"{room.cache}/"):
        return StoreUnwritable(
            f"cannot write in {room.cache}: {error.strerror or error}",
            hint="name a directory that you can write with WHIT_CACHE",
        )
    return CannotCopy(
        f"cannot read {path}: {error.strerror}",
        hint="make it readable for yourself, or leave it out by .dockerignore",
    )


def make_directory(room: Room, files: Files, path: str, user: str) -> Done:
    """WORKDIR: `path`, with its parents, for `user`."""
    owner = _owner_of_directory(files.stack(), user)
    key = key_of("directory", files.key, path, repr(owner), str(room.epoch))

    def make(draft: Draft, below: Stack) -> None:
        target = Target(draft.files, below)
        target.make_directory(below.resolve(path), Manner(owner=owner, epoch=room.epoch))
        target.finish()

    return done(room, files, key, make, f"WORKDIR {path}")


def _owner_of_directory(below: Stack, user: str) -> tuple[int, int]:
    """USER as WORKDIR reads it: a number alone is the group too, an unknown name is root."""
    name, colon, _ = user.partition(":")
    if name.isdigit() and not colon:
        return int(name), int(name)
    if not user:
        return 0, 0
    try:
        account = account_of(user, below.read("/etc/passwd"), below.read("/etc/group"))
    except UnknownUser:
        return 0, 0
    return account.uid, account.gid


def owner_of_copy(below: Stack, text: str, *, has_files: bool) -> tuple[tuple[int, int], str]:
    """--chown as BuildKit reads it, and a warning where it means root by accident.

    Errors: UnknownUser for a name where no passwd can be.
    """
    user, colon, group = text.partition(":")
    warning = ""
    passwd, groups = below.read("/etc/passwd"), below.read("/etc/group")

    def number(name: str, table: bytes, column: int) -> int:
        nonlocal warning
        if not name:
            return 0
        if name.isascii() and name.isdigit():
            return int(name)
        if name == "root":
            return 0
        if not has_files:
            raise UnknownUser(
                f"--chown={text}: there is no passwd that could know {name}",
                hint="name it by number",
            )
        for line in table.decode("utf-8", "replace").splitlines():
            row = line.split(":")
            if row[0] == name and len(row) > column and row[column].isdigit():
                return int(row[column])
        warning = f"--chown={text}: the image knows no {name}, so the files belong to root"
        return 0

    uid = number(user, passwd, 2)
    if colon:
        return (uid, number(group, groups, 2)), warning
    if user.isdigit():
        return (uid, uid), warning
    return (uid, number(user, passwd, 3)), warning
