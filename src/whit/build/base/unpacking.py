"""A package's file in, its entries with their contents in a workspace out. A door.

Contents are written one after the other into one file that nobody else names, and are slices of it
from then on: a package never decides what a file of the host is called.
"""

import hashlib
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from whit.bases.debian.content import Unpacked
from whit.bases.debian.deb import Deb
from whit.bases.debian.index import fields_of
from whit.errors.bases import BrokenPackage
from whit.layer.read import Entry, Kind
from whit.model.names import Digest
from whit.model.tree import Dir, File, Link, Node, Stored


def unpack(path: str, name: str, workspace: str) -> Unpacked:
    """`name` is what the index says the package is called. Errors: BrokenPackage."""
    with open(path, "rb") as file:
        deb = Deb(file, os.fstat(file.fileno()).st_size, name)
        control = deb.control()
        own = fields_of(control.paragraph).get("Package", "")
        if own != name:
            raise BrokenPackage(f"the package {name} says that it is {own or 'nothing'}")
        nodes: dict[str, Node] = {}
        place = os.path.join(workspace, f"{hashlib.sha256(path.encode()).hexdigest()[:32]}.files")
        with open(place, "wb") as out:
            # A slice from 0 on would mean the whole file.
            at = out.write(b"\0")
            for entry, content in deb.data():
                if entry.path == "/":
                    continue
                node: Node
                if entry.kind is Kind.FILE:
                    state = hashlib.sha256()
                    for piece in content:
                        state.update(piece)
                        out.write(piece)
                    stored = Stored(place, entry.size, Digest(f"sha256:{state.hexdigest()}"), at)
                    at += entry.size
                    node = File(stored, entry.mode, entry.uid, entry.gid)
                else:
                    node = _node(entry)
                nodes[entry.path] = node
    return Unpacked(name, control, tuple(nodes.items()))


def _node(entry: Entry) -> Node:
    if entry.kind is Kind.DIRECTORY:
        return Dir(entry.mode, entry.uid, entry.gid)
    return Link(entry.target, entry.kind is Kind.HARD_LINK)


def unpack_all(packages: Iterable[tuple[str, str]], workspace: str) -> tuple[Unpacked, ...]:
    """(path, name) of each, side by side: decompressing and hashing hold no lock of Python's."""
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        return tuple(threads.map(lambda one: unpack(one[0], one[1], workspace), packages))
