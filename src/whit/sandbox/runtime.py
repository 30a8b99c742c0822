"""A RunRequest and a workspace in, an Outcome out: one container, until nothing is left (a door).

    whit ──── crun run ──── program        in the foreground: crun and runc pass signals on
      └────── keeper (sh)                  reads a pipe; deletes the container if whit dies

Rule: the container never outlives us. A program's own exit status is an Outcome; a container that
cannot be made is an error that says how to replay the attempt.
"""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from types import FrameType

import msgspec

from whit.errors.sandbox import CannotStart, RuntimeFailed
from whit.sandbox.engine import Runtime
from whit.sandbox.files import host_files
from whit.sandbox.spec import HostFacts, Limits, RunRequest, runtime_bytes, runtime_document
from whit.sandbox.workspace import Workspace

_FORWARDED = (
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
)
_PATIENCE = 3  # the third SIGINT or SIGTERM kills, as docker's client does
_GREATEST_LOG_BYTES = 1 << 16
WATCH_SECONDS = 0.1

# Two lines come in: the runtime's process id, and "done". A pipe that ends early means that whit
# is gone. The runtime is stopped first, lest it starts what is deleted, then its children go: a
# container whose state is not written yet is known only as a child.
_KEEPER = """trap '' INT TERM HUP QUIT
directory=$1 private=$2; shift 2
read -r runtime
read -r word && exit 0
if [ -n "$runtime" ]; then
  kill -STOP "$runtime"
  kill -9 $(cat /proc/"$runtime"/task/*/children) "$runtime"
fi
"$@"
while read -r _ place _; do
  case $place in "$directory"/*) umount -l "$place" ;; esac
done </proc/self/mounts
find /sys/fs/cgroup -maxdepth 5 -depth -type d -name "${directory##*/}" -exec rmdir {} +
rm -rf -- "$directory" "$private"
"""


class Capture(msgspec.Struct, frozen=True):
    """Keep the program's output (both streams, in order) up to `limit_bytes`; drop the rest.

    `stdin` is a descriptor to read from, or nothing. `sink` hears every piece as it comes, and then
    the last `limit_bytes` are kept instead of the first.
    """

    limit_bytes: int
    stdin: int = subprocess.DEVNULL
    sink: Callable[[bytes], None] | None = None


class Outcome(msgspec.Struct, frozen=True):
    """How a run ended. `status` is the program's own, or 128 + n when signal n killed it.

    `output` is empty unless captured; `dropped_bytes` counts what went over the limit.
    """

    status: int
    seconds: float
    output: bytes = b""
    dropped_bytes: int = 0
    timed_out: bool = False


def run(
    request: RunRequest,
    runtime: Runtime,
    workspace: Workspace,
    host: HostFacts,
    capture: Capture | None = None,
    watch: Callable[[int], bool] | None = None,
    tracer: tuple[str, ...] = (),
    watch_seconds: float = WATCH_SECONDS,
) -> Outcome:
    """Run it. Without `capture` the program has our own stdin, stdout and stderr.

    Where time is limited, `watch` is asked with the program's process id every `watch_seconds`;
    once it says yes the time is over.

    Raises CannotStart when the program is at fault (not there, not executable, wrong architecture),
    RuntimeFailed when the host is, PortTaken for a port that cannot be published, KeyboardInterrupt
    when a signal ends a run whose output is captured.
    """
    if not runtime.has_cgroups:
        host = msgspec.structs.replace(host, has_cgroup_limits=False)
    if runtime.name == "runc" and not host.is_root:
        # runc 1.1 (libcontainer/init_linux.go) refuses further groups without root.
        account = msgspec.structs.replace(request.account, groups=())
        request = msgspec.structs.replace(request, account=account)
    _check_limits(request.limits, host)
    document = runtime_document(request, host, host_files(request, workspace.path))
    workspace.document.write_bytes(runtime_bytes(document))
    call = Call(runtime, workspace, tracer=tracer)
    with ExitStack() as ending:
        connect = None
        if request.ports:
            from whit.sandbox.ports import publish  # noqa: PLC0415

            connect = ending.enter_context(publish(request, host)).connect
        started = time.monotonic()
        # Outermost: a signal during the clean-up must not interrupt it.
        ending.enter_context(_forwarding(call))
        ending.callback(call.end)
        process = call.start(capture, terminal=request.terminal)
        if request.limits.seconds:
            ending.enter_context(_timed(call, request.limits.seconds, watch, watch_seconds))
        if connect:
            connect(process, workspace)
        output, dropped = read_output(process, capture)
        status = process.wait()
        seconds = time.monotonic() - started
    if call.was_interrupted:
        raise KeyboardInterrupt
    status = 128 - status if status < 0 else status
    if status and not call.timed_out:
        call.raise_complaint(request.args[0])
    return Outcome(status, seconds, output, dropped, call.timed_out)


