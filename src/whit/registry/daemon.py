"""A docker archive in, an image in the local Docker daemon out, through `docker load`.

The docker command is asked, and not the daemon's socket, because it knows where the daemon is:
DOCKER_HOST, contexts, ssh. The archive streams into it; nothing is written to disk here.
"""

import os
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import BinaryIO

from whit.errors import DaemonRefused, NoDaemon, NoDocker

_MAX_OUTPUT_BYTES = 64 << 10
_LOADED = ("Loaded image: ", "Loaded image ID: ")


def load_into_daemon(write_archive: Callable[[BinaryIO], None]) -> tuple[str, ...]:
    """Run `docker load` on what `write_archive` writes; the names or IDs that docker loaded.

    Errors: NoDocker, NoDaemon, DaemonRefused; what `write_archive` raises.
    """
    try:
        process = subprocess.Popen(
            ["docker", "load"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(os.environ),
        )
    except OSError as error:
        raise NoDocker(
            f"cannot run the docker command: {error.strerror}",
            hint="install docker, or write a file: --to docker-archive:FILE",
        ) from None
    said: list[bytes] = []
    listener = threading.Thread(target=_listen, args=(process, said), daemon=True)
    listener.start()
    try:
        _feed(process, write_archive)
    except BaseException:
        process.kill()
        raise
    finally:
        status = process.wait()
        listener.join()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()
    output = b"".join(said).decode("utf-8", "replace").strip()
    if status:
        raise _refusal(output)
    return tuple(
        line.removeprefix(word)
        for line in output.splitlines()
        for word in _LOADED
        if line.startswith(word)
    )


def _feed(process: "subprocess.Popen[bytes]", write_archive: Callable[[BinaryIO], None]) -> None:
    pipe = process.stdin
    if pipe is None:
        raise AssertionError("the pipe was asked for")
    sink = _Pipe(pipe)
    write_archive(sink)  # type: ignore[arg-type]
    sink.close()


class _Pipe:
    """A pipe whose reader may leave early: docker says why at its end, so that is no error here."""

    def __init__(self, pipe: object) -> None:
        self._pipe: BinaryIO = pipe  # type: ignore[assignment]
        self._is_broken = False

    def write(self, data: bytes) -> int:
        if not self._is_broken:
            try:
                self._pipe.write(data)
            except BrokenPipeError:
                self._is_broken = True
        return len(data)

    def close(self) -> None:
        try:
            self._pipe.close()
        except BrokenPipeError:
            self._is_broken = True


def _listen(process: "subprocess.Popen[bytes]", said: list[bytes]) -> None:
    """Keep docker's first words; read the rest so that it never waits for us."""
    kept = 0
    while process.stdout is not None and (data := process.stdout.read1(4096)):  # type: ignore[attr-defined]
        if kept < _MAX_OUTPUT_BYTES:
            said.append(data)
            kept += len(data)


def _refusal(output: str) -> NoDaemon | DaemonRefused:
    lowered = output.lower()
    if any(words in lowered for words in ("cannot connect", "is the docker daemon running")):
        host = os.environ.get("DOCKER_HOST")
        where = f" at DOCKER_HOST={host}" if host else ""
        return NoDaemon(
            f"no Docker daemon answers{where}",
            hint="start it, set DOCKER_HOST, or write a file: --to docker-archive:FILE",
            output=output,
        )
    if "permission denied" in lowered:
        return NoDaemon(
            "the Docker daemon does not let this user in",
            hint="join its group, or write a file: --to docker-archive:FILE",
            output=output,
        )
    return DaemonRefused(
        "the Docker daemon did not take the image",
        hint="its own words are above; a file can be looked at: --to docker-archive:FILE",
        output=output,
    )
