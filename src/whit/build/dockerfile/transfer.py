"""An expanded COPY or ADD and the files before it in, the files after it out (a door)."""

import os
import stat
from collections.abc import Callable
from typing import BinaryIO, cast

import msgspec

from whit.build.dockerfile.bench import FULL, Done, Files, Room, done, owner_of_copy
from whit.build.dockerfile.copying import Manner, Target
from whit.build.dockerfile.origins import (
    Excluding,
    Reading,
    picked_in,
    remembered_digest,
)
from whit.build.dockerfile.sources import IsHidden, Picked, digest_of_picked, roots_of
from whit.build.events import Warned
from whit.dockerfile.instructions import Add, Copy, Transfer
from whit.dockerfile.modes import check_mode, is_octal
from whit.errors import WhitError
from whit.errors.dockerfile import NoSuchSource, RefusedInstruction
from whit.errors.layer import BrokenLayer, HostileLayer
from whit.layer.stack import Found, Stack
from whit.store.snapshots import Draft, remove
from whit.store.steps import key_of

_SNIFFED_BYTES = 6


class Fetched(msgspec.Struct, frozen=True):
    """A download: its bytes lie in a file, its name is the URL's last part. Of a repository `path`
    is the checkout, and `tree` the directory in it that is meant.
    """

    path: str
    name: str
    digest: str
    mtime: int = 0
    tree: str = ""


class Move(msgspec.Struct, frozen=True):
    """COPY or ADD, ready. `destination` is absolute and keeps its slash; `files` are the heredocs
    as they will be written; `patterns` are those of --exclude.
    """

    instruction: Transfer
    shown: str
    destination: str
    reading: Reading
    sources: tuple[str, ...]
    fetched: tuple[Fetched, ...] = ()
    is_hidden: IsHidden | None = None
    reopens: bool = False
    has_files: bool = True  # whether the stage has a root file system at all

    @property
    def excluding(self) -> Excluding:
        return Excluding(self.reading, self.is_hidden, self.reopens)

    @property
    def keeps_parents(self) -> bool:
        return isinstance(self.instruction, Copy) and self.instruction.keeps_parents

    def roots(self) -> tuple[Picked, ...]:
        """Where --parents begins to search. Errors: NoSuchSource."""
        if not self.keeps_parents:
            return ()
        stack, where = self.reading.stack, self.reading.where
        return tuple(root for source in self.sources for root in roots_of(stack, source, where))

    @property
    def unpacks_local(self) -> bool:
        return isinstance(self.instruction, Add) and self.instruction.unpacks is not False

    @property
    def unpacks_fetched(self) -> bool:
        return isinstance(self.instruction, Add) and bool(self.instruction.unpacks)


def move_files(room: Room, files: Files, move: Move) -> Done:
    """Errors: NoSuchSource, CannotCopy, RefusedInstruction, UnknownUser, ContentChanged."""
    instruction = move.instruction
    if instruction.chmod:
        check_mode(instruction.chmod)
    if isinstance(instruction, Add) and instruction.checksum and not move.fetched:
        raise RefusedInstruction(
            "--checksum is for downloads and repositories, and this source is neither",
            hint="leave it out: what is copied from the context is part of the key already",
        )
    is_apart = instruction.is_linked and not instruction.chmod
    below = Stack(()) if is_apart else files.stack()
    owner = None
    if instruction.chown:
        has_files = move.has_files and not is_apart
        owner, warning = owner_of_copy(below, instruction.chown, has_files=has_files)
        if warning:
            room.listen(Warned(warning, "name the owner by number, or make the user first"))
    reading = move.reading
    picked = picked_in(move.excluding, move.sources, keeps_parents=move.keeps_parents)
    roots = tuple(root.path for root in move.roots())
    content = _content(room, move, picked)
    key = key_of(
        "copy",
        "" if is_apart else files.key,
        move.destination,
        content,
        repr((owner, instruction.chmod, instruction.files, room.epoch, roots)),
        repr((type(instruction).__name__, move.unpacks_local, move.unpacks_fetched)),
        *(f"{one.name} {one.digest} {one.mtime}" for one in move.fetched),
    )

    def make(draft: Draft, lower: Stack) -> None:
        manner = Manner(
            owner=owner,
            mode=instruction.chmod,
            is_context=reading.is_context,
            is_settled=not reading.is_context,
            epoch=room.epoch,
        )
        _write(move, picked, draft, lower, manner)

    made = done(room, files, key, make, move.shown, is_apart=is_apart)
    copied = msgspec.structs.replace(made.files, is_copied=not reading.is_published)
    return msgspec.structs.replace(made, files=copied)