class Call:
    """One call of the runtime and what must be undone after it.

    `prefix` is a command that ends in executing the rest of its words: what has to be mounted
    for this call alone. `inherited` are descriptors that it reads. `tracer` is a command that
    leaves the runtime our own child: signals must reach it.
    """

    def __init__(
        self,
        runtime: Runtime,
        workspace: Workspace,
        prefix: tuple[str, ...] = (),
        inherited: tuple[int, ...] = (),
        tracer: tuple[str, ...] = (),
    ) -> None:
        self.runtime, self.workspace = runtime, workspace
        self.prefix, self.inherited, self.tracer = prefix, inherited, tracer
        self.state = str(workspace.state)
        self.log = workspace.path / "runtime.log"
        self.timed_out = False
        self.was_interrupted = False
        self._is_captured = False
        self._heard: list[int] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._keeper: subprocess.Popen[bytes] | None = None

    def start(self, capture: Capture | None, *, terminal: bool) -> subprocess.Popen[bytes]:
        self._is_captured = capture is not None
        delete = self.runtime.command(self.state, "delete", "--force", self.workspace.name)
        places = (self.workspace.path, self.workspace.private)
        self._keeper = subprocess.Popen(
            ["/bin/sh", "-c", _KEEPER, "whit-keeper", *map(str, places), *delete],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._process = subprocess.Popen(
            self.arguments("--log", str(self.log), "--log-format", "json"),
            stdin=capture.stdin if capture else None,
            stdout=subprocess.PIPE if capture else None,
            stderr=subprocess.STDOUT if capture else None,
            # A terminal's keys signal its whole foreground group: with a group of its own the
            # runtime hears them once, from us. With a pty of its own it must read the terminal.
            process_group=None if terminal else 0,
            pass_fds=self.inherited,
        )
        self._tell_keeper(f"{self._process.pid}\n")
        if self.was_interrupted:
            self.kill()
        elif self._heard:  # before there was anybody to hear it
            self._process.send_signal(self._heard[-1])
        return self._process

    def signal(self, number: int) -> None:
        """Pass it on; one SIGINT or SIGTERM too many kills. A program that we run for our own sake
        is not the one that is meant: it ends at once, and so do we.
        """
        self._heard.append(number)
        if self._is_captured and number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self.was_interrupted = True
            self.kill()
        elif sum(n in (signal.SIGINT, signal.SIGTERM) for n in self._heard) >= _PATIENCE:
            self.kill()
        elif self._process:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)

    def arguments(self, *options: str) -> list[str]:
        # A prefix that mounts also covers what the runtime must not see.
        runtime = self.runtime.uncovered if self.prefix else self.runtime
        plain = runtime.command(self.state)
        words = ["run", "--bundle", str(self.workspace.private)]
        words += ["--pid-file", str(self.workspace.path / "pid"), self.workspace.name]
        return [*self.tracer, *self.prefix, *plain, *options, *words]

    def kill(self) -> None:
        """Kill the container; a runtime that made none yet is killed itself."""
        deleted = self.delete()
        if self._process and not deleted:
            with suppress(ProcessLookupError):
                self._process.kill()

    def process_id(self) -> int:
        """The program's, once there is one; else 0."""
        with suppress(OSError, ValueError):
            return int((self.workspace.path / "pid").read_text())
        return 0

    def time_out(self) -> None:
        self.timed_out = True
        self.kill()

    def delete(self) -> bool:
        command = self.runtime.command(self.state, "delete", "--force", self.workspace.name)
        was_there = (self.workspace.state / self.workspace.name).exists()
        subprocess.run(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False, timeout=30
        )
        return was_there

    def end(self) -> None:
        """Whatever happened: no process, no container, no keeper."""
        process = self._process
        if process and process.poll() is None:
            self.kill()
            with suppress(subprocess.TimeoutExpired):
                process.wait(5)
            process.kill()
            process.wait()
        if (self.workspace.state / self.workspace.name).exists():
            self.delete()
        if process and process.stdout:
            process.stdout.close()
        self._tell_keeper("done\n")
        if self._keeper and self._keeper.stdin:
            with suppress(OSError):
                self._keeper.stdin.close()
            self._keeper.wait()

    def _tell_keeper(self, line: str) -> None:
        if self._keeper and self._keeper.stdin:
            with suppress(OSError):
                self._keeper.stdin.write(line.encode())
                self._keeper.stdin.flush()

    def raise_complaint(self, program: str, replay: str = "") -> None:
        """Raise what the runtime logged as an error, if it did."""
        complaint = _complaint_in(self._read_log())
        if not complaint:
            return
        import shlex  # noqa: PLC0415

        self.workspace.keep()
        replay = replay or shlex.join(self.arguments())
        if is_the_program(complaint):
            raise CannotStart(
                f"{program} could not be started in the container",
                hint=f"look at it with `whit plan`; for an hour this replays it: {replay}",
                output=complaint,
            )
        raise RuntimeFailed(
            f"{self.runtime.name} could not make the container",
            hint=f"`whit doctor` examines this host; for an hour this replays it: {replay}",
            output=complaint,
        )

    def _read_log(self) -> bytes:
        try:
            with self.log.open("rb") as file:
                return file.read(_GREATEST_LOG_BYTES)
        except OSError:
            return b""


