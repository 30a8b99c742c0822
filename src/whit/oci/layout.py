"""Images in, an OCI image layout on disk out, and back. A door.

    DIR/oci-layout              {"imageLayoutVersion":"1.0.0"}
    DIR/index.json              one descriptor per name; written last, by rename
    DIR/blobs/sha256/<hex>      manifests, configs and layers; written whole, by rename

Whoever reads the directory while it is written finds the old index or the new one, and never a
blob under its name that is not complete.
"""

import errno
import os
from collections.abc import Callable, Iterator
from typing import BinaryIO

import msgspec

from whit.errors.images import CannotWriteImage, InvalidImage, NotALayout
from whit.model.image import MEDIA_INDEX, Image
from whit.model.names import Digest
from whit.oci.documents import (
    ANNOTATION_NAME,
    MAX_DOCUMENT_BYTES,
    Descriptor,
    Index,
    LayoutMarker,
    decode,
    encode,
)
from whit.oci.read import LayerOf, bare_layer, image_of

OpenBlob = Callable[[Digest], BinaryIO]

_CHUNK_BYTES = 1 << 20
_MARKER = encode(LayoutMarker("1.0.0"))
_EMPTY_INDEX = Index(schema_version=2, manifests=(), media_type=MEDIA_INDEX)


def blob_path(directory: str, digest: str) -> str:
    return f"{directory}/blobs/sha256/{digest.removeprefix('sha256:')}"


# ---- index.json -----------------------------------------------------------------------------


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


def cannot_write(place: str, error: OSError) -> CannotWriteImage:
    """The error for a destination that refuses bytes."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return CannotWriteImage(f"no space left to write {place}", hint="free some and try again")
    return CannotWriteImage(
        f"cannot write {place}: {error.strerror or error}",
        hint="name a place that exists and that you may write to",
    )


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
            f"blob {digest} has other bytes than its name says",
            hint="it is damaged: make or copy the image again",
        )
    return data
