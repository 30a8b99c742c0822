"""A layout and a digest in, what it consists of out; and back. A door, as `layout` is."""

from collections.abc import Callable
from typing import BinaryIO

from whit.model.names import Digest
from whit.oci.documents import ANNOTATION_NAME, Config, Descriptor, PlatformDocument, decode
from whit.oci.graph import Content, Document, content_of_document, read_content
from whit.oci.graph import read_document as read_kind
from whit.oci.layout import (
    blob_path,
    cannot_write,
    copy_blob,
    make_layout,
    read_document,
    read_index,
    refuse_foreign,
    with_entries,
    write_index,
    write_small,
)

OpenBlob = Callable[[Digest], BinaryIO]


def content_in(directory: str, digest: Digest) -> Content:
    """What the image or index `digest` of a layout consists of. Errors: InvalidImage, OSError."""

    def fetch(entry: Descriptor) -> bytes:
        return read_document(directory, Digest(entry.digest))

    return read_content(read_kind(read_document(directory, digest)), fetch)


def entries_for(
    content: Content, names: tuple[str, ...], platform: PlatformDocument | None = None
) -> tuple[Descriptor, ...]:
    """The entries of index.json for `content`: one per name, or a single one without."""
    root = content.root
    return tuple(
        Descriptor(
            root.media_type,
            root.digest,
            len(root.data),
            platform,
            {ANNOTATION_NAME: name} if name else {},
        )
        for name in names or ("",)
    )


def platform_of(manifest: Document, read: Callable[[Digest], bytes]) -> PlatformDocument:
    """The platform that an image's config states. Errors: InvalidImage; what `read` raises."""
    digest = content_of_document(manifest).blobs[0].digest
    config = decode(Config, read(Digest(digest)), f"config {digest}")
    return PlatformDocument(config.architecture, config.os, config.variant)


def write_contents(
    directory: str, content: Content, names: tuple[str, ...], open_blob: OpenBlob
) -> None:
    """Add `content` to the layout at `directory`, made where there is none.

    Errors: NotALayout when the directory holds something else; CannotWriteImage.
    """
    refuse_foreign(directory)
    try:
        make_layout(directory)
        index = read_index(directory)
        for blob in content.blobs:
            copy_blob(directory, Digest(blob.digest), blob.size, open_blob)
        for document in content.documents:
            write_small(blob_path(directory, document.digest), document.data)
        write_index(directory, with_entries(index, entries_for(content, names)))
    except OSError as error:
        raise cannot_write(directory, error) from error
