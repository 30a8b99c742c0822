"""A request's ports in, listening sockets and a forwarder out (a door).

We listen outside; a small process inside the container's network namespace connects. A socket
belongs to the namespace it was made in, so the forwarder inherits ours and dials its own loopback:

    client ─▶ listening socket (made by us) ─▶ forwarder (nsenter) ─▶ 127.0.0.1:port inside

It needs no root, no bridge and no firewall rule. On the host's own network only a port that differs
inside needs it.
"""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from whit.errors.sandbox import PortTaken
from whit.sandbox.spec import HostFacts, Network, Port, RunRequest
from whit.sandbox.workspace import Workspace

_BACKLOG = 128
_FORWARDER = str(Path(__file__).with_name("forward.py"))
_START_SECONDS = 10.0


class Published:
    """Sockets that listen already, before the program starts: no client is refused."""

    def __init__(self, sockets: list[tuple[socket.socket, Port]], enter: list[str] | None) -> None:
        self._sockets, self._enter = sockets, enter
        self._forwarder: subprocess.Popen[bytes] | None = None

    def connect(self, process: subprocess.Popen[bytes], workspace: Workspace) -> None:
        """Start the forwarder as soon as the container has a process to enter by."""
        if not self._sockets:
            return
        prefix: list[str] = []
        if self._enter is not None:
            number = _wait_for_number(workspace.path / "pid", process)
            if not number:
                return
            prefix = ["nsenter", "--target", number, *self._enter, "--"]
        pairs = [f"{listening.fileno()}={port.container}" for listening, port in self._sockets]
        self._forwarder = subprocess.Popen(
            [*prefix, sys.executable, "-I", "-S", _FORWARDER, *pairs],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[listening.fileno() for listening, _ in self._sockets],
            start_new_session=True,
        )

    def close(self) -> None:
        for listening, _ in self._sockets:
            listening.close()
        if self._forwarder:
            self._forwarder.kill()
            if self._forwarder.stdin:
                self._forwarder.stdin.close()
            self._forwarder.wait()


@contextmanager
def publish(request: RunRequest, host: HostFacts) -> Iterator[Published]:
    """Listen on every port of the request. Raises PortTaken."""
    on_host = request.network is Network.HOST
    wanted = [port for port in request.ports if not on_host or port.host != port.container]
    enter = None if on_host else ["--net"]
    if enter is not None and not host.is_root:
        enter += ["--user", "--preserve-credentials"]
    sockets: list[tuple[socket.socket, Port]] = []
    published = Published(sockets, enter)
    try:
        for port in wanted:
            sockets.append((_listen(port), port))  # noqa: PERF401
        yield published
    finally:
        published.close()


def _listen(port: Port) -> socket.socket:
    family = socket.AF_INET6 if ":" in port.address else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((port.address, port.host))
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise PortTaken(
            f"cannot listen on {port.address}:{port.host}: {error.strerror}".replace(
                " :", " port "
            ),
            hint=f"publish another port: -p {port.host + 1000}:{port.container}",
        ) from error
    return listening


def _wait_for_number(path: Path, process: subprocess.Popen[bytes]) -> str:
    """The process id that the runtime writes once the container exists; "" when it ended first."""
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with suppress(OSError):
            number = path.read_text().strip()
            if number.isdigit():
                return number
        time.sleep(0.003)
    return ""
