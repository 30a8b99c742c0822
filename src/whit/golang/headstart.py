"""Go, started before the command line is even read, when the same words started it last time.

Reading the words and importing what they ask for takes as long as Go needs to find out that
nothing changed. So a build that needed one call of Go leaves that call behind, under the words it
came from; the next start of whit with these words in this directory begins with it. Whoever then
wants to run Go takes what is under way only if it is that very command in that very environment.
Otherwise it is ended and nothing is lost: Go writes where the lock says, and only what a build
confirms is used.

Nothing but what Python has loaded at its start is imported here.
"""

import os
from binascii import crc32

from whit.golang.places import cache_of, open_locked
from whit.golang.spawn import Spawned, end_group, spawn

# The type checker takes it for true; typing itself would cost more than all of this.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_FORMAT = "1"
MAX_RECORD_BYTES = 1 << 16
# Words with these may hold a secret, of which not even a checksum is kept.
_UNSPOKEN = ("-e", "--env", "--set", "--secret")


class _Early:
    """What was started, and the output place that is locked for it."""

    __slots__ = ("begun_nanoseconds", "call", "lock", "root", "spawned")

    def __init__(
        self, root: str, lock: int, begun_nanoseconds: int, call: object, spawned: Spawned
    ) -> None:
        self.root, self.lock, self.begun_nanoseconds = root, lock, begun_nanoseconds
        self.call, self.spawned = call, spawned


_early: _Early | None = None
_words: "Sequence[str] | None" = None


def start(words: "Sequence[str]") -> None:
    """Start what the same words started last time, if anything is known of it."""
    global _early, _words  # noqa: PLW0603 - one process has one beginning
    if any(word.startswith(_UNSPOKEN) for word in words):
        return
    _words = words
    try:
        with open(_record(words), "rb") as file:
            text = file.read(MAX_RECORD_BYTES).decode("utf-8", "surrogateescape")
        version, root, directory, count, *rest = text.split("\0")
        command, changes = rest[: int(count)], rest[int(count) :]
        if version != _FORMAT or not command or not os.path.isdir(root):
            return
        lock, begun = open_locked(root, waits=False)
    except (OSError, ValueError):
        return
    environment = dict(os.environ)
    for change in changes:
        name, equals, value = change.partition("=")
        if equals:
            environment[name] = value
        else:
            environment.pop(name, None)
    try:
        spawned = spawn(command, environment, directory, lock)
    except (OSError, ValueError):
        os.close(lock)
        return
    _early = _Early(root, lock, begun, (command, environment, directory), spawned)


def remember(
    root: str, command: "Sequence[str]", environment: "Mapping[str, str]", directory: str
) -> None:
    """Keep the one call of Go that made what the words asked for; only the first of a process."""
    global _words
    words, _words = _words, None
    if words is None:
        return
    changes = [f"{k}={v}" for k, v in environment.items() if os.environ.get(k) != v]
    changes += [name for name in os.environ if name not in environment]
    fields = (_FORMAT, root, directory, str(len(command)), *command, *changes)
    data = "\0".join(fields).encode("utf-8", "surrogateescape")
    path = _record(words)
    if len(data) > MAX_RECORD_BYTES or any("\0" in field for field in fields):
        return
    try:
        with open(path, "rb") as file:
            if file.read(MAX_RECORD_BYTES) == data:
                return
    except OSError:
        pass
    fresh = f"{path}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(fresh, "wb") as file:
            file.write(data)
        os.replace(fresh, path)
    except OSError:
        return


def adopt_place(root: str) -> tuple[int, int] | None:
    """The lock and the begin of the output place, when the early start has locked this one.
    From now on they are the caller's.
    """
    if _early is None:
        return None
    if _early.root != root or _early.lock < 0:
        drop()
        return None
    lock, _early.lock = _early.lock, -1
    return lock, _early.begun_nanoseconds


def adopt(
    command: "Sequence[str]", environment: "Mapping[str, str]", directory: str
) -> Spawned | None:
    """The process under way, when it is this one; else it is ended."""
    global _early
    if _early is None:
        return None
    if _early.call != (list(command), dict(environment), directory):
        drop()
        return None
    spawned, _early = _early.spawned, None
    return spawned


def drop() -> None:
    """End what was started and nobody took."""
    global _early
    if _early is None:
        return
    early, _early = _early, None
    end_group(early.spawned.group)
    os.waitpid(early.spawned.group, 0)
    for descriptor in (early.spawned.output, early.spawned.errors, early.lock):
        if descriptor >= 0:
            os.close(descriptor)


def _record(words: "Sequence[str]") -> str:
    """Where the call that these words led to is kept. Two that share a place do no harm."""
    text = "\0".join((os.getcwd(), *words)).encode("utf-8", "surrogateescape")
    return os.path.join(cache_of(os.environ), "start", f"{crc32(text):08x}")
