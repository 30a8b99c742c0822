"""dpkg's database of a root in, the package that owns a path out. A door.

    var/lib/dpkg/status              a stanza per package, empty lines between
    var/lib/dpkg/info/NAME.list      the paths of a package, one a line (NAME:ARCH.list where
                                     several architectures may be installed at once)
    var/lib/dpkg/info/NAME.md5sums   what the package's files were when it was made
    var/lib/dpkg/status.d/NAME, NAME.md5sums   the same where dpkg is not, as in distroless images

Lists are read until one names the path: all lists of a machine are tens of megabytes.
"""

import os
import re
from collections.abc import Iterator
from hashlib import md5

import msgspec

MAX_STATUS_BYTES = 64 << 20
MAX_LIST_BYTES = 16 << 20
MAX_RELATIVES = 64
OF_THE_MACHINE = ("Status", "Conffiles", "Config-Version", "Triggers-Pending", "Triggers-Awaited")
# Debian moved these under /usr; packages' lists may name either.
MERGED = ("/bin/", "/sbin/", "/lib/", "/lib32/", "/lib64/", "/libx32/", "/libo32/")

_SUM = re.compile(rb"(?m)^[0-9a-f]{32}  ")
_DEPENDS = re.compile(r"(?m)^(?:Pre-)?Depends:(.*(?:\n .*)*)")
_EXACTLY = re.compile(r"([a-z0-9][a-z0-9+.-]+)(?::\w+)? \(= ([^)\s]+)\)")


class Package(msgspec.Struct, frozen=True):
    """`record` is what dpkg says of it, without what is about the machine it is installed on."""

    name: str
    version: str
    architecture: str = ""
    record: str = ""

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


