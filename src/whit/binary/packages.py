"""Names of Go symbols in, the packages and modules they belong to out. Pure.

    net/http.(*Client).Do           package net/http
    type:.eq.net/http.Cookie        package net/http: the compiler wrote it for the type
    main.main.func1                 package main, which the build info calls by its path
    github.com/a/b%2ev2.F           a dot in the last part of a path is written %2e

What belongs to nobody gets a package in parentheses, so that a sum never hides it.
"""

import re
from collections.abc import Mapping, Sequence

from whit.binary.goinfo import GoInfo

C_CODE = "(C code)"
ASSEMBLY = "(assembly)"
GENERATED = "(generated)"
STD = "std"
UNKNOWN = "(unknown)"
OBFUSCATED = "(obfuscated)"
# What paths of the standard library begin with (`go list std`).
_STD = re.compile(
    "(?:archive|bufio|bytes|cmp|compress|container|context|crypto|database|debug|embed|encoding"
    "|errors|expvar|flag|fmt|go|hash|html|image|index|internal|io|iter|log|maps|math|mime|net|os"
    "|path|plugin|reflect|regexp|runtime|slices|sort|strconv|strings|structs|sync|syscall|testing"
    "|text|time|unicode|unique|unsafe|vendor|weak)(?:/|$)"
)
_GENERATED = re.compile(r"^(?:type|go):(?:\.(?:eq|hash)\.|itab\.)")
_PARTS = dict.fromkeys(("github.com", "gitlab.com", "bitbucket.org", "golang.org"), 2)
_SHAPED = ("go.shape.", "go.itab.", "go.(", "type..")  # before Go 1.20 with dots


def package_of(name: str) -> str:
    """The import path of the package that a symbol is from."""
    found = _GENERATED.match(name)
    if found is not None:
        name = name[found.end() :].lstrip("[]*0123456789")
        if name.startswith(("struct {", "go.shape.", "func(", "interface {", "map[", "chan ")):
            return GENERATED
    elif name.startswith(("go:", "type:", *_SHAPED)):
        return GENERATED
    head = name.partition("[")[0]
    slash = head.rfind("/")
    dot = head.find(".", slash + 1)
    if dot <= 0 or name.startswith(("_cgo", "x_cgo", "_Cfunc", "__")):
        return C_CODE
    return head[:dot].replace("%2e", ".").replace("%2E", ".")


def packages_of(names: Sequence[str]) -> list[str]:
    """`package_of` each. Functions of a package stand together, so most are the last one's."""
    found: list[str] = []
    package, start = "", "\n"
    for name in names:
        if not name:
            found.append(OBFUSCATED)
            continue
        # A slash behind it says that a longer path begins in the same way, or a type's name does.
        if not (name.startswith(start) and "/" not in name[len(start) :]):
            package = package_of(name)
            start = f"{package}." if name.startswith(f"{package}.") else "\n"
        found.append(package)
    return found


class Modules:
    """Which module a package is from, by the build info of the program."""

    def __init__(self, go: GoInfo | None, *, is_obfuscated: bool = False) -> None:
        """Where names are obfuscated, what stands for a path has no dot, as std has none."""
        self._main = go.main.path if go and go.main else _by_host(go.path) if go else ""
        self._paths = {m.path for m in go.modules} if go else set()
        self._known: dict[str, str] = {}
        if self._main:
            self._paths.add(self._main)
        self._is_obfuscated = is_obfuscated
        self._is_std = bool(go) and self._main in ("cmd", "std")

    def of(self, package: str) -> str:
        """The module's path; `std`; or what is in parentheses, as it is."""
        known = self._known.get(package)
        if known is None:
            known = self._known[package] = self._find(package)
        return known

    def _find(self, package: str) -> str:
        if not package or package.startswith("("):
            return package or UNKNOWN
        if package == "go.shape":
            return GENERATED
        if package == "main" or package.startswith("main_test"):
            return self._main or "main"
        if package.startswith("vendor/"):
            return STD
        path = package.removesuffix("_test").removesuffix(".test")
        while path:
            if path in self._paths:
                return path
            path = path.rpartition("/")[0]
        if self._is_obfuscated and "." not in package and not _STD.match(package):
            return OBFUSCATED
        return STD if "." not in package.partition("/")[0] else _by_host(package)


def _by_host(package: str) -> str:
    """Without build info: as long as the paths of repositories are at the host."""
    path = package.rpartition("/vendor/")[2]
    host, *rest = path.split("/")
    parts = rest[: _PARTS.get(host, 1)]
    return "/".join([host, *parts])


def package_of_file(path: str, packages: Mapping[str, int], main: str) -> str:
    """The package whose directory a source file lies in; "" when none fits.

    A trimmed path is the import path; one that is not trimmed ends in it, after the module cache
    or the source of Go. The main package has a directory of its own.
    """
    directory = re.sub(r"@v[^/]+", "", path.rpartition("/")[0])
    directory = re.sub(r"!(\w)", lambda m: m[1].upper(), directory)
    if directory == main or (main and main.endswith("/" + directory)):
        return "main"
    at = 0
    while at >= 0:
        rest = directory[at:].lstrip("/")
        if rest in packages:
            return rest
        following = directory.find("/", at + 1)
        at = following
    return "main" if main and directory.endswith("/" + main.rpartition("/")[2]) else ""