def _content(room: Room, move: Move, picked: tuple[Picked, ...]) -> str:
    reading = move.reading

    def compute() -> str:
        return key_of(
            *(
                digest_of_picked(
                    move.excluding.of(one),
                    (one,),
                    reading.digests,
                    is_context=reading.is_context,
                )
                for one in picked
            )
        )

    what = repr((move.sources, move.instruction.excludes, move.keeps_parents))
    return remembered_digest(room, reading, what, compute)


def _write(
    move: Move, picked: tuple[Picked, ...], draft: Draft, below: Stack, manner: Manner
) -> None:
    target = Target(draft.files, below)
    _make_root(move, target, manner)
    last = 0
    for one in picked:
        if one.number != last:
            last = one.number
            target.begin_source()
        source = move.excluding.of(one)
        if move.unpacks_local and one.found.is_file and is_archive(one.found.host):
            _unpack(one.found.host, target, draft, move.destination, manner)
        else:
            target.copy(source, one, move.destination, manner)
    plain = msgspec.structs.replace(manner, is_context=True, is_settled=False)
    for file in move.instruction.files:
        target.write_file(file.content.encode(), file.name, move.destination, plain)
    for fetched in move.fetched:
        if fetched.tree:
            _write_tree(fetched, target, move.destination, manner)
            continue
        if move.unpacks_fetched and is_archive(fetched.path):
            _unpack(fetched.path, target, draft, move.destination, manner)
            continue
        os.utime(fetched.path, (fetched.mtime, fetched.mtime))
        os.chmod(fetched.path, 0o600)
        found = Found(fetched.path, os.lstat(fetched.path))
        target.copy(Stack(()), Picked(fetched.name, "", found), move.destination, plain)
    target.finish()


def _make_root(move: Move, target: Target, manner: Manner) -> None:
    """The destination of --parents: it is made whether anything fits or not, and dated as the
    last directory that was searched.
    """
    made = Manner(owner=manner.owner, epoch=manner.epoch)
    mode = int(manner.mode, 8) & 0o777 if is_octal(manner.mode) else 0o755
    for root in move.roots():
        place = target.resolve(move.destination)
        target.make_directory(place, made, mode)
        # The root of a source is as old as whatever unpacked it: it has no time of its own.
        target.date(place, 0 if root.path == "/" else root.found.status.st_mtime_ns)


def _write_tree(fetched: Fetched, target: Target, destination: str, manner: Manner) -> None:
    """The contents of a directory of a checkout, which root owns."""
    stack = Stack((fetched.path,))
    path = stack.resolve(fetched.tree)
    found = stack.find(path)
    if found is None or not found.is_directory:
        raise NoSuchSource(
            f"the repository has no directory {fetched.tree[1:]}",
            hint="after the colon of #REF:SUBDIR stands a directory of that commit",
        )
    inside = msgspec.structs.replace(manner, is_context=True, is_settled=False)
    target.copy(stack, Picked("", path, found), destination, inside)


# ---- archives -------------------------------------------------------------------------------


