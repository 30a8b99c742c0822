"""dpkg's database of a root in, the package that owns a path out. A door.

    var/lib/dpkg/status              a stanza per package, empty lines between
    var/lib/dpkg/info/NAME.list      the paths of a package, one a line (NAME:ARCH.list where
                                     several architectures may be installed at once)
    var/lib/dpkg/info/NAME.md5sums   what the package's files were when it was made

Lists are read until one names the path: all lists of a machine are tens of megabytes.
"""

import os
import re
from collections.abc import Iterator
from hashlib import md5

import msgspec

MAX_STATUS_BYTES = 64 << 20
MAX_LIST_BYTES = 16 << 20
OF_THE_MACHINE = ("Status", "Conffiles", "Config-Version", "Triggers-Pending", "Triggers-Awaited")
# Debian moved these under /usr; packages' lists may name either.
MERGED = ("/bin/", "/sbin/", "/lib/", "/lib32/", "/lib64/", "/libx32/", "/libo32/")


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
        name = self._lists_of[path].removesuffix(".list") + ".md5sums"
        sums = self._text(name)
        digest = md5(data, usedforsecurity=False).hexdigest().encode()
        wanted = (place[1:].encode() for place in _names_of(path))
        if any(b"\n" + digest + b"  " + place + b"\n" in sums for place in wanted):
            return True
        return b"\n " + path.encode() + b" " + digest + b"\n" in self._stanzas[str(owner)]

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
            try:
                with open(f"{self._directory}/info/{name}", "rb") as file:
                    self._texts[name] = b"\n" + file.read(MAX_LIST_BYTES) + b"\n"
            except OSError:
                self._texts[name] = b""
        return self._texts[name]

    def _ordered(self, path: str) -> Iterator[str]:
        """All lists; the last that was right and those called like the file come first."""
        if self._lists is None:
            try:
                names = os.listdir(f"{self._directory}/info")
            except OSError:
                names = []
            self._lists = sorted(name for name in names if name.endswith(".list"))
        if self._recent:
            yield self._recent
        stem = re.split(r"[.\d]", path.rpartition("/")[2].lower(), maxsplit=1)[0].rstrip("-")
        alike = stem[:6] or "lib"
        yield from (name for name in self._lists if name.startswith(alike))
        yield from (name for name in self._lists if not name.startswith(alike))

    def _described(self, name: str, architecture: str) -> Package | None:
        if self._status is None:
            try:
                with open(f"{self._directory}/status", "rb") as file:
                    self._status = b"\n" + file.read(MAX_STATUS_BYTES)
            except OSError:
                self._status = b"\n"
        for match in re.finditer(rb"\nPackage: " + re.escape(name.encode()) + rb"\n", self._status):
            end = self._status.find(b"\n\n", match.start() + 1)
            stanza = self._status[match.start() : end if end >= 0 else None]
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
