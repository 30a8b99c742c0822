"""Images in, an OCI image layout on disk out, and back. A door.

    DIR/oci-layout              {"imageLayoutVersion":"1.0.0"}
    DIR/index.json              one descriptor per name; written last, by rename
    DIR/blobs/sha256/<hex>      manifests, configs and layers; written whole, by rename

Whoever reads the directory while it is written finds the old index or the new one, and never a
blob under its name that is not complete.
"""

import errno
import os
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO

import msgspec

from whit.errors.images import CannotWriteImage, InvalidImage, NotALayout
from whit.model.image import MEDIA_INDEX, MEDIA_MANIFEST, Image
from whit.model.names import Digest
from whit.oci.documents import (
    ANNOTATION_NAME,
    MAX_DOCUMENT_BYTES,
    Descriptor,
    Index,
    LayoutMarker,
    PlatformDocument,
    decode,
    encode,
)
from whit.oci.read import LayerOf, bare_layer, image_of

OpenBlob = Callable[[Digest], BinaryIO]

_CHUNK_BYTES = 1 << 20
_MARKER = encode(LayoutMarker("1.0.0"))
_EMPTY_INDEX = Index(schema_version=2, manifests=(), media_type=MEDIA_INDEX)
# Docker's own manifest type stands in many layouts that other tools wrote.
_MANIFEST_TYPES = (MEDIA_MANIFEST, "application/vnd.docker.distribution.manifest.v2+json")
_INDEX_TYPES = (MEDIA_INDEX, "application/vnd.docker.distribution.manifest.list.v2+json")
_MAX_INDEX_DEPTH = 4


class Named(msgspec.Struct, frozen=True):
    """An image and the names it goes by, if any."""

    image: Image
    names: tuple[str, ...] = ()


def blob_path(directory: str, digest: str) -> str:
    return f"{directory}/blobs/sha256/{digest.removeprefix('sha256:')}"


# ---- index.json -----------------------------------------------------------------------------


def descriptors_of(image: Image, names: tuple[str, ...]) -> tuple[Descriptor, ...]:
    """The index entries of an image: one per name, or a single one without."""
    platform = image.platform
    document = PlatformDocument(platform.architecture, platform.os, platform.variant)
    return tuple(
        Descriptor(
            image.media_type,
            image.manifest_digest,
            len(image.manifest),
            document,
            {ANNOTATION_NAME: name} if name else {},
        )
        for name in names or ("",)
    )


def with_image(index: Index, image: Image, names: tuple[str, ...]) -> Index:
    """`index` with `image` under `names`. An image that loses its last name keeps an entry."""
    return with_entries(index, descriptors_of(image, names))


def with_entries(index: Index, added: tuple[Descriptor, ...]) -> Index:
    """`index` with entries of one image; names they share with others move to them."""
    names = {name_of(entry) for entry in added} - {""}
    kept: list[Descriptor] = []
    for entry in index.manifests:
        if entry.digest == added[0].digest and not name_of(entry):
            continue
        if name_of(entry) in names:
            entry = msgspec.structs.replace(entry, annotations={})  # noqa: PLW2901
        kept.append(entry)
    named = {entry.digest for entry in (*kept, *added) if name_of(entry)}
    seen: set[str] = set()
    result: list[Descriptor] = []
    for entry in kept:
        if not name_of(entry):
            if entry.digest in named or entry.digest in seen:
                continue
            seen.add(entry.digest)
        result.append(entry)
    return msgspec.structs.replace(index, manifests=(*result, *added))


def name_of(entry: Descriptor) -> str:
    return entry.annotations.get(ANNOTATION_NAME, "")


def read_index(directory: str) -> Index:
    """index.json, or an empty one when there is none. Errors: InvalidImage, OSError."""
    try:
        data = _read_small(f"{directory}/index.json")
    except FileNotFoundError:
        return _EMPTY_INDEX
    return decode(Index, data, f"{directory}/index.json")


def write_index(directory: str, index: Index) -> None:
    write_whole(f"{directory}/index.json", encode(index))


# ---- files ----------------------------------------------------------------------------------


def write_whole(path: str, data: bytes) -> None:
    """Write a small file so that it is there complete or not at all. Errors: OSError."""
    partial = f"{path}.{os.getpid()}.partial"
    try:
        with open(partial, "wb") as file:
            file.write(data)
        os.rename(partial, path)
    except BaseException:
        _remove_quietly(partial)
        raise


def make_layout(directory: str) -> None:
    """Create what is missing of a layout. Errors: NotALayout, OSError."""
    os.makedirs(f"{directory}/blobs/sha256", exist_ok=True)
    check_marker(directory)


def check_marker(directory: str) -> None:
    """Read `oci-layout`, or write it where it is missing. Errors: NotALayout, OSError."""
    path = f"{directory}/oci-layout"
    try:
        data = _read_small(path)
    except FileNotFoundError:
        write_whole(path, _MARKER)
        return
    try:
        version = decode(LayoutMarker, data, path).version
    except InvalidImage as error:
        raise NotALayout(error.message, hint=f"remove {path} if the directory is yours") from None
    if version != "1.0.0":
        raise NotALayout(f"{directory} is an OCI layout of version {version!r}, not 1.0.0")


