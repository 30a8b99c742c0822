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


class Begun:
    """What was started: the output place that is locked for it, the lock, when it was taken by the
    clock of the file system, and the call.
    """

    __slots__ = ("call", "lock", "nanoseconds", "root", "spawned")

    def __init__(
        self, root: str, lock: int, nanoseconds: int, call: object, spawned: Spawned
    ) -> None:
        self.root, self.lock, self.nanoseconds = root, lock, nanoseconds
        self.call, self.spawned = call, spawned


class HeadStart:
    """The one beginning of a process, handed to its one compilation that may take it."""

    __slots__ = ("_begun", "_words")

    def __init__(self, words: "Sequence[str] | None" = None, begun: Begun | None = None) -> None:
        """Without words nothing is remembered of what follows."""
        self._words, self._begun = words, begun

    @property
    def begun(self) -> Begun | None:
        return self._begun

    def take_place(self, root: str) -> tuple[int, int] | None:
        """The lock of the output place and when it was taken, in nanoseconds, if this is the place
        that is locked already. The lock is the caller's from now on.
        """
        begun = self._begun
        if begun is None or begun.lock < 0:
            return None
        if begun.root != root:
            self.drop()
            return None
        lock, begun.lock = begun.lock, -1
        return lock, begun.nanoseconds

    def take(
        self, command: "Sequence[str]", environment: "Mapping[str, str]", directory: str
    ) -> Spawned | None:
        """The process under way, when it is this one; else it is ended."""
        begun = self._begun
        if begun is None or begun.call != (list(command), dict(environment), directory):
            self.drop()
            return None
        self._begun = None
        return begun.spawned

    def drop(self) -> None:
        """End what was started and nobody took."""
        begun, self._begun = self._begun, None
        if begun is None:
            return
        end_group(begun.spawned.group)
        os.waitpid(begun.spawned.group, 0)
        for descriptor in (begun.spawned.output, begun.spawned.errors, begun.lock):
            if descriptor >= 0:
                os.close(descriptor)

    def remember(
        self,
        root: str,
        command: "Sequence[str]",
        environment: "Mapping[str, str]",
        directory: str,
    ) -> None:
        """Keep the one call of Go that made what the words asked for."""
        if self._words is None:
            return
        changes = [f"{k}={v}" for k, v in environment.items() if os.environ.get(k) != v]
        changes += [name for name in os.environ if name not in environment]
        fields = (_FORMAT, root, directory, str(len(command)), *command, *changes)
        data = "\0".join(fields).encode("utf-8", "surrogateescape")
        if len(data) > MAX_RECORD_BYTES or any("\0" in field for field in fields):
            return
        try:
            _write(_record(self._words), data)
        except OSError:
            return


def start(words: "Sequence[str]") -> HeadStart:
    """Start what the same words started last time, if anything is known of it."""
    if any(word.startswith(_UNSPOKEN) for word in words):
        return HeadStart()
    try:
        with open(_record(words), "rb") as file:
            text = file.read(MAX_RECORD_BYTES).decode("utf-8", "surrogateescape")
        version, root, directory, count, *rest = text.split("\0")
        command, changes = rest[: int(count)], rest[int(count) :]
        if version != _FORMAT or not command or not os.path.isdir(root):
            return HeadStart(words)
        lock, nanoseconds = open_locked(root, waits=False)
    except (OSError, ValueError):
        return HeadStart(words)
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
        return HeadStart(words)
    call = (command, environment, directory)
    return HeadStart(words, Begun(root, lock, nanoseconds, call, spawned))


def _write(path: str, data: bytes) -> None:
    if os.path.isfile(path):
        with open(path, "rb") as file:
            if file.read(MAX_RECORD_BYTES) == data:
                return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    fresh = f"{path}.{os.getpid()}"
    with open(fresh, "wb") as out:
        out.write(data)
    os.replace(fresh, path)


def _record(words: "Sequence[str]") -> str:
    """Where the call that these words led to is kept. Two that share a place do no harm."""
    text = "\0".join((os.getcwd(), *words)).encode("utf-8", "surrogateescape")
    return os.path.join(cache_of(os.environ), "start", f"{crc32(text):08x}")
