"""Patterns of COPY in, what they mean in a source out, with one digest of all of it (a door).

A source is a Stack: the build context, another stage, an image. Links end at its root, so nothing
outside of it is ever read; what .dockerignore names is not there at all.
"""

import hashlib
import os
import re
import stat
import time
from collections.abc import Callable, Iterator

import msgspec

from whit.dockerfile.flags import did_you_mean
from whit.dockerfile.patterns import compile_patterns
from whit.errors.dockerfile import NoSuchSource
from whit.layer.difference import capability_of, digest_of_file
from whit.layer.stack import Found, Stack
from whit.model.names import Digest
from whit.store.unchanged import Watch

_TICK_NS = 20_000_000
# A path relative to the root of the patterns -> whether they hide it.
IsHidden = Callable[[str], bool]


class Watched(Stack):
    """A directory of the user's; `watch` sees whatever is looked at."""

    def __init__(self, directory: str, watch: Watch) -> None:
        super().__init__((directory,))
        self._watch = watch

    def find(self, path: str) -> Found | None:
        found = super().find(path)
        if found is not None:
            self._watch.see(found.host, found.status)
        return found

    def names(self, path: str) -> list[str]:
        for directory in self._directory(path):
            self._watch.see(directory, os.lstat(directory))
        return super().names(path)


class Filtered(Stack):
    """A source without what patterns hide below `root`. Where some patterns take back (`reopens`),
    a hidden directory is there when something in it is.
    """

    def __init__(
        self, inner: Stack, is_hidden: IsHidden, *, reopens: bool, root: str = "/"
    ) -> None:
        super().__init__(inner.layers)
        self._inner, self._is_hidden, self._reopens = inner, is_hidden, reopens
        self._prefix = root.rstrip("/") + "/"

    def find(self, path: str) -> Found | None:
        found = self._inner.find(path)
        relative = path.removeprefix(self._prefix)
        if found is None or relative == path or not relative or not self._is_hidden(relative):
            return found
        if self._reopens and found.is_directory and self.names(path):
            return found
        return None

    def hides(self, path: str) -> bool:
        """Whether it would be there without the patterns."""
        return self.find(path) is None and self._inner.find(self._inner.resolve(path)) is not None

    def names(self, path: str) -> list[str]:
        prefix = path.rstrip("/")
        names = self._inner.names(path)
        return [name for name in names if self.find(f"{prefix}/{name}") is not None]


class Picked(msgspec.Struct, frozen=True):
    """One source that a pattern means: `name` as it was asked for, `path` where it really lies;
    `above` is the path below the destination that --parents keeps, from `root` on.
    """

    name: str
    path: str
    found: Found
    above: str = ""
    root: str = ""
    number: int = 0  # of the source that it fits, as the instruction lists them


def pick(source: Stack, pattern: str, where: str) -> tuple[Picked, ...]:
    """What `pattern` means: a path, or Go's filepath.Match component by component.

    Errors: NoSuchSource for a plain path that is not there.
    """
    parts = _parts(pattern)
    if not any(_is_wild(part) for part in parts):
        path = "/" + "/".join(parts)
        real = source.resolve(path)
        found = source.find(real)
        if found is None:
            raise _missing(source, pattern, where)
        return (Picked(parts[-1] if parts else "", real, found),)
    plain = next(number for number, part in enumerate(parts) if _is_wild(part))
    at = source.resolve("/" + "/".join(parts[:plain])).rstrip("/")
    picked = []
    for path in _matches(source, at, parts[plain:]):
        real = source.resolve(path)
        found = source.find(real)
        if found is not None:
            picked.append(Picked(path.rpartition("/")[2], real, found))
    return tuple(picked)


def pick_with_parents(
    source: Stack, pattern: str, where: str, below: Callable[[str], Stack]
) -> tuple[Picked, ...]:
    """As `pick`, for --parents: what fits below each root, with the directories on the way to it.
    `**` is any run of directories, no link is followed, and `below` gives what may be seen.

    Errors: NoSuchSource for a plain path that is not there.
    """
    parts = _parts(pattern.partition("/./")[2] or pattern)
    is_plain = not any(map(_is_wild, _parts(pattern)))
    roots = roots_of(source, pattern, where)
    picked = []
    for root in roots:
        at = root.path.rstrip("/")
        seen = below(root.path)
        for path in _fitting(seen, at, parts):
            found = seen.find(path)
            if found is not None:
                *above, name = path[len(at) + 1 :].split("/")
                picked.append(Picked(name, path, found, "/".join(above), root=root.path))
    if is_plain and not picked:
        raise _missing(source, pattern, where)
    return tuple(picked)


def roots_of(source: Stack, pattern: str, where: str) -> tuple[Picked, ...]:
    """Where --parents begins to keep: what stands before `/./`, else the root.

    Errors: NoSuchSource.
    """
    before, pivot, _ = pattern.partition("/./")
    return pick(source, before if pivot else "", where)


def _fitting(source: Stack, at: str, parts: list[str]) -> Iterator[str]:
    """Paths below `at` that --parents means."""
    if not any("**" in part for part in parts):
        yield from _matches(source, at, parts)
        return
    fits = compile_patterns(["/".join(parts)]).matches

    def search(directory: str) -> Iterator[str]:
        for name in source.names(directory or "/"):
            path = f"{directory}/{name}"
            if fits(path[len(at) + 1 :]):
                yield path
            elif (found := source.find(path)) is not None and found.is_directory:
                yield from search(path)

    yield from search(at)


