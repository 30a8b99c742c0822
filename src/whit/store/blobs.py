"""Trees, bytes and images in, digests out; and back, every byte checked. Rooms see `Store` only.

What a name in blobs/ says is true: a blob is renamed there when it is complete, and whoever reads
it compares its digest. index.json points at images; what it does not reach, prune removes.
"""

import fcntl
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import BinaryIO, Self, cast

import msgspec

from whit.errors import WhitError
from whit.errors.images import BrokenBlob, BrokenStore, InvalidImage, StoreUnwritable
from whit.layer.content import CheckedStream
from whit.layer.write import layer_inputs, write_layer
from whit.model.image import Compression, Image, Layer
from whit.model.names import Digest, Platform, digest_of
from whit.model.tree import Stored, Tree
from whit.oci.contents import content_in, entries_for
from whit.oci.documents import Descriptor, Index
from whit.oci.graph import Content, choose, entries_of
from whit.oci.layout import (
    blob_path,
    check_marker,
    name_of,
    read_image,
    read_index,
    with_entries,
    write_index,
)
from whit.store.files import DIRECTORIES, OWN_NAMES, locked, partial_file, settle, sweep, writing
from whit.store.incoming import Receiver, incoming
from whit.store.listing import Listed, Problem, entry_named, listed
from whit.store.members import members_for
from whit.store.steps import Steps, key_of

_CHUNK_BYTES = 1 << 20
# Images that lost their name stay reachable by digest, as many as a day of edits makes.
MAX_UNNAMED = 50


