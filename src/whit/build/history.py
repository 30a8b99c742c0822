"""A size in, a line of its history out: what a program or an image weighed, revision by revision.

One JSON line for each size that differs from the one before: who commits the file, or caches it,
has the whole story. The date is the commit's, so the same commit writes the same line everywhere.
"""

import os
from typing import Protocol

import msgspec

from whit.errors.request import BadSettingsFile
from whit.golang.vcs import describe
from whit.model.weight import Past

MAX_BYTES = 16 << 20


class Weighed(Protocol):
    """What a name weighs."""

    @property
    def name(self) -> str: ...
    @property
    def disk(self) -> int: ...
    @property
    def compressed(self) -> int: ...
    @property
    def files(self) -> int: ...


def past_of(weight: Weighed, directory: str) -> Past:
    """The size with what git says of the directory."""
    vcs = describe(directory)
    changed = "+" if vcs.modified and vcs.revision else ""
    return Past(
        name=weight.name,
        date=vcs.time,
        revision=vcs.revision[:12] + changed,
        disk=weight.disk,
        compressed=weight.compressed,
        files=weight.files,
    )


def remember(path: str, past: Past) -> tuple[Past, ...]:
    """All sizes of this name, the new one among them; written only where it differs from the last.
    Errors: BadSettingsFile for a file that is something else.
    """
    known = read_history(path)
    own = [one for one in known if one.name == past.name]
    if own and _size(own[-1]) == _size(past):
        return tuple(own)
    line = msgspec.json.encode(past) + b"\n"
    try:
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        # One write at the end: of two builds at once neither loses its line.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        try:
            os.write(descriptor, line)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise _unusable(path, error.strerror or "") from error
    return (*own, past)


def read_history(path: str) -> tuple[Past, ...]:
    """Every line of the file; nothing where there is none."""
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise _unusable(path, error.strerror or "") from error
    if len(data) > MAX_BYTES or (data and not data.endswith(b"\n")):
        raise _unusable(path, "it is too large, or its last line has no end")
    try:
        return tuple(msgspec.json.Decoder(Past).decode_lines(data))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _unusable(path, str(error)) from error


def _size(past: Past) -> tuple[int, int, int]:
    return past.disk, past.compressed, past.files


def _unusable(path: str, why: str) -> BadSettingsFile:
    return BadSettingsFile(
        f"{path} is no history of sizes: {why}",
        hint="name another file, or remove this one to begin anew",
    )
