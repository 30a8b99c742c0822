"""The bytes of a program's interpreter in, Loader out: where that loader looks for libraries. Pure.

glibc's ld.so holds its own list of directories, which distributions change; so it is read from
the loader itself. musl reads a file beside itself, else it has a fixed list.
"""

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

import msgspec

from whit.binary.librarycache import CACHE_PATH, Cached, read_cache
from whit.model.files import Files, Found

MUSL_DIRECTORIES = ("/lib", "/usr/local/lib", "/usr/lib")
# Where ld.so keeps no list that can be read: what upstream compiles in.
PLAIN_DIRECTORIES = ("/lib64", "/usr/lib64", "/lib", "/usr/lib")
# A run of NUL-terminated directories, each ending in a slash: glibc's `system_dirs`.
# Bounded on all sides, so that no file can make the search slow.
SYSTEM_DIRECTORIES = re.compile(rb"(?:(?:/[A-Za-z0-9_.+-]{1,64}){1,12}/\0){1,16}")
CONF_PATH = "/etc/ld.so.conf"
MAX_CONF_FILES = 256
HWCAPS = "glibc-hwcaps"
MAX_LOADER_BYTES = 4 << 20


class Loader(msgspec.Struct, frozen=True):
    """`path` is what PT_INTERP names; `library_directory` is what $LIB stands for. `cache` are the
    libraries that ld.so.cache names; `configured` the directories of ld.so.conf, set only where a
    root has the one and not the other, as if ldconfig were still to run.
    """

    path: str
    found: Found
    is_musl: bool
    directories: tuple[str, ...]
    library_directory: str
    cache: dict[str, tuple[Cached, ...]] = {}
    configured: tuple[str, ...] = ()


def read_loader(
    interpreter: str, files: Files, architecture: str, *, uses_conf: bool
) -> Loader | None:
    """None when the root has no such file."""
    found = files.find(interpreter)
    if found is None:
        return None
    data = files.read(found)[:MAX_LOADER_BYTES]
    if is_musl(interpreter):
        return Loader(interpreter, found, True, _musl_directories(interpreter, files), "lib")
    directories = _system_directories(data)
    order = ">" if architecture == "s390x" else "<"
    cache = files.find(CACHE_PATH)
    known = (
        dict(read_cache(bytes(files.read(cache)), architecture, order)) if cache is not None else {}
    )
    return Loader(
        path=interpreter,
        found=found,
        is_musl=False,
        directories=directories,
        library_directory=directories[0].strip("/"),
        cache=known,
        configured=conf_directories(files) if cache is None and uses_conf else (),
    )


def is_musl(interpreter: str) -> bool:
    return interpreter.rpartition("/")[2].startswith("ld-musl-")


def _system_directories(data: memoryview) -> tuple[str, ...]:
    found = (match.group() for match in SYSTEM_DIRECTORIES.finditer(data))
    runs = [run for run in found if all(b"lib" in part for part in run.split(b"\0") if part)]
    if not runs:
        return PLAIN_DIRECTORIES
    longest = max(runs, key=lambda run: run.count(b"\0"))
    texts = [part.decode().rstrip("/") for part in longest.split(b"\0") if part]
    return tuple(dict.fromkeys(texts))


def _musl_directories(interpreter: str, files: Files) -> tuple[str, ...]:
    """/etc/ld-musl-ARCH.path: directories on lines or between colons (ldso/dynlink.c)."""
    place, _, name = interpreter.rpartition("/")
    prefix = place.rpartition("/")[0]
    path = f"{prefix}/etc/{name.removesuffix('.1').removesuffix('.so')}.path"
    found = files.find(path)
    if found is None:
        return MUSL_DIRECTORIES
    text = bytes(files.read(found)[: 1 << 16]).decode("utf-8", "replace")
    return tuple(part for part in re.split(r"[:\n]", text) if part.startswith("/"))


def conf_directories(files: Files) -> tuple[str, ...]:
    """The directories that ld.so.conf and what it includes name, in order, each once."""
    found: dict[str, None] = {}
    _read_conf(files, CONF_PATH, found, set())
    return tuple(found)


def _read_conf(files: Files, path: str, found: dict[str, None], seen: set[str]) -> None:
    file = files.find(path)
    if file is None or file.path in seen or len(seen) >= MAX_CONF_FILES:
        return
    seen.add(file.path)
    for line in bytes(files.read(file)[: 1 << 20]).decode("utf-8", "replace").splitlines():
        words = line.partition("#")[0].split()
        if not words or words[0] == "hwcap":
            continue
        if words[0] == "include":
            for pattern in words[1:]:
                for name in _matching(files, pattern):
                    _read_conf(files, name, found, seen)
            continue
        for word in re.split(r"[\s:,]+", " ".join(words)):
            directory = word.partition("=")[0].rstrip("/")
            if directory.startswith("/"):
                found.setdefault(directory)


def _matching(files: Files, pattern: str) -> Sequence[str]:
    absolute = pattern if pattern.startswith("/") else f"/etc/{pattern}"
    directory, _, wanted = absolute.rpartition("/")
    if "*" in directory or "?" in directory:
        return ()
    return [f"{directory}/{name}" for name in files.names(directory) if fnmatchcase(name, wanted)]
