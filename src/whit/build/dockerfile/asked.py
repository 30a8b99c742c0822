"""The words of the Dockerfile options in, Asked out: checked before anything is done."""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import msgspec

from whit.errors import UsageError

_GREATEST_SECRET_BYTES = 500 * 1024  # as BuildKit


class Asked(msgspec.Struct, frozen=True):
    """`file` is the Dockerfile, `context` the directory; `contexts` are named ones by name.
    `secrets` read a value when a step asks for it; `agents` are sockets.
    """

    file: str
    context: str
    target: str = ""
    arguments: tuple[tuple[str, str], ...] = ()
    contexts: tuple[tuple[str, str], ...] = ()
    secrets: tuple[tuple[str, Callable[[], bytes]], ...] = ()
    agents: tuple[tuple[str, str], ...] = ()
    has_go_cache: bool = True
    is_fresh: bool = False


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
    """`NAME=oci-layout://DIR`, `NAME=docker-image://IMAGE`, `NAME=DIR`."""
    found: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not name or not equals or not value:
            raise UsageError(
                f"--build-context {word!r} says nothing",
                hint="write --build-context NAME=oci-layout://DIR, docker-image://IMAGE or DIR",
            )
        found[name] = value
    return tuple(found.items())


def parse_secrets(
    words: Sequence[str], directory: str, env: Mapping[str, str]
) -> tuple[tuple[str, Callable[[], bytes]], ...]:
    """`id=NAME[,src=FILE|env=VARIABLE]`; without either NAME is a variable or a file."""
    found: dict[str, Callable[[], bytes]] = {}
    for word in words:
        fields = dict(part.partition("=")[::2] for part in word.split(","))
        file = fields.get("src") or fields.get("source") or ""
        variable = fields.get("env", "")
        name = fields.get("id") or os.path.basename(file) or variable
        known = {"id", "src", "source", "env", "type"}
        if not name or set(fields) - known or fields.get("type", "file") not in ("file", "env"):
            raise UsageError(
                f"--secret {word!r} is no secret",
                hint="write --secret id=NAME,src=FILE or --secret id=NAME,env=VARIABLE",
            )
        if fields.get("type") == "env":
            variable = variable or file or name
        if not file and not variable:
            variable, file = (name, "") if name in env else ("", name)
        if variable:
            if variable not in env:
                raise UsageError(
                    f"--secret {name}: the variable {variable} is not set",
                    hint="set it, or name a file: src=FILE",
                )
            found[name] = partial(env[variable].encode, "utf-8", "surrogateescape")
        else:
            found[name] = partial(_read_secret, name, os.path.join(directory, file))
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


def find_file(file: str, context: str) -> str:
    """The Dockerfile. `Dockerfile` may be written `dockerfile`. Errors: UsageError."""
    path = Path(file)
    for candidate in (path, path.with_name("dockerfile")):
        if candidate.is_file() and (candidate == path or path.name == "Dockerfile"):
            return str(candidate)
    hint = f"name it: -f {context}/Dockerfile" if (Path(context) / "Dockerfile").is_file() else None
    raise UsageError(f"there is no Dockerfile at {file}", hint=hint)


def _read_secret(name: str, path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            data = file.read(_GREATEST_SECRET_BYTES + 1)
    except OSError as error:
        raise UsageError(
            f"--secret {name}: cannot read {path}: {error.strerror}", hint="name another file"
        ) from None
    if len(data) > _GREATEST_SECRET_BYTES:
        raise UsageError(f"--secret {name}: {path} has more than {_GREATEST_SECRET_BYTES} bytes")
    return data
