"""Paths and nodes in, Tree out: the sorted, immutable content of an image or a layer.

A Tree knows nothing of the host's order, owners or clock. Paths are absolute, normal and `/`
separated; every parent is present; a parent sorts before its children. File contents are values
(`Bytes`) or handles (`Stored`): who opens them is `layer.content`.
"""

from collections.abc import Iterator, Mapping
from typing import Self

import msgspec

from whit.errors.names import BadPath
from whit.model.names import Digest


class Bytes(msgspec.Struct, frozen=True):
    """Content that is small enough to hold."""

    data: bytes

    @property
    def size(self) -> int:
        return len(self.data)


class Stored(msgspec.Struct, frozen=True):
    """Content that lies in a file on the host: `size` bytes from `offset`."""

    path: str
    size: int
    digest: Digest
    offset: int = 0


Content = Bytes | Stored


class File(msgspec.Struct, frozen=True):
    content: Content
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    mtime: int = 0
    xattrs: tuple[tuple[str, bytes], ...] = ()


class Dir(msgspec.Struct, frozen=True):
    mode: int = 0o755
    uid: int = 0
    gid: int = 0
    mtime: int = 0


class Link(msgspec.Struct, frozen=True):
    """A symbolic link, or a hard link to another path of the same tree."""

    target: str
    is_hard: bool = False
    uid: int = 0
    gid: int = 0
    mtime: int = 0


Node = File | Dir | Link


def normal_path(path: str) -> str:
    """Check that `path` is absolute and normal; return it. Links are not followed here."""
    parts = path.split("/")
    bad = not path.startswith("/") or "\0" in path or len(path) > 4096
    if bad or any(part in ("", ".", "..") for part in parts[1:]):
        raise BadPath(
            f"{path!r} is not a path that an image can hold",
            hint="paths in an image are absolute, without '.', '..' or empty parts: /etc/app.conf",
        )
    return path


def parents_of(path: str) -> Iterator[str]:
    """`/a/b/c` -> `/a`, `/a/b`."""
    at = path.find("/", 1)
    while at > 0:
        yield path[:at]
        at = path.find("/", at + 1)


class Tree(msgspec.Struct, frozen=True):
    """Sorted pairs of path and node. Make one with `Tree.of`."""

    nodes: tuple[tuple[str, Node], ...] = ()

    @classmethod
    def of(cls, nodes: Mapping[str, Node]) -> Self:
        """Check paths, add missing parents (0755, root), sort by path components."""
        known: dict[str, Node] = {normal_path(path): node for path, node in nodes.items()}
        for path in tuple(known):
            for parent in parents_of(path):
                above = known.setdefault(parent, Dir())
                if not isinstance(above, Dir):
                    raise BadPath(
                        f"{path} needs {parent} to be a directory, and it is a file or a link",
                        hint="name the file by its real path, without going through a link",
                    )
        for path, node in known.items():
            if (
                isinstance(node, Link)
                and node.is_hard
                and not isinstance(known.get(node.target), File)
            ):
                raise BadPath(f"{path} is a hard link to {node.target}, which is no file here")
        return cls(tuple(sorted(known.items(), key=lambda item: item[0].split("/"))))

    def __iter__(self) -> Iterator[tuple[str, Node]]:
        return iter(self.nodes)

    def __len__(self) -> int:
        return len(self.nodes)

    def as_dict(self) -> dict[str, Node]:
        return dict(self.nodes)

    def get(self, path: str) -> Node | None:
        return self.as_dict().get(path)

    @property
    def file_bytes(self) -> int:
        """Bytes of all files; a hard link costs nothing."""
        return sum(node.content.size for _, node in self.nodes if isinstance(node, File))

    @property
    def file_count(self) -> int:
        return sum(isinstance(node, File) for _, node in self.nodes)
