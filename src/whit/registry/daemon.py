"""Archives in, images in engines and clusters on this machine out, through their own commands;
and back.

The commands are asked, and not the engines' sockets, because they know where the engine is:
DOCKER_HOST, contexts, ssh, namespaces. Archives stream into them where they take a stream.
"""

import os
import subprocess
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import IO, BinaryIO

import msgspec

from whit.errors.registry import DaemonRefused, NoDaemon, NoDocker

_MAX_OUTPUT_BYTES = 64 << 10
_LOADED = ("Loaded image: ", "Loaded image ID: ")
SAVE_SECONDS = 3600


class Engine(msgspec.Struct, frozen=True):
    """How an engine takes and gives archives. FILE, NAME and PLACE stand for what is meant; a
    command without FILE reads or writes a stream. `place_flag` goes before PLACE, if one is given.
    """

    load: tuple[str, ...]
    save: tuple[str, ...] = ()
    place_flag: str = ""


ENGINES = {
    "docker-daemon": Engine(("docker", "load"), ("docker", "save", "NAME")),
    "podman": Engine(("podman", "load"), ("podman", "save", "--format", "oci-archive", "NAME")),
    "containerd": Engine(
        ("ctr", "images", "import", "--all-platforms", "-"),
        ("ctr", "images", "export", "--all-platforms", "-", "NAME"),
    ),
    "kind": Engine(("kind", "load", "image-archive", "FILE"), place_flag="--name"),
    "k3d": Engine(("k3d", "image", "import", "FILE"), place_flag="--cluster"),
    "minikube": Engine(("minikube", "image", "load", "FILE"), place_flag="--profile"),
}


def load_into_daemon(write_archive: Callable[[BinaryIO], None]) -> tuple[str, ...]:
    """Run `docker load` on what `write_archive` writes; the names or IDs that docker loaded.

    Errors: NoDocker, NoDaemon, DaemonRefused; what `write_archive` raises.
    """
    return tuple(
        line.removeprefix(word)
        for line in load_archive("docker-daemon", "", write_archive).splitlines()
        for word in _LOADED
        if line.startswith(word)
    )


def load_archive(engine_name: str, place: str, write_archive: Callable[[BinaryIO], None]) -> str:
    """Give an engine what `write_archive` writes; the command's words. Errors: as above."""
    engine = ENGINES[engine_name]
    command = list(engine.load)
    if place:
        command += [engine.place_flag, place]
    if "FILE" not in command:
        return _stream(command, write_archive)
    with tempfile.NamedTemporaryFile(prefix="whit-", suffix=".tar") as file:
        write_archive(file)  # type: ignore[arg-type]
        file.flush()
        return _stream([file.name if word == "FILE" else word for word in command], lambda _: None)


def save_archive(engine_name: str, name: str, out: IO[bytes]) -> None:
    """Write what an engine exports of an image. Errors: as above."""
    command = [name if word == "NAME" else word for word in ENGINES[engine_name].save]
    if not command:
        raise NoDocker(
            f"{engine_name} gives no image back", hint="copy it from where it was loaded from"
        )
    try:
        done = subprocess.run(
            command, stdout=out, stderr=subprocess.PIPE, check=False, timeout=SAVE_SECONDS
        )
    except OSError as error:
        raise _no_command(command[0], error) from None
    except subprocess.TimeoutExpired:
        raise DaemonRefused(f"{' '.join(command)} took more than an hour") from None
    if done.returncode:
        words = done.stderr[:_MAX_OUTPUT_BYTES].decode("utf-8", "replace").strip()
        raise _refusal(command, words)
    out.flush()


def _no_command(program: str, error: OSError) -> NoDocker:
    return NoDocker(
        f"cannot run the {program} command: {error.strerror}",
        hint=f"install {program}, or write a file: --to docker-archive:FILE",
    )


def _stream(command: list[str], write_archive: Callable[[BinaryIO], None]) -> str:
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(os.environ),
        )
    except OSError as error:
        raise _no_command(command[0], error) from None
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
        raise _refusal(command, output)
    return output


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


def _refusal(command: list[str], output: str) -> NoDaemon | DaemonRefused:
    lowered = output.lower()
    engine = "the Docker daemon" if command[0] == "docker" else command[0]
    if any(words in lowered for words in ("cannot connect", "is the docker daemon running")):
        host = os.environ.get("DOCKER_HOST")
        where = f" at DOCKER_HOST={host}" if host and command[0] == "docker" else ""
        return NoDaemon(
            f"{engine} does not answer{where}",
            hint="start it, set DOCKER_HOST, or write a file: --to docker-archive:FILE",
            output=output,
        )
    if "permission denied" in lowered:
        return NoDaemon(
            f"{engine} does not let this user in",
            hint="join its group, or write a file: --to docker-archive:FILE",
            output=output,
        )
    if "save" in command or "export" in command:
        return DaemonRefused(
            f"{engine} gave no image {command[-1]!r}",
            hint="its own words are above",
            output=output,
        )
    return DaemonRefused(
        f"{engine} did not take the image",
        hint="its own words are above; a file can be looked at: --to docker-archive:FILE",
        output=output,
    )