class Store:
    """A store at a directory. Make one with `Store.open`; several processes may use it at once."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.steps = Steps(directory)
        self._deferred: dict[str, Callable[[], Layer]] = {}
        self._in_use = -1

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Self:
        """Open the store at `path`, made where there is none.

        Errors: StoreUnwritable when it cannot be made or the directory is something else.
        """
        directory = os.path.abspath(path)
        with writing(directory):
            if not os.path.exists(f"{directory}/oci-layout"):
                os.makedirs(directory, exist_ok=True)
                found = {name for name in os.listdir(directory) if not name.endswith(".partial")}
                if foreign := found - OWN_NAMES:
                    raise StoreUnwritable(
                        f"{directory} is no store: it holds {min(foreign)}",
                        hint="WHIT_STORE names a directory of its own, new or empty",
                    )
                for name in DIRECTORIES:
                    os.makedirs(f"{directory}/{name}", exist_ok=True)
            check_marker(directory)
            if not os.path.exists(f"{directory}/index.json"):
                with locked(f"{directory}/locks/index"):
                    write_index(directory, read_index(directory))
        return cls(directory)

    # ---- blobs ------------------------------------------------------------------------------

    def write_layer(
        self,
        tree: Tree,
        compression: Compression,
        comment: str = "",
        removed: tuple[str, ...] = (),
        *,
        defers: bool = False,
    ) -> Layer:
        """Write `tree` as a layer, unless an earlier build did and the blob is still right. With
        `defers` one that is remembered and gone is written only when somebody opens it.
        """
        key = key_of("layer", *layer_inputs(tree, compression, removed))
        known = self._known_layer(key)

        def write() -> Layer:
            return self._written(key, tree, compression, comment, removed)

        if known is None:
            return write()
        if defers and not self.has(known.digest):
            self._deferred[known.digest] = write
        elif not self.is_intact(known.digest, known.size):
            return write()
        return msgspec.structs.replace(known, comment=comment)

    def _written(
        self,
        key: str,
        tree: Tree,
        compression: Compression,
        comment: str,
        removed: tuple[str, ...],
    ) -> Layer:
        self._use()
        with writing(self.directory), partial_file(self.directory) as (file, partial):
            with members_for(tree, compression, self.directory, self.steps) as members:
                layer = write_layer(tree, compression, file, comment, removed, members)
            settle(file, partial, blob_path(self.directory, layer.digest))
            if members is not None:
                members.remember(layer.digest)
        value = msgspec.json.encode(layer)
        self.steps.put(key, value)
        self.steps.put(key_of("layer facts", layer.digest), value)
        return layer

    def put(self, data: bytes) -> Digest:
        """Keep `data` under its digest."""
        digest = digest_of(data)
        path = blob_path(self.directory, digest)
        with suppress(OSError), open(path, "rb") as file:
            if file.read(len(data) + 1) == data:
                return digest
        self._use()
        with writing(self.directory), partial_file(self.directory) as (file, partial):
            file.write(data)
            settle(file, partial, path)
        return digest

    def has(self, digest: Digest) -> bool:
        """Whether a blob lies under `digest`; `is_intact` reads it."""
        return os.path.isfile(blob_path(self.directory, digest))

    def holds(self, content: Content) -> bool:
        """Whether all blobs are there."""
        return all(self.has(Digest(blob.digest)) for blob in content.blobs)

    def is_intact(self, digest: Digest, size: int) -> bool:
        """Whether the blob is there with the right bytes (1.8 GB/s)."""
        if not self.has(digest):
            return False
        buffer = bytearray(_CHUNK_BYTES)
        try:
            with self.open_blob(digest, size) as stream:
                while stream.readinto(buffer):  # type: ignore[attr-defined]
                    pass
        except BrokenBlob:
            return False
        return True

    def open_blob(
        self, digest: Digest, size: int | None = None, *, verify: bool = True
    ) -> BinaryIO:
        """A stream of a blob's bytes; it fails at the end when they are not the digest's.

        Errors: BrokenBlob.
        """
        path = blob_path(self.directory, digest)
        if (write := self._deferred.pop(digest, None)) is not None:
            write()
        try:
            if not verify:
                return open(path, "rb")
            found = os.stat(path).st_size if size is None else size
        except OSError as error:
            raise self._broken(digest, error.strerror or "") from None

        def blame(_path: str, why: str) -> WhitError:
            return self._broken(digest, why)

        return cast("BinaryIO", CheckedStream(Stored(path, found, digest), blame, blame))

    def _broken(self, digest: str, why: str) -> BrokenBlob:
        return BrokenBlob(
            f"the store's blob {digest} is damaged: {why}",
            hint=f"remove {blob_path(self.directory, digest)} and build again",
        )

    def _known_layer(self, key: str) -> Layer | None:
        value = self.steps.get(key)
        if value is None:
            return None
        try:
            return msgspec.json.decode(value, type=Layer)
        except msgspec.DecodeError:
            return None

    # ---- images -----------------------------------------------------------------------------

    def add_content(self, content: Content, names: tuple[str, ...] = ()) -> None:
        """Keep an image or an index of several, whose blobs the store already holds, under `names`.

        A name that another image had moves. Errors: BrokenBlob when a blob is missing.
        """
        for blob in content.blobs:
            if not self.has(Digest(blob.digest)):
                raise self._broken(blob.digest, "it is missing")
        self._use()
        for document in content.documents:
            self.put(document.data)
        self._name(entries_for(content, names))

    def content(self, digest: Digest) -> Content:
        """What the image or index with `digest` consists of. Errors: BrokenBlob, InvalidImage."""
        try:
            return content_in(self.directory, digest)
        except OSError as error:
            raise self._broken(
                str(error.filename).rpartition("/")[2], error.strerror or ""
            ) from None

    def incoming(self, digest: Digest, size: int) -> AbstractContextManager[Receiver]:
        """Receive a blob from elsewhere, on from where an earlier try ended.

        Errors: BadAnswer when its bytes are not the digest's; StoreFull, StoreUnwritable.
        """
        self._use()
        return incoming(self.directory, digest, size)

    def _name(self, entries: tuple[Descriptor, ...]) -> None:
        """Put entries of one image into index.json."""
        with writing(self.directory):
            # Listings show when an image was last made; its own bytes must not know.
            os.utime(blob_path(self.directory, entries[0].digest))
            with locked(f"{self.directory}/locks/index"):
                before = self.index()
                after = _bounded(with_entries(before, entries))
                if after != before:
                    write_index(self.directory, after)

    def index(self) -> Index:
        """What index.json says. Errors: BrokenStore."""
        path = f"{self.directory}/index.json"
        try:
            return read_index(self.directory)
        except (InvalidImage, OSError) as error:
            raise BrokenStore(
                f"the store's {path} cannot be read: {error}",
                hint=f"remove {path}: the names are lost, the next build makes them again",
            ) from None

    def image(self, digest: Digest) -> Image:
        """The image whose manifest has `digest`. Errors: BrokenBlob, InvalidImage."""
        try:
            return read_image(self.directory, digest, self._layer)
        except OSError as error:
            raise self._broken(
                str(error.filename).rpartition("/")[2], error.strerror or ""
            ) from None

    def _layer(self, descriptor: Descriptor, diff_id: Digest) -> Layer:
        """A layer as it was written; one that another tool put here is read once to weigh it."""
        key = key_of("layer facts", descriptor.digest)
        known = self._known_layer(key)
        if known is None:
            from whit.layer.read import survey_layer  # noqa: PLC0415

            with self.open_blob(Digest(descriptor.digest), descriptor.size) as stream:
                survey = survey_layer(stream)
            known = Layer(
                media_type=descriptor.media_type,
                digest=survey.digest,
                size=survey.size,
                diff_id=survey.diff_id,
                tar_bytes=survey.tar_bytes,
                file_bytes=survey.file_bytes,
                file_count=survey.file_count,
                compressor="",
            )
            self.steps.put(key, msgspec.json.encode(known))
        if known.diff_id != diff_id:
            raise InvalidImage(f"layer {known.digest} has not the diff_id {diff_id}")
        return known

    def find(self, name: str, platform: Platform | None = None) -> Image:
        """The image that `name` means: a name (`:latest` may be left out), a digest, or the first
        four or more digits of one. Of an index, the one for `platform`, else the first.

        Errors: UnknownImage, also when several images fit; NoSuchPlatform; BrokenBlob,
        BrokenStore.
        """
        digest = self.digest_of(name)
        document = self.content(digest).root
        if not document.is_index:
            return self.image(digest)
        entry = choose(document, platform) if platform else entries_of(document)[0]
        return self.image(Digest(entry.digest))

    def digest_of(self, name: str) -> Digest:
        """The digest of the image or index that `name` means. Errors: as `find`."""
        return entry_named(self.index(), name, self.directory)

    def images(self) -> tuple[Listed, ...]:
        """All images by name. Errors: BrokenStore."""
        return listed(self.directory, self.index())

    def remove(self, name: str) -> Digest:
        """Take a name away, or an image with all its names when `name` is a digest; its bytes go
        with the next prune. Errors: UnknownImage, BrokenStore, StoreUnwritable.
        """
        self._use()
        with writing(self.directory), locked(f"{self.directory}/locks/index"):
            index = self.index()
            digest = entry_named(index, name, self.directory)
            names = {name, f"{name}:latest"} & {name_of(entry) for entry in index.manifests}
            kept = tuple(
                entry
                for entry in index.manifests
                if entry.digest != digest or (names and name_of(entry) not in names)
            )
            write_index(self.directory, msgspec.structs.replace(index, manifests=kept))
        return digest

    # ---- upkeep -----------------------------------------------------------------------------

    def _use(self) -> None:
        """Say that this process writes, so that nobody prunes what it has not named yet."""
        if self._in_use >= 0:
            return
        with writing(self.directory):
            for name in DIRECTORIES:
                os.makedirs(f"{self.directory}/{name}", exist_ok=True)
            path = f"{self.directory}/locks/use"
            self._in_use = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            fcntl.flock(self._in_use, fcntl.LOCK_SH)
            sweep(self.directory)

    def close(self) -> None:
        if self._in_use >= 0:
            os.close(self._in_use)
            self._in_use = -1

    def prune(self, *, keep_unnamed: bool = False) -> int:
        """Remove what no image needs, and images without a name unless told to keep them; how
        many bytes that freed. While other builds use the store, what is younger than an hour
        stays, since they may be about to name it. Errors: BrokenStore, StoreUnwritable.
        """
        from whit.store.upkeep import prune  # noqa: PLC0415

        self._use()
        with writing(self.directory), locked(f"{self.directory}/locks/index"):
            return prune(self, self._in_use, keep_unnamed=keep_unnamed)

    def check(self) -> tuple[Problem, ...]:
        """Read everything, and say what is broken; empty when nothing is."""
        from whit.store.upkeep import check  # noqa: PLC0415

        return check(self)


def _bounded(index: Index) -> Index:
    unnamed = [entry for entry in index.manifests if not entry.annotations]
    dropped = set(map(id, unnamed[: max(0, len(unnamed) - MAX_UNNAMED)]))
    kept = tuple(entry for entry in index.manifests if id(entry) not in dropped)
    return msgspec.structs.replace(index, manifests=kept)