def refuse_foreign(directory: str) -> None:
    """Errors: NotALayout when `directory` holds something that is no layout."""
    is_used = os.path.isdir(directory) and bool(os.listdir(directory))
    if is_used and not os.path.isfile(f"{directory}/oci-layout"):
        raise NotALayout(
            f"{directory} is not empty and holds no OCI layout",
            hint="name a new or an empty directory",
        )


def write_layout(directory: str, images: Iterable[Named], open_blob: OpenBlob) -> None:
    """Add `images` to the layout at `directory`, made where there is none.

    Errors: NotALayout when the directory holds something else; CannotWriteImage.
    """
    refuse_foreign(directory)
    try:
        make_layout(directory)
        index = read_index(directory)
        for named in images:
            _write_blobs(directory, named.image, open_blob)
            index = with_image(index, named.image, named.names)
        write_index(directory, index)
    except OSError as error:
        raise cannot_write(directory, error) from error


def cannot_write(place: str, error: OSError) -> CannotWriteImage:
    """The error for a destination that refuses bytes."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return CannotWriteImage(f"no space left to write {place}", hint="free some and try again")
    return CannotWriteImage(
        f"cannot write {place}: {error.strerror or error}",
        hint="name a place that exists and that you may write to",
    )


def _write_blobs(directory: str, image: Image, open_blob: OpenBlob) -> None:
    for layer in image.layers:
        copy_blob(directory, layer.digest, layer.size, open_blob)
    for digest, data in (
        (image.config_digest, image.config),
        (image.manifest_digest, image.manifest),
    ):
        write_small(blob_path(directory, digest), data)


def write_small(path: str, data: bytes) -> None:
    """A document's blob, unless it is there."""
    if not _has_size(path, len(data)):
        write_whole(path, data)


def copy_blob(directory: str, digest: Digest, size: int, open_blob: OpenBlob) -> None:
    path = blob_path(directory, digest)
    if _has_size(path, size):
        return
    partial = f"{path}.{os.getpid()}.partial"
    try:
        with open_blob(digest) as source, open(partial, "wb") as file:
            file.writelines(chunks_of(source))
        os.rename(partial, path)
    except BaseException:
        _remove_quietly(partial)
        raise


def chunks_of(source: BinaryIO) -> Iterator[bytes]:
    while chunk := source.read(_CHUNK_BYTES):
        yield chunk


def _has_size(path: str, size: int) -> bool:
    try:
        return os.stat(path).st_size == size
    except OSError:
        return False


def _remove_quietly(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        return


def _read_small(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read(MAX_DOCUMENT_BYTES + 1)


# ---- reading --------------------------------------------------------------------------------


def read_layout(directory: str, layer_of: LayerOf = bare_layer) -> tuple[Named, ...]:
    """All images of a layout, whoever wrote it, with their names.

    Errors: NotALayout, InvalidImage.
    """
    if not os.path.isfile(f"{directory}/oci-layout"):
        raise NotALayout(f"{directory} holds no OCI layout", hint="it has no file oci-layout")
    try:
        check_marker(directory)
        names: dict[str, list[str]] = {}
        for entry, name in _manifests(directory, read_index(directory), "", 0):
            known = names.setdefault(entry.digest, [])
            if name and name not in known:
                known.append(name)
        return tuple(
            Named(read_image(directory, Digest(digest), layer_of), tuple(known))
            for digest, known in names.items()
        )
    except OSError as error:
        raise InvalidImage(f"cannot read {error.filename}: {error.strerror}") from None


def read_image(directory: str, digest: Digest, layer_of: LayerOf = bare_layer) -> Image:
    """The image whose manifest has `digest`. Errors: InvalidImage, OSError."""
    from whit.oci.documents import Manifest  # noqa: PLC0415

    manifest = read_document(directory, digest)
    config = decode(Manifest, manifest, f"manifest {digest}").config.digest
    return image_of(manifest, read_document(directory, Digest(config)), layer_of)


def read_document(directory: str, digest: Digest) -> bytes:
    """A small blob, its digest checked. Errors: InvalidImage, OSError."""
    from whit.model.names import digest_of  # noqa: PLC0415

    data = _read_small(blob_path(directory, digest))
    if digest_of(data) != digest:
        raise InvalidImage(
            f"blob {digest} has other bytes than its name says", hint="the layout is damaged"
        )
    return data


def _manifests(
    directory: str, index: Index, name: str, depth: int
) -> Iterator[tuple[Descriptor, str]]:
    """Manifests of an index and of the indexes in it; a name goes down to what it names."""
    if depth > _MAX_INDEX_DEPTH:
        raise InvalidImage(f"{directory} nests indexes more than {_MAX_INDEX_DEPTH} deep")
    for entry in index.manifests:
        own = name_of(entry) or name
        if entry.media_type in _MANIFEST_TYPES:
            yield entry, own
        elif entry.media_type in _INDEX_TYPES:
            data = read_document(directory, Digest(entry.digest))
            nested = decode(Index, data, f"index {entry.digest}")
            yield from _manifests(directory, nested, own, depth + 1)
