"""Paths of a root in, files out: the port through which a root's content is read. Pure.

A root is a host directory, a sysroot, or an image's Tree. Links are followed inside of it only:
`..` above the root is the root, as after pivot_root.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from whit.model.tree import Bytes, Content, File, Link, Node, Tree

MAX_LINKS = 40  # the kernel's MAXSYMLINKS


class Found(msgspec.Struct, frozen=True):
    """A regular file: `path` without links, and every (link, target) that led there, in order."""

    path: str
    links: tuple[tuple[str, str], ...] = ()


class Files(Protocol):
    """What the loader's rules ask of a root."""

    def find(self, path: str) -> Found | None:
        """The regular file that an absolute path reaches, or None."""

    def read(self, found: Found) -> memoryview:
        """Its bytes. They may be mapped: copy what is to be kept."""

    def names(self, directory: str) -> tuple[str, ...]:
        """What a directory holds, sorted; nothing when there is none."""


def follow(path: str, target_of: Callable[[str], str | None]) -> Found | None:
    """Walk `path`, asking at every step for the target of a link (None: it is no link).

    Whether something lies at the end is not checked. None when links go round in circles.
    """
    waiting = [part for part in reversed(path.split("/")) if part]
    at = ""
    links: list[tuple[str, str]] = []
    while waiting:
        part = waiting.pop()
        if part in (".", ".."):
            at = at.rpartition("/")[0] if part == ".." else at
            continue
        here = f"{at}/{part}"
        target = target_of(here)
        if target is None:
            at = here
            continue
        links.append((here, target))
        if len(links) > MAX_LINKS:
            return None
        at = "" if target.startswith("/") else at
        waiting += [name for name in reversed(target.split("/")) if name]
    return Found(at or "/", tuple(links))


class TreeFiles:
    """A Tree as a root; `read` gives the bytes of a content."""

    def __init__(self, tree: Tree, read: Callable[[Content], bytes]) -> None:
        self._nodes: Mapping[str, Node] = tree.as_dict()
        self._read = read

    def find(self, path: str) -> Found | None:
        found = follow(path, self._target)
        return found if found and isinstance(self._node(found.path), File) else None

    def node(self, found: Found) -> File:
        node = self._node(found.path)
        return node if isinstance(node, File) else File(Bytes(b""))

    def read(self, found: Found) -> memoryview:
        return memoryview(self._read(self.node(found).content))

    def names(self, directory: str) -> tuple[str, ...]:
        found = follow(directory, self._target)
        prefix = f"{found.path.rstrip('/')}/" if found else "//"
        below = (path[len(prefix) :] for path in self._nodes if path.startswith(prefix))
        return tuple(sorted(name for name in below if "/" not in name))

    def _node(self, path: str) -> Node | None:
        """A hard link is the file it names."""
        node = self._nodes.get(path)
        return self._nodes.get(node.target) if isinstance(node, Link) and node.is_hard else node

    def _target(self, path: str) -> str | None:
        node = self._nodes.get(path)
        return node.target if isinstance(node, Link) and not node.is_hard else None
