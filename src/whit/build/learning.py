"""A run under strace in, a file of what it was seen to use out (a door).

    crun run ── program ── …        strace is nobody's parent (-D): signals pass it by
        └────── strace ──▶ FIFO ──▶ a thread of ours, line by line: nothing of it lies on a disk

The rule: variables are not seen. A program finds them in its own memory, and no system call tells.
Arguments of what it runs may hold secrets; only names are kept.
"""

import os
import select
from collections.abc import Iterator
from contextlib import contextmanager
from shutil import which
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import Any

import msgspec

from whit.errors.request import BadSetting
from whit.errors.sandbox import NoTracer
from whit.model.contract import Observed
from whit.prove.tracing import MAX_STRING_BYTES, TRACED, observed_in

FILE = "whit.observed.json"
SCHEMA = "whit/observed/v1"
MAX_FILE_BYTES = 1 << 20
_MAX_LINE_BYTES = 1 << 16
_CHUNK_BYTES = 1 << 16
_WAIT_MILLISECONDS = 100
# After the program's end strace says the last of what it saw.
_PATIENCE = 30


class Lesson:
    """One traced run. `words` are what the runtime is started by; `observed` is complete once the
    run is over.
    """

    def __init__(self, strace: str, fifo: str) -> None:
        self._strace, self._fifo = strace, fifo
        self._over = Event()
        self._thread: Thread | None = None
        self.observed = Observed()
        self.was_traced = False

    def words(self, program: str, working_dir: str) -> tuple[str, ...]:
        """Start to listen for what a run of `program` does."""

        def listen() -> None:
            self.observed = observed_in(self._lines(descriptor), program, working_dir)

        os.mkfifo(self._fifo, 0o600)
        # Without waiting for a writer: strace may never come to write.
        descriptor = os.open(self._fifo, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        self._thread = Thread(target=listen)
        self._thread.start()
        options = ("-D", "-f", "-qq", "-s", str(MAX_STRING_BYTES), "-e", TRACED)
        return (self._strace, *options, "-o", self._fifo, "--")

    def end(self) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def _lines(self, descriptor: int) -> Iterator[str]:
        rest, waited = b"", 0
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        try:
            while True:
                poll.poll(_WAIT_MILLISECONDS)
                try:
                    chunk = os.read(descriptor, _CHUNK_BYTES)
                except BlockingIOError:
                    chunk = None
                if chunk:
                    self.was_traced, waited = True, 0
                    *lines, rest = (rest + chunk).split(b"\n")
                    yield from (line.decode("utf-8", "replace") for line in lines)
                    rest = rest[:_MAX_LINE_BYTES]
                    continue
                waited += self._over.is_set()
                # No writer: before the first one came, or after the last one went.
                if chunk == b"" and (self.was_traced or waited > _PATIENCE):
                    return
                self._over.wait(_WAIT_MILLISECONDS / 1000) if chunk == b"" else None
                if waited > _PATIENCE:
                    return
        finally:
            os.close(descriptor)


@contextmanager
def lesson() -> Iterator[Lesson]:
    """Errors: NoTracer."""
    strace = which("strace")
    if strace is None:
        raise NoTracer(
            "--learn needs strace, and it is not installed", hint="apt-get install strace"
        )
    with TemporaryDirectory(prefix="whit-") as place:
        one = Lesson(strace, os.path.join(place, "trace"))
        try:
            yield one
        finally:
            one.end()
    if not one.was_traced:
        raise NoTracer(
            "strace saw nothing of the program: this host lets no process trace another",
            hint="try as root; in a container give it CAP_SYS_PTRACE",
        )


def remember(observed: Observed, path: str) -> Observed:
    """All runs so far: the file's and this one. Errors: BadSetting."""
    whole = observed.joined(read_observed(path)) if os.path.exists(path) else observed
    document: dict[str, Any] = {"schema": SCHEMA, **msgspec.to_builtins(whole)}
    text = msgspec.json.format(msgspec.json.encode(document), indent=2)
    written = f"{path}.new"
    with open(written, "wb") as file:
        file.write(text + b"\n")
    os.replace(written, path)
    return whole


def read_observed(path: str) -> Observed:
    """Errors: BadSetting."""
    try:
        with open(path, "rb") as file:
            return msgspec.json.decode(file.read(MAX_FILE_BYTES), type=Observed)
    except OSError as error:
        raise BadSetting(f"{path}: {error.strerror}", hint="`whit run --learn` writes it") from None
    except msgspec.DecodeError as error:
        raise BadSetting(
            f"{path} is not what `whit run --learn` writes: {error}",
            hint="remove it, and learn anew",
        ) from None
