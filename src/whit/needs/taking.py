"""Names of programs and directories to take along in, what each has to bring out. Pure.

A program brings its closure; a script brings the program that reads it; a directory brings the
closures of the libraries below it, which something loads by name.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from whit.binary.dynamic import read_dynamic
from whit.binary.facts import Facts, read_facts
from whit.errors import WhitError
from whit.model.files import Files
from whit.model.plan import Evidence, Need, Standing, What
from whit.needs.closure import Start, start_of
from whit.needs.rules import rule_named

PROGRAM_DIRECTORIES = (
    *("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"),
)
PROGRAMS = "N060"
MAX_PROGRAMS = 256
MAX_ENTRIES = 200_000
MAX_DEPTH = 24
MODULE = re.compile(r"\.so(\.\d+)*$")


class Taken(msgspec.Struct, frozen=True, eq=False):
    """Dynamic programs to make closures of, and the need that brings all programs themselves."""

    starts: tuple[tuple[Facts, Start], ...]
    needs: tuple[Need, ...]


def take_programs(taken: Sequence[tuple[str, str]], files: Files, env: Mapping[str, str]) -> Taken:
    """Follow scripts to what reads them. A program that the root does not have stays in the need:
    whoever makes the plan tells that nobody provides it.
    """
    waiting = [(name, f"--need program:{name}") for kind, name in taken if kind == "program"]
    what: dict[str, What] = {}
    starts: list[tuple[Facts, Start]] = []
    while waiting and len(what) < MAX_PROGRAMS:
        name, why = waiting.pop(0)
        path = _path_of(name, files, env)
        if path in what:
            continue
        what[path] = What("program", (path,), why)
        found = files.find(path)
        if found is None:
            continue
        data = files.read(found)
        if bytes(data[:2]) == b"#!":
            waiting += [
                (word, f"{path} is a script for it") for word in readers_of(bytes(data[:512]))
            ]
            continue
        try:
            facts = read_facts(data)
        except WhitError:
            continue
        if facts.interpreter:
            dynamic = read_dynamic(facts.elf)
            start = start_of(path, path, facts.elf, dynamic, env, is_beside=False)
            starts.append((facts, start))
    if not what:
        return Taken((), ())
    rule = rule_named(PROGRAMS)
    title = rule.title if rule else ""
    evidence = tuple(Evidence("flag", one.why) for one in what.values())
    need = Need(PROGRAMS, title, Standing.DECLARED, tuple(what.values()), evidence)
    return Taken(tuple(starts), (need,))


def readers_of(head: bytes) -> tuple[str, ...]:
    """The programs that the first line of a script names: the one, or env's and env itself."""
    line = head[2:].partition(b"\n")[0].decode("utf-8", "replace").split()
    if not line:
        return ()
    if line[0].rpartition("/")[2] != "env":
        return (line[0],)
    words = [word for word in line[1:] if not word.startswith("-") and "=" not in word]
    return (line[0], *words[:1])


def modules_under(directory: str, files: Files) -> tuple[str, ...]:
    """Paths of the shared objects under a directory of the root, sorted."""
    waiting, found, count = [directory], [], 0
    while waiting and count < MAX_ENTRIES:
        place = waiting.pop()
        for name in files.names(place):
            count += 1
            path = f"{place}/{name}"
            if MODULE.search(name) and files.find(path):
                found.append(path)
            elif path.count("/") < MAX_DEPTH and not files.find(path):
                waiting.append(path)
    return tuple(sorted(found))


def with_modules(start: Start, libraries: Iterable[str], modules: Iterable[str]) -> Start:
    """The program as it opens these by name."""
    extra = tuple((name, start.path) for name in (*libraries, *modules))
    return msgspec.structs.replace(start, extra=(*start.extra, *extra))


def _path_of(name: str, files: Files, env: Mapping[str, str]) -> str:
    if "/" in name:
        return name
    places = env["PATH"].split(":") if env.get("PATH") else PROGRAM_DIRECTORIES
    return next((f"{p}/{name}" for p in places if files.find(f"{p}/{name}")), name)
