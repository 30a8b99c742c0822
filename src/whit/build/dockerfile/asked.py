"""The words of the Dockerfile options in, Asked out: checked before anything is done."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from whit.errors import UsageError
from whit.model.secret import Secrets


class Asked(msgspec.Struct, frozen=True):
    """`file` is the Dockerfile, `context` the directory; `contexts` are named ones by name.
    `agents` are sockets, by id.
    """

    file: str
    context: str
    target: str = ""
    arguments: tuple[tuple[str, str], ...] = ()
    contexts: tuple[tuple[str, str], ...] = ()
    secrets: Secrets = Secrets()
    agents: tuple[tuple[str, str], ...] = ()
    has_go_cache: bool = True
    rewrites_times: bool = False
    is_fresh: bool = False
    memory_bytes: int = 0  # of each step; 0 for no limit, as with `pids`
    pids: int = 0
    # Where steps are looked up, and where they are kept for other machines.
    cache_from: tuple[str, ...] = ()
    cache_to: tuple[str, ...] = ()
    # The words of the command line, where the answer may be given again while nothing changes.
    words: tuple[str, ...] = ()


def parse_arguments(words: Sequence[str], env: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """`NAME=value`, or `NAME` for the value it has here; where it has none it is not given."""
    found: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not name:
            raise UsageError(f"--build-arg {word!r} names nothing", hint="write --build-arg NAME=v")
        if equals:
            found[name] = value
        elif name in env:
            found[name] = env[name]
    return tuple(found.items())


def parse_contexts(words: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """`NAME=oci-layout://DIR`, `NAME=docker-image://IMAGE`, `NAME=whit-base:static`, `NAME=DIR`."""
    found: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not name or not equals or not value:
            raise UsageError(
                f"--build-context {word!r} says nothing",
                hint="write --build-context NAME=oci-layout://DIR, docker-image://IMAGE, "
                "whit-base:static or DIR",
            )
        found[name] = value
    return tuple(found.items())


def parse_agents(words: Sequence[str], env: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """`default` for the agent of this session, or `ID=SOCKET`."""
    found: dict[str, str] = {}
    for word in words:
        name, _, socket = word.partition("=")
        socket = socket or env.get("SSH_AUTH_SOCK", "")
        if not socket:
            raise UsageError(
                f"--ssh {word}: no agent runs here",
                hint="start one (ssh-agent), or name its socket: --ssh default=SOCKET",
            )
        found[name or "default"] = socket
    return tuple(found.items())


def find_context(directory: str) -> str:
    """The directory whose files COPY takes. Errors: UsageError."""
    if not os.path.isdir(directory):
        raise UsageError(
            f"there is no directory {os.path.relpath(directory)} to build in",
            hint="the build context is a directory, often `.`",
        )
    return directory


def find_file(file: str, context: str) -> str:
    """The Dockerfile. `Dockerfile` may be written `dockerfile`. Errors: UsageError."""
    path = Path(file)
    if file == "-":
        raise UsageError("whit reads no Dockerfile from stdin", hint="write it into a file first")
    candidates = (path, path.with_name("dockerfile")) if path.name == "Dockerfile" else (path,)
    for candidate in candidates:
        if candidate.is_file():
            return str(candidate)
    if path.is_dir():
        raise UsageError(f"{file} is a directory", hint=f"name the file: -f {path / 'Dockerfile'}")
    there = Path(context) / "Dockerfile"
    hint = f"name it: -f {os.path.relpath(there)}" if there.is_file() else None
    raise UsageError(f"there is no Dockerfile at {file}", hint=hint)