def _missing(source: Stack, pattern: str, where: str) -> NoSuchSource:
    """Why a path is not there, as far as it can be seen."""
    parts = _parts(pattern)
    if isinstance(source, Filtered) and source.hides("/" + "/".join(parts)):
        return NoSuchSource(
            f"{pattern} is in {where}, but its .dockerignore leaves it out",
            hint=f"take it back with a last line !{'/'.join(parts)}",
        )
    names = source.names(source.resolve("/" + "/".join(parts[:-1])))
    hint = did_you_mean(parts[-1], names) if parts else None
    if hint is None and pattern.startswith(("/", "../")) and where == "the build context":
        hint = f"paths begin at the context's own directory, so this is {'/'.join(parts)} in it"
    here = where == "the build context"
    hint = hint or ("make it before the build, or is it named otherwise?" if here else None)
    return NoSuchSource(f"{pattern} is not in {where}", hint=hint or "is it spelled so?")


def _parts(pattern: str) -> list[str]:
    """Cleaned as if the context were the root: `..` does not lead out."""
    parts: list[str] = []
    for part in pattern.split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    return parts


def _is_wild(part: str) -> bool:
    return any(letter in part for letter in "*?[\\")


def _matches(source: Stack, at: str, parts: list[str]) -> Iterator[str]:
    """Paths that fit, sorted, through no link. What fits whole is not looked into."""
    if not parts:
        return
    part, rest = parts[0], parts[1:]
    found = source.find(at or "/")
    if found is None or not found.is_directory:
        return
    expression = component_pattern(part)
    for name in source.names(at or "/"):
        if expression.fullmatch(name):
            path = f"{at}/{name}"
            if rest:
                yield from _matches(source, path, rest)
            else:
                yield path


def component_pattern(part: str) -> re.Pattern[str]:
    """Go's filepath.Match for one component: `*`, `?`, `[a-z]`, `[^a-z]`, backslash."""
    out, at = "", 0
    while at < len(part):
        letter = part[at]
        at += 1
        if letter == "*":
            out += "[^/]*"
        elif letter == "?":
            out += "[^/]"
        elif letter == "\\" and at < len(part):
            out += re.escape(part[at])
            at += 1
        elif letter == "[" and (end := _class_end(part, at)) > 0:
            body = part[at:end]
            negated = "^" if body.startswith("^") else ""
            inner = "".join(_class_letter(c) for c in body.removeprefix("^").replace("\\", ""))
            out += f"[{negated}{inner}]"
            at = end + 1
        else:
            out += re.escape(letter)
    return re.compile(out, re.DOTALL)


def _class_end(part: str, at: int) -> int:
    """Where a character class that begins before `at` ends; 0 where it does not."""
    end = at + (part[at : at + 1] == "^")
    end += 1  # at least one letter
    while end < len(part) and part[end] != "]":
        end += 1
    return end if end < len(part) else 0


def _class_letter(letter: str) -> str:
    return letter if letter == "-" else re.escape(letter)


# ---- digests --------------------------------------------------------------------------------


class FileDigests:
    """Digests of files of one source; those looked at before are known by inode, size and times."""

    def __init__(self, known: dict[str, tuple[str, str]] | None = None) -> None:
        self._known = known or {}
        self.fresh: dict[str, tuple[str, str]] = {}

    def of(self, found: Found) -> Digest:
        status = found.status
        mark = f"{status.st_ino}:{status.st_size}:{status.st_mtime_ns}:{status.st_ctime_ns}"
        known = self._known.get(found.host)
        if known is None or known[0] != mark:
            # A file may change again within one tick of its clock: a young mark proves nothing.
            is_young = time.time_ns() - status.st_ctime_ns < _TICK_NS
            known = ("" if is_young else mark, digest_of_file(found.host))
        self.fresh[found.host] = known
        return Digest(known[1])


def digest_of_picked(
    source: Stack,
    picked: tuple[Picked, ...],
    digests: FileDigests,
    *,
    is_context: bool,
) -> str:
    """One digest of names, modes, owners, sizes, links, capabilities and bytes; times do not
    count, as with BuildKit (cache/contenthash). Files of a context all belong to root.
    """
    state = hashlib.sha256()
    for one in picked:
        state.update(_line("source", one.name, one.above, one.found.is_directory))
        for path, found in walk(source, one):
            status = found.status
            owner = (0, 0) if is_context else (status.st_uid, status.st_gid)
            more: object = ""
            if found.is_file:
                more = (status.st_size, digests.of(found), str(capability_of(found.host)))
            elif found.is_link:
                more = os.readlink(found.host)
            inside = path[len(one.path) :]
            state.update(_line(inside, f"{status.st_mode:o}", *owner, more))
    return state.hexdigest()


def walk(source: Stack, picked: Picked) -> Iterator[tuple[str, Found]]:
    """A picked source and all below it; sockets are passed over."""
    for path, found in source.walk(picked.path):
        if not stat.S_ISSOCK(found.status.st_mode):
            yield path, found


def _line(*parts: object) -> bytes:
    return repr(parts).encode("utf-8", "surrogateescape") + b"\n"
