"""What the user typed in, Source out: which directory Go runs in and what it is asked to build."""

import os

from whit.errors.golang import BadSource
from whit.golang.gomod import read_gomod
from whit.model.program import Source

_FORMS = (
    "a source is a directory (. or ./cmd/app), a pattern (./cmd/...), "
    "or a module path at a version (example.com/app/cmd/app@latest)"
)


def read_source(text: str, cwd: str) -> Source:
    """Read `.`, `./cmd/app`, `./cmd/...`, `/a/directory`, `example.com/m/cmd/app@v1.2.0`, or
    several of the first kinds with spaces between. `cwd` is absolute.

    A directory of another module than that of `cwd` is built from there. Raises BadSource.
    """
    words = [text] if text and os.path.isdir(os.path.join(cwd, text)) else text.split()
    if not words:
        raise BadSource("the source is empty", hint=_FORMS)
    for word in words:
        if word.startswith("-") or not word.isprintable() or len(word) > 4096:
            raise BadSource(f"{word[:80]!r} is no source", hint=_FORMS)
    if any(_is_versioned(word) for word in words):
        return _module_source(words, cwd)
    home = read_gomod(cwd).root
    places = [_place(word, cwd, home) for word in words]
    directories = {directory for directory, _ in places}
    if len(directories) > 1:
        raise BadSource(
            f"{text!r} reaches into several modules",
            hint="build each module by a command of its own",
        )
    return Source(directories.pop(), tuple(package for _, package in places))


def _is_versioned(word: str) -> bool:
    return "@" in word and not word.startswith((".", "/"))


def _module_source(words: list[str], cwd: str) -> Source:
    if len(words) > 1:
        raise BadSource(
            f"{' '.join(words)!r}: a module at a version is built alone",
            hint="build each by a command of its own",
        )
    path, _, version = words[0].partition("@")
    if not path or not version or "@" in version or "..." in path:
        raise BadSource(
            f"{words[0]!r} is no package at a version",
            hint="write it as example.com/app/cmd/app@v1.2.3 or …@latest",
        )
    first = path.partition("/")[0]
    if "." not in first:
        raise BadSource(
            f"{path!r} is no module path: its first part {first!r} is no host name",
            hint="write it as example.com/app/cmd/app@v1.2.3; drop the @ for a directory",
        )
    return Source(cwd, (path,), version)


def _place(word: str, cwd: str, home: str) -> tuple[str, str]:
    """(directory where go runs, package pattern there) of one path, pattern or import path."""
    base, dots = word, ""
    if word == "..." or word.endswith("/..."):
        base, dots = word[:-3].rstrip("/") or ("/" if word.startswith("/") else "."), "/..."
    path = os.path.normpath(os.path.join(cwd, base))
    is_path = word.startswith((".", "/"))
    if not os.path.isdir(path):
        if not is_path:
            return cwd, word  # an import path of this module or one of its dependencies
        if os.path.isfile(path) and path.endswith(".go"):
            raise BadSource(
                f"{word} is one Go file", hint=f"name its directory: {os.path.dirname(word) or '.'}"
            )
        raise BadSource(f"there is no directory {path}", hint=_FORMS)
    root = read_gomod(path).root
    if root != home or (not root and path != cwd):
        return path, "." + dots
    relative = os.path.relpath(path, cwd)
    if relative == ".":
        return cwd, "." + dots
    return cwd, (relative if relative.startswith("..") else f"./{relative}") + dots
