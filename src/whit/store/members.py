"""A tree in, the parts of the layer that was last written for it out, each checked before use.

An edit that moves no addresses leaves most of a large program's bytes where they were. A gzip layer
is made of members, each of one block of the tar and nothing else, so the member of a block that has
not changed is copied from the layer before instead of being made again. What is copied is compared
with its digest; what differs is a miss.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import msgspec

from whit.layer.compress import member_kind
from whit.model.image import Compression
from whit.model.names import Digest
from whit.model.tree import File, Tree
from whit.oci.layout import blob_path
from whit.store.steps import Steps, key_of


class Member(msgspec.Struct, frozen=True, array_like=True):
    """`size` bytes at `at` of a blob, by their SHA-256, and that of the block they stand for."""

    block: bytes
    at: int
    size: int
    digest: bytes


class Record(msgspec.Struct, frozen=True):
    """The members of a blob, in order."""

    blob: Digest
    members: tuple[Member, ...]


class Members:
    """What is known of the last layer, and what becomes of the new one."""

    def __init__(self, key: str, steps: Steps, directory: str) -> None:
        self._key, self._steps = key, steps
        self._new: list[Member] = []
        self._at = 0
        self._blob = -1
        self._known: dict[bytes, Member] = {}
        record = _record(steps.get(key))
        if record is not None:
            with suppress(OSError):
                self._blob = os.open(blob_path(directory, record.blob), os.O_RDONLY | os.O_CLOEXEC)
                self._known = {member.block: member for member in record.members}

    def find(self, block: bytes) -> bytes | None:
        member = self._known.get(block)
        if member is None:
            return None
        try:
            data = os.pread(self._blob, member.size, member.at)
        except OSError:
            return None
        return data if hashlib.sha256(data).digest() == member.digest else None

    def note(self, block: bytes, member: bytes | bytearray) -> None:
        digest = hashlib.sha256(member).digest()
        self._new.append(Member(block, self._at, len(member), digest))
        self._at += len(member)

    def remember(self, blob: Digest) -> None:
        self._steps.put(self._key, msgspec.json.encode(Record(blob, tuple(self._new))))

    def close(self) -> None:
        if self._blob >= 0:
            os.close(self._blob)
            self._blob = -1


@contextmanager
def members_for(
    tree: Tree, compression: Compression, directory: str, steps: Steps
) -> Iterator[Members | None]:
    """None for a layer that is compressed as a whole, or in parts that move with its size."""
    kind = member_kind(compression, tree.file_bytes)
    if not kind:
        yield None
        return
    files = [(node.content.size, path) for path, node in tree if isinstance(node, File)]
    members = Members(key_of("members", kind, max(files)[1]), steps, directory)
    try:
        yield members
    finally:
        members.close()


def _record(value: bytes | None) -> Record | None:
    with suppress(msgspec.DecodeError):
        return msgspec.json.decode(value, type=Record) if value is not None else None
    return None