def is_the_program(complaint: str) -> bool:
    """Whether a runtime's words blame the program rather than the host."""
    words = complaint.lower()
    marks = ("exec: ", "exec format error", "executable file", "open executable", "exec container")
    return any(mark in words for mark in marks)


def _complaint_in(log: bytes) -> str:
    """The messages of level error in a log of JSON lines; anything else is passed over."""
    found = []
    for line in log.splitlines():
        with suppress(msgspec.DecodeError):
            entry = msgspec.json.decode(line, type=dict[str, str])
            if entry.get("level") in ("error", "fatal") and entry.get("msg"):
                found.append(entry["msg"])
    return "\n".join(found)


def _check_limits(limits: Limits, host: HostFacts) -> None:
    if (limits.memory_bytes or limits.pids) and not host.has_cgroup_limits:
        raise RuntimeFailed(
            "memory and process limits need cgroups, which whit cannot use here",
            hint="run without limits, or as root on a host with cgroup v2; see `whit doctor`",
        )


def read_output(process: subprocess.Popen[bytes], capture: Capture | None) -> tuple[bytes, int]:
    """Everything the program says, in bounded memory."""
    if not capture or not process.stdout:
        return b"", 0
    kept, dropped = bytearray(), 0
    descriptor = process.stdout.fileno()
    while chunk := os.read(descriptor, 1 << 16):
        if capture.sink:
            capture.sink(chunk)
            kept += chunk
            dropped += max(len(kept) - capture.limit_bytes, 0)
            del kept[: max(len(kept) - capture.limit_bytes, 0)]
            continue
        room = capture.limit_bytes - len(kept)
        kept += chunk[: max(room, 0)]
        dropped += max(len(chunk) - max(room, 0), 0)
    return bytes(kept), dropped


@contextmanager
def _timed(
    call: Call, seconds: float, watch: Callable[[int], bool] | None, watch_seconds: float
) -> Iterator[None]:
    """End the call when its time is over, or as soon as `watch` has seen enough."""
    over = threading.Event()
    deadline = time.monotonic() + seconds

    def wait() -> None:
        while (left := deadline - time.monotonic()) > 0:
            if over.wait(min(left, watch_seconds) if watch else left):
                return
            number = call.process_id() if watch else 0
            if watch and number and watch(number):
                break
        call.time_out()

    thread = threading.Thread(target=wait)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def _forwarding(call: Call) -> Iterator[None]:
    """Pass signals on while the program runs; only a main thread may, elsewhere nothing changes."""

    def forward(number: int, _frame: FrameType | None) -> None:
        call.signal(number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, forward) for number in _FORWARDED}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
