"""Debian's docker-registry on the loopback interface: emptied between runs, its log counted."""

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from measure import Absent

REQUEST = re.compile(rb'"[A-Z]+ /v2/\S* HTTP/[0-9.]+" [0-9]{3}')
START_SECONDS = 10


@dataclass(frozen=True)
class Registry:
    """`host` is what stands before a repository."""

    host: str
    data: Path
    log: Path

    def empty(self) -> None:
        """Forget everything: the registry keeps nothing in memory."""
        shutil.rmtree(self.data, ignore_errors=True)
        self.data.mkdir(parents=True)

    def request_count(self) -> int:
        time.sleep(0.1)  # the log is written after the answer
        return len(REQUEST.findall(self.log.read_bytes()))


@contextmanager
def docker_registry(work: Path) -> Iterator[Registry]:
    program = shutil.which("docker-registry")
    if program is None:
        raise Absent("docker-registry is not installed")
    work.mkdir(parents=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    config = work / "config.yml"
    config.write_text(
        f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {work}/data}}}}\n"
        f"http: {{addr: '{address}'}}\nlog: {{level: error}}\n"
    )
    registry = Registry(address, work / "data", work / "log")
    registry.empty()
    with registry.log.open("wb") as talk:
        process = subprocess.Popen(
            [program, "serve", str(config)], stdin=subprocess.DEVNULL, stdout=talk, stderr=talk
        )
    try:
        end = time.monotonic() + START_SECONDS
        while not _answers(address):
            if time.monotonic() > end or process.poll() is not None:
                raise Absent("docker-registry did not start")
            time.sleep(0.05)
        yield registry
    finally:
        process.terminate()
        process.wait()


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0
