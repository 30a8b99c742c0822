"""What became of a recipe's C code last time, and whether that still holds. A door.

Asking Go which packages have C code takes as long as a build in which nothing changed; so the
answer is kept beside the output, under a key of all that it depends on.
"""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from hashlib import sha256

import msgspec

from whit.golang.cgo import Way, find_zig
from whit.golang.gomod import read_gomod
from whit.model.program import Recipe

_MEMORY = "cgo"
MAX_OWN_FILES = 2000
MAX_FILE_BYTES = 1 << 20
# Modules outside of the one that is built: their files are not looked at, so Go is asked.
ELSEWHERE = re.compile(rb"=>\s*[./]")


class Memory(msgspec.Struct, frozen=True):
    key: str
    way: Way


def remembered(place: str) -> Memory | None:
    """What the last build at this output place kept."""
    try:
        with open(os.path.join(place, _MEMORY), "rb") as file:
            return msgspec.json.decode(file.read(MAX_FILE_BYTES), type=Memory)
    except (OSError, msgspec.DecodeError):
        return None


def remember(place: str, key: str, way: Way) -> None:
    with suppress(OSError), open(os.path.join(place, _MEMORY), "wb") as file:
        file.write(msgspec.json.encode(Memory(key, way)))


def sources_key(recipe: Recipe, env: Mapping[str, str]) -> str:
    """A digest of what decides about C code; "" when only Go can say."""
    version = recipe.source.version
    tools = f"{find_zig(env)}\0{env.get('CC', '')}\0{env.get('PATH', '')}"
    digest = sha256(tools.encode() + msgspec.msgpack.encode(recipe))
    if version:
        return digest.hexdigest() if is_exact(version) else ""
    root = read_gomod(recipe.source.directory).root
    if not root or env.get("GOWORK") or os.path.exists(os.path.join(root, "go.work")):
        return ""
    for name in ("go.mod", "go.sum", "vendor/modules.txt"):
        text = _read(os.path.join(root, name))
        if text is None or ELSEWHERE.search(text):
            return ""
        digest.update(text + b"\0")
    for count, path in enumerate(own_files(root)):
        if count >= MAX_OWN_FILES:
            return ""
        status = os.stat(path, follow_symlinks=False)
        digest.update(f"{path}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def may_have_c(recipe: Recipe) -> bool:
    """Whether Go has to be asked: not for a module that requires no other and imports no C."""
    if recipe.source.version:
        return True
    root = read_gomod(recipe.source.directory).root or recipe.source.directory
    text = _read(os.path.join(root, "go.mod"))
    if text is None or b"require" in text:
        return True
    for count, path in enumerate(own_files(root)):
        if count >= MAX_OWN_FILES or b'import "C"' in (_read(path) or b""):
            return True
    return False


def own_files(root: str) -> Iterator[str]:
    """The module's Go files, in a fixed order; directories that Go passes over are left out."""
    for place, directories, names in os.walk(root):
        directories[:] = sorted(name for name in directories if not name.startswith((".", "_")))
        yield from (os.path.join(place, name) for name in sorted(names) if name.endswith(".go"))


def is_exact(version: str) -> bool:
    """Whether a version means the same tomorrow: v1.2.3, but not latest, v1 or a branch."""
    return version.startswith("v") and version.count(".") >= 2


def _read(path: str) -> bytes | None:
    """A file's bytes, none for one that is not there; None for one that is too large."""
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError:
        return b""
    return data if len(data) <= MAX_FILE_BYTES else None