class Packages:
    """`directory` is var/lib/dpkg of a root; one that is not there owns nothing."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._owners: dict[str, Package | None] = {}
        self._lists: list[str] | None = None
        self._texts: dict[str, bytes] = {}
        self._stanzas: dict[str, bytes] = {}
        self._recent = ""
        self._lists_of: dict[str, str] = {}
        self._status: bytes | None = None

    def owner_of(self, path: str) -> Package | None:
        """The package whose list names `path`, a path without links."""
        if path not in self._owners:
            self._owners[path] = self._find(path)
        return self._owners[path]

    def has_published(self, path: str, data: memoryview) -> bool:
        """Whether these are the bytes that the owner of `path` came with: by info/NAME.md5sums,
        and for configuration files by Conffiles of its stanza.
        """
        owner = self.owner_of(path)
        if owner is None:
            return False
        sums = self._text(self._lists_of[path].removesuffix(".list") + ".md5sums")
        digest = md5(data, usedforsecurity=False).hexdigest().encode()
        wanted = (place[1:].encode() for place in _names_of(path))
        if any(b"\n" + digest + b"  " + place + b"\n" in sums for place in wanted):
            return True
        return b"\n " + path.encode() + b" " + digest + b"\n" in self._stanzas[str(owner)]

    def files_of(self, path: str) -> tuple[str, ...]:
        """What the owner of `path` installed, and the packages that it wants in just its version:
        a program of Debian's is often split into several of them.
        """
        owner = self.owner_of(path)
        waiting = [self._lists_of[path].removesuffix(".list")] if owner else []
        known: dict[str, None] = {}
        found: list[str] = []
        while waiting and len(known) < MAX_RELATIVES:
            name = waiting.pop(0)
            if name in known:
                continue
            known[name] = None
            text = self._text(f"{name}.list").decode("utf-8", "surrogateescape")
            found += [line for line in text.split("\n") if line.startswith("/") and line != "/."]
            package, _, architecture = name.partition(":")
            one = self._described(package, architecture)
            wanted = _DEPENDS.search(one.record) if one else None
            if one is None or wanted is None:
                continue
            for match in _EXACTLY.finditer(wanted[1]):
                if match[2] == one.version:
                    names = (match[1], f"{match[1]}:{one.architecture}")
                    waiting += [n for n in names if f"{n}.list" in self._names()]
        return tuple(dict.fromkeys(found))

    def _find(self, path: str) -> Package | None:
        wanted = [b"\n" + name.encode() + b"\n" for name in _names_of(path)]
        for name in self._ordered(path):
            text = self._text(name)
            if any(line in text for line in wanted):
                self._recent = self._lists_of[path] = name
                package, _, architecture = name.removesuffix(".list").partition(":")
                return self._described(package, architecture)
        return None

    def _text(self, name: str) -> bytes:
        if name not in self._texts:
            text = self._read(f"info/{name}", MAX_LIST_BYTES)
            if not text:
                stem = name.removesuffix(".list").removesuffix(".md5sums")
                text = self._read(f"status.d/{stem}.md5sums", MAX_LIST_BYTES)
                if name.endswith(".list"):
                    text = _SUM.sub(b"/", text)
            self._texts[name] = b"\n" + text + b"\n" if text else b""
        return self._texts[name]

    def _read(self, name: str, limit: int) -> bytes:
        try:
            flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
            with open(os.open(f"{self._directory}/{name}", flags), "rb") as file:
                return file.read(limit)
        except OSError:
            return b""

    def _names(self) -> list[str]:
        """The names of all lists."""
        if self._lists is None:
            found = self._listed("info", ".list") or [
                f"{name[:-8]}.list" for name in self._listed("status.d", ".md5sums")
            ]
            self._lists = sorted(found)
        return self._lists

    def _listed(self, name: str, end: str) -> list[str]:
        try:
            return [one for one in os.listdir(f"{self._directory}/{name}") if one.endswith(end)]
        except OSError:
            return []

    def _ordered(self, path: str) -> Iterator[str]:
        """All lists; the last that was right and those called like the file come first."""
        names = self._names()
        if self._recent:
            yield self._recent
        stem = re.split(r"[.\d]", path.rpartition("/")[2].lower(), maxsplit=1)[0].rstrip("-")
        alike = stem[:6] or "lib"
        yield from (name for name in names if name.startswith(alike))
        yield from (name for name in names if not name.startswith(alike))

    def _described(self, name: str, architecture: str) -> Package | None:
        if self._status is None:
            self._status = b"\n" + self._read("status", MAX_STATUS_BYTES)
        if len(self._status) == 1:
            return self._in(b"\n" + self._read(f"status.d/{name}", MAX_LIST_BYTES), name, "")
        return self._in(self._status, name, architecture)

    def _in(self, status: bytes, name: str, architecture: str) -> Package | None:
        for match in re.finditer(rb"\nPackage: " + re.escape(name.encode()) + rb"\n", status):
            end = status.find(b"\n\n", match.start() + 1)
            stanza = status[match.start() : end if end >= 0 else None]
            version = re.search(rb"\nVersion: ([^\n]{1,256})", stanza)
            built = re.search(rb"\nArchitecture: ([^\n]{1,32})", stanza)
            own = built[1].decode("utf-8", "replace") if built else ""
            if version and architecture in ("", own):
                record = _record_of(stanza.decode("utf-8", "replace"))
                found = Package(name, version[1].decode("utf-8", "replace"), own, record)
                self._stanzas[str(found)] = stanza + b"\n"
                return found
        return None


def _names_of(path: str) -> tuple[str, ...]:
    """The names that a path without links may have in a list."""
    bare = path.removeprefix("/usr")
    return (path, bare) if path.startswith("/usr/") and bare.startswith(MERGED) else (path,)


def _record_of(stanza: str) -> str:
    """The stanza as the package's own control file has it: no Status, no Conffiles."""
    kept: list[str] = []
    is_kept = True
    for line in stanza.strip("\n").splitlines():
        if not line.startswith((" ", "\t")):
            is_kept = line.partition(":")[0] not in OF_THE_MACHINE
        if is_kept:
            kept.append(line)
    return "\n".join(kept) + "\n"