def _openers() -> dict[bytes, Callable[[BinaryIO], BinaryIO]]:
    def bzip2(file: BinaryIO) -> BinaryIO:
        import bz2

        return cast("BinaryIO", bz2.BZ2File(file))

    def xz(file: BinaryIO) -> BinaryIO:
        import lzma

        return cast("BinaryIO", lzma.LZMAFile(file))

    return {b"BZh": bzip2, b"\xfd7zXZ\0": xz}


def open_archive(path: str) -> BinaryIO:
    """A stream that the layer room reads: it knows gzip, zstd and plain tar by itself."""
    file = open(path, "rb")  # noqa: SIM115 - the caller closes it
    head = file.read(_SNIFFED_BYTES)
    file.seek(0)
    for magic, opener in _openers().items():
        if head.startswith(magic):
            return opener(file)
    return file


def is_archive(path: str) -> bool:
    """Whether its first header parses, as a tar of any compression that docker unpacks. The name
    does not matter, and an empty tar is a file like any other.
    """
    from lzma import LZMAError

    from whit.layer.read import LayerReader

    try:
        with open_archive(path) as stream:
            for _ in LayerReader(stream, as_engines=True):
                return True
    except HostileLayer:
        return True  # so that it is refused, and not copied
    except (WhitError, OSError, EOFError, LZMAError, ValueError):
        return False
    return False


def _unpack(path: str, target: Target, draft: Draft, destination: str, manner: Manner) -> None:
    """Into the destination, which is a directory always; owners and modes are the archive's."""
    from lzma import LZMAError

    from whit.layer.unpack import unpack_layer

    place = f"{draft.path}/archive-{len(os.listdir(draft.path))}"
    os.mkdir(place, 0o755)
    try:
        with open_archive(path) as stream:
            unpack_layer(stream, place)
    except (BrokenLayer, OSError, EOFError, LZMAError) as error:
        if isinstance(error, OSError) and error.errno in FULL:
            raise
        raise RefusedInstruction(
            f"ADD: {os.path.basename(path)} is a damaged archive: {error}",
            hint="with --unpack=false it is copied as it is",
        ) from None
    # --chmod does not reach into archives, --chown does.
    inside = Manner(is_settled=True, epoch=manner.epoch)
    source = Stack((place,))
    root = source.find("/")
    if root is None:
        raise AssertionError("a directory that was just made")
    slashed = destination if destination.endswith("/") else f"{destination}/"
    named = _named(path)
    if manner.owner is not None:
        _own_all(named, place, manner.owner)
    _keep_implied(named, place, target, slashed)
    parents = Manner(owner=manner.owner, epoch=manner.epoch)
    target.make_directory(target.resolve(slashed), parents)
    target.copy(source, Picked("", "/", root), slashed, inside)
    remove(place)


def _named(archive: str) -> frozenset[str]:
    """The paths that an archive says itself; it implies the directories above them."""
    from whit.layer.read import LayerReader

    with open_archive(archive) as stream:
        return frozenset(entry.path.strip("/") for entry in LayerReader(stream, as_engines=True))


def _own_all(named: frozenset[str], place: str, owner: tuple[int, int]) -> None:
    """--chown: what the archive names belongs to `owner`, directories that it only implies to
    root.
    """
    for directory, directories, names in os.walk(place):
        for name in (*directories, *names):
            path = f"{directory}/{name}"
            is_named = path[len(place) + 1 :] in named
            os.lchown(path, *(owner if is_named else (0, 0)))


def _keep_implied(named: frozenset[str], place: str, target: Target, destination: str) -> None:
    """A directory that an archive only implies stays as it is where it is already."""
    for directory, names, _ in os.walk(place):
        for name in names:
            path = f"{directory}/{name}"
            inside = path[len(place) + 1 :]
            there = target.find(target.resolve(f"{destination}{inside}"))
            if inside not in named and there is not None and there.is_directory:
                os.chown(path, there.status.st_uid, there.status.st_gid)
                os.chmod(path, stat.S_IMODE(there.status.st_mode))
                times = (there.status.st_mtime_ns, there.status.st_mtime_ns)
                os.utime(path, ns=times)
