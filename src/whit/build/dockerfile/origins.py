"""Where COPY and mounts read in, a view of it and digests of parts of it out (a door)."""

import os
from collections.abc import Callable

import msgspec

from whit.build.dockerfile.bench import Files, Room, done
from whit.build.dockerfile.copying import Manner, Target
from whit.build.dockerfile.sources import (
    FileDigests,
    Filtered,
    IsHidden,
    Picked,
    digest_of_picked,
    pick,
    pick_with_parents,
)
from whit.layer.stack import Stack
from whit.store.snapshots import Draft
from whit.store.steps import key_of


class Reading(msgspec.Struct, frozen=True):
    """A source of files. `files` is None for a directory of the user's, which may change between
    builds; `where` names it in messages. A base image's `is_published`.
    """

    stack: Stack
    where: str
    digests: FileDigests
    files: Files | None = None
    is_published: bool = False

    @property
    def is_context(self) -> bool:
        return self.files is None

    def settled(self, room: Room, source: str) -> Files:
        """Layer directories that hold `source`: the source's own, or a copy of a context's."""
        if self.files is not None:
            return self.files
        key = key_of("context", digest_of_reading(room, self, (source,)), source)

        def make(draft: Draft, below: Stack) -> None:
            target = Target(draft.files, below)
            manner = Manner(is_context=True, epoch=room.epoch)
            for one in pick(self.stack, source, self.where):
                destination = one.path if one.found.is_directory else _above(one.path)
                target.copy(self.stack, one, destination, manner)
            target.finish()

        return done(room, Files(key_of("nothing")), key, make, f"context {source}").files


def _above(path: str) -> str:
    return path.rpartition("/")[0] + "/"


class Excluding(msgspec.Struct, frozen=True):
    """A source as --exclude leaves it; what was named itself is never hidden."""

    reading: Reading
    is_hidden: IsHidden | None = None
    reopens: bool = False

    def below(self, root: str) -> Stack:
        """The source without what the patterns hide below `root`."""
        if self.is_hidden is None:
            return self.reading.stack
        return Filtered(self.reading.stack, self.is_hidden, reopens=self.reopens, root=root)

    def of(self, picked: Picked) -> Stack:
        if picked.root or picked.found.is_directory:
            return self.below(picked.root or picked.path)
        return self.reading.stack


def picked_in(
    excluding: Excluding, sources: tuple[str, ...], *, keeps_parents: bool = False
) -> tuple[Picked, ...]:
    """What all patterns mean, in their order. Errors: NoSuchSource."""
    reading = excluding.reading
    found: list[Picked] = []
    for number, source in enumerate(sources):
        if keeps_parents:
            chosen = pick_with_parents(reading.stack, source, reading.where, excluding.below)
        else:
            chosen = pick(reading.stack, source, reading.where)
        found += (
            [msgspec.structs.replace(one, number=number) for one in chosen] if number else chosen
        )
    return tuple(found)


def digest_of_reading(room: Room, reading: Reading, sources: tuple[str, ...]) -> str:
    """The content of these sources; of what never changes it is looked up."""

    def compute() -> str:
        picked = picked_in(Excluding(reading), sources)
        return digest_of_picked(
            reading.stack, picked, reading.digests, is_context=reading.is_context
        )

    return remembered_digest(room, reading, repr(sources), compute)


def remembered_digest(room: Room, reading: Reading, what: str, compute: Callable[[], str]) -> str:
    """`compute()`, or what it said of the same snapshots before."""
    if reading.files is None:
        return compute()
    # A step that is run again may give other files under the same key: snapshots are meant.
    marks = tuple(_mark(layer) for layer in reading.files.layers)
    key = key_of("content", *marks, what)
    known = room.store.steps.get(key)
    if known is not None:
        return known.decode()
    digest = compute()
    room.store.steps.put(key, digest.encode())
    return digest


def _mark(layer: str) -> str:
    status = os.stat(f"{layer.rpartition('/')[0]}/note")
    return f"{layer}:{status.st_ino}:{status.st_mtime_ns}"
