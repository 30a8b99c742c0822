"""A directory of this host as a root: its files for the loader's rules, and for the plan. A door.

The root is "/" (this host) or a sysroot. Links are followed inside of it only, and only regular
files are opened.
"""

import hashlib
import mmap
import os
import stat
from collections.abc import Callable

from whit.bases.packages import Packages
from whit.errors.layer import ContentUnreadable
from whit.errors.needs import TreeTooLarge
from whit.model.files import Found, follow
from whit.model.names import Digest
from whit.model.plan import Provided, What
from whit.model.tree import Bytes, Dir, File, Link, Stored

MAX_FILE_BYTES = 4 << 30
MAX_NAMES = 100_000
RECORDS = "/var/lib/dpkg/status.d"
EMPTY = memoryview(b"")


class Root:
    """`directory` is absolute. What it says is remembered for the life of the object."""

    def __init__(self, directory: str = "/", name: str = "") -> None:
        self.name = name or ("host" if directory == "/" else "sysroot")
        self._directory = "" if directory == "/" else directory.rstrip("/")
        self._targets: dict[str, str | None] = {}
        self._found: dict[str, Found | None] = {}
        self._data: dict[str, memoryview] = {}
        self._names: dict[str, tuple[str, ...]] = {}
        self._files: dict[str, File] = {}
        self._licences: dict[str, str] = {}
        self._packages: Packages | None = None

    def host_path(self, path: str) -> str:
        return self._directory + path

    # ---- the port of the loader's rules ----------------------------------------------------

    def find(self, path: str) -> Found | None:
        """The regular file that `path` reaches, or None."""
        if path not in self._found:
            found = follow(path, self._target)
            self._found[path] = found if found and self._is_file(found.path) else None
        return self._found[path]

    def read(self, found: Found) -> memoryview:
        """Its bytes, mapped; nothing when it cannot be read."""
        if found.path not in self._data:
            self._data[found.path] = self._map(found.path)
        return self._data[found.path]

    def names(self, directory: str) -> tuple[str, ...]:
        """What a directory holds, sorted."""
        if directory not in self._names:
            found = follow(directory, self._target)
            try:
                entries = os.listdir(self.host_path(found.path)) if found else []
            except OSError:
                entries = []
            self._names[directory] = tuple(sorted(entries)[:MAX_NAMES])
        return self._names[directory]

    def link(self, path: str) -> str | None:
        """The target of the link that lies at `path` itself; None for what is no link."""
        above = follow(path.rpartition("/")[0] or "/", self._target)
        name = path.rpartition("/")[2]
        return self._target(f"{above.path.rstrip('/')}/{name}") if above else None

    def is_directory(self, path: str, mode: int) -> bool:
        """Whether a directory lies there that allows at least what `mode` does."""
        try:
            status = os.lstat(self.host_path(path))
        except OSError:
            return False
        return stat.S_ISDIR(status.st_mode) and status.st_mode & mode == mode

    # ---- the provider ----------------------------------------------------------------------

    def provide(self, what: What) -> tuple[Provided, ...] | None:
        """Files with their links, whole trees, licences, by path; None for what is not here."""
        if what.kind == "beside" and self.name == "host":
            found = self.find(what.names[1])
            return (
                (Provided(what.names[0], self.file(found), "beside the program"),)
                if found
                else None
            )
        makers: dict[str, Callable[[str], tuple[Provided, ...] | None]] = {
            "library": self._file_and_links,
            "file": self._file_and_links,
            "program": self._file_and_links,
            "licence": self._licence,
            "tree": self._tree,
        }
        maker = makers.get(what.kind)
        return maker(what.names[0]) if maker and what.names else None

    def package_of(self, found: Found) -> str:
        """The package that published the file as it is here, with its version; "" for none."""
        owner = self.packages.owner_of(found.path)
        if owner is None or not self.packages.has_published(found.path, self.read(found)):
            return ""
        return str(owner)

    def file(self, found: Found) -> File:
        """The file as a node; its mode says only whether it can be executed. Errors: L002."""
        if found.path not in self._files:
            data = self.read(found)
            path = self.host_path(found.path)
            if os.stat(path).st_size != len(data):
                raise ContentUnreadable(
                    f"{path} cannot be read, and it is needed", hint="may you read it?"
                )
            digest = Digest(f"sha256:{hashlib.sha256(data).hexdigest()}")
            is_program = os.stat(path).st_mode & 0o111
            node = File(Stored(path, len(data), digest), 0o755 if is_program else 0o644)
            self._files[found.path] = node
        return self._files[found.path]

    def _file_and_links(self, path: str) -> tuple[Provided, ...] | None:
        found = self.find(path) if path.startswith("/") else None
        if found is None:
            return None
        source = self.package_of(found)
        package = source
        if not source:
            owner = self.packages.owner_of(found.path)
            source = f"{owner}, changed since" if owner else f"from {self.name}"
        links = [Provided(at, Link(target), source) for at, target in found.links]
        return (*links, Provided(found.path, self.file(found), source, package))

    def _tree(self, path: str) -> tuple[Provided, ...] | None:
        """Everything below a directory, links as they are, but for compiled Python: that is valid
        only for the time of change of its source, which images do not keep.
        """
        top = follow(path, self._target)
        if top is None or not os.path.isdir(self.host_path(top.path)):
            return None
        found = [Provided(at, Link(target), "") for at, target in top.links]
        waiting = [top.path]
        total = 0
        while waiting:
            place = waiting.pop()
            found.append(Provided(place, Dir(), ""))
            for name in self.names(place):
                at = f"{place.rstrip('/')}/{name}"
                target = self._target(at)
                if target is not None:
                    found.append(Provided(at, Link(target), ""))
                elif self._is_file(at):
                    node = self.file(Found(at))
                    total += node.content.size
                    found.append(Provided(at, node, ""))
                elif name != "__pycache__" and os.path.isdir(self.host_path(at)):
                    waiting.append(at)
            if len(found) > MAX_NAMES or total > MAX_FILE_BYTES:
                raise TreeTooLarge(
                    f"{path} holds more than {MAX_NAMES} names or 4 GiB",
                    hint="name a directory further down: --need tree:/path",
                )
        return tuple(found)

    def _licence(self, path: str) -> tuple[Provided, ...] | None:
        """The copyright file of the package that owns `path`, and its record where scanners look
        (status.d, as in the distroless images); nothing where no package owns it.
        """
        found = self.find(path)
        owner = self.packages.owner_of(found.path) if found else None
        if owner is None:
            return () if found else None
        place = f"/usr/share/doc/{owner.name}/copyright"
        record = Provided(f"{RECORDS}/{owner.name}", File(Bytes(owner.record.encode())), "record")
        text = self.find(place)
        if text is None:
            return (record,)
        node = self.file(text)
        digest = node.content.digest if isinstance(node.content, Stored) else place
        first = self._licences.setdefault(digest, place)
        # The packages of one source share their text: it is written once.
        copy = node if first == place else Link(first, is_hard=True)
        return (record, Provided(place, copy, "licence"))

    @property
    def packages(self) -> Packages:
        """What dpkg knows of this root; nothing where it has no dpkg."""
        if self._packages is None:
            # A link could lead to the database of another root.
            place = "/var/lib/dpkg/info", "/var/lib/dpkg/status.d"
            own = all(follow(path, self._target) == Found(path) for path in place)
            self._packages = Packages(self.host_path("/var/lib/dpkg") if own else "/nowhere")
        return self._packages

    # ---- small -----------------------------------------------------------------------------

    def _target(self, path: str) -> str | None:
        if path not in self._targets:
            try:
                self._targets[path] = os.readlink(self.host_path(path))
            except OSError:
                self._targets[path] = None
        return self._targets[path]

    def _is_file(self, path: str) -> bool:
        try:
            return stat.S_ISREG(os.lstat(self.host_path(path)).st_mode)
        except OSError:
            return False

    def _map(self, path: str) -> memoryview:
        try:
            descriptor = os.open(
                self.host_path(path), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
            )
        except OSError:
            return EMPTY
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or not 0 < status.st_size <= MAX_FILE_BYTES:
                return EMPTY
            return memoryview(mmap.mmap(descriptor, 0, prot=mmap.PROT_READ))
        finally:
            os.close(descriptor)
