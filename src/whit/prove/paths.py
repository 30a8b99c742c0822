"""A Tree in, the kernel's answers out: which node a path reaches, and who may use it (pure).

Links are followed inside the tree only: `..` above the root is the root, as after pivot_root.
"""

from collections.abc import Mapping

import msgspec

from whit.model.tree import Dir, File, Link, Node, Tree
from whit.sandbox.spec import Account

_GREATEST_LINKS = 40  # the kernel's MAXSYMLINKS
_ROOT = Dir()
_EXECUTE, _WRITE = 1, 2


class Reached(msgspec.Struct, frozen=True):
    """`path` without links, its node, and every directory that was walked through."""

    path: str
    node: Node
    through: tuple[tuple[str, Dir], ...]


class Walker(msgspec.Struct, frozen=True):
    """Make one with `walker_of`; a walk costs a few look-ups."""

    nodes: Mapping[str, Node]

    def reach(self, path: str) -> Reached | None:
        """Walk from the root; None when something is not there, is no directory, or loops."""
        waiting = [part for part in reversed(path.split("/")) if part]
        at, followed = "", 0
        through: list[tuple[str, Dir]] = [("/", _ROOT)]
        while waiting:
            part = waiting.pop()
            if part in (".", ".."):
                at = at.rpartition("/")[0] if part == ".." else at
                continue
            here = f"{at}/{part}"
            node = self._node(here)
            if isinstance(node, Link):
                followed += 1
                if followed > _GREATEST_LINKS:
                    return None
                at = "" if node.target.startswith("/") else at
                waiting += [name for name in reversed(node.target.split("/")) if name]
            elif isinstance(node, Dir):
                at = here
                through.append((here, node))
            elif node is None or waiting:
                return None
            else:
                return Reached(here, node, tuple(through))
        reached = self.nodes.get(at, _ROOT) if at else _ROOT
        return Reached(at or "/", reached, tuple(through))

    def _node(self, path: str) -> Node | None:
        """A hard link is the file it names."""
        node = self.nodes.get(path)
        return self.nodes.get(node.target) if isinstance(node, Link) and node.is_hard else node

    def file(self, path: str) -> File | None:
        reached = self.reach(path)
        return reached.node if reached and isinstance(reached.node, File) else None

    def directory(self, path: str) -> Dir | None:
        reached = self.reach(path)
        return reached.node if reached and isinstance(reached.node, Dir) else None


def walker_of(tree: Tree) -> Walker:
    return Walker(tree.as_dict())


def may_execute(node: File | Dir, account: Account) -> bool:
    """Execute a file or search a directory. Root needs any x bit on a file, none on a directory."""
    if account.uid == 0:
        return isinstance(node, Dir) or bool(node.mode & 0o111)
    return _has(node, account, _EXECUTE)


def may_write(node: File | Dir, account: Account) -> bool:
    return account.uid == 0 or _has(node, account, _WRITE)


def _has(node: File | Dir, account: Account, bit: int) -> bool:
    """The kernel's rule: the first class that fits decides, even against the user."""
    if node.uid == account.uid:
        return bool(node.mode & bit << 6)
    if node.gid in (account.gid, *account.groups):
        return bool(node.mode & bit << 3)
    return bool(node.mode & bit)
