"""The document of an image or an index in, everything it names out: what to carry, in what order.

    index ─▶ manifests ─▶ config, layers        documents: children first, the root last
                                                blobs: each digest once

Copying carries bytes, not meanings: documents of other tools keep every byte and so their digest.
"""

from collections.abc import Callable

import msgspec

from whit.errors.images import InvalidImage
from whit.errors.registry import NoSuchPlatform, UnsupportedManifest
from whit.model.image import MEDIA_INDEX, MEDIA_MANIFEST, Image
from whit.model.names import Digest, Platform, digest_of
from whit.oci.documents import Descriptor, Index, Manifest, PlatformDocument, decode, encode

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
MANIFEST_TYPES = (MEDIA_MANIFEST, DOCKER_MANIFEST)
INDEX_TYPES = (MEDIA_INDEX, DOCKER_INDEX)
_SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1+"
# BuildKit's attestations are manifests of no platform that say whose they are.
_ATTESTS = "vnd.docker.reference.type"
_MAX_DEPTH = 4
_MAX_DOCUMENTS = 1000
_MAX_BLOBS = 20_000


_ABSENT = msgspec.Raw(b"")


class Document(msgspec.Struct, frozen=True):
    """A manifest or an index as bytes, with its type."""

    media_type: str
    digest: Digest
    data: bytes

    @property
    def is_index(self) -> bool:
        return self.media_type in INDEX_TYPES


class Content(msgspec.Struct, frozen=True):
    """What an image or an index consists of. The last document is the root."""

    documents: tuple[Document, ...]
    blobs: tuple[Descriptor, ...]

    @property
    def root(self) -> Document:
        return self.documents[-1]

    @property
    def manifests(self) -> tuple[Document, ...]:
        return tuple(one for one in self.documents if not one.is_index)

    @property
    def size(self) -> int:
        """Bytes that a registry would hold for it."""
        return sum(len(one.data) for one in self.documents) + sum(b.size for b in self.blobs)


class _Shape(msgspec.Struct, frozen=True):
    """The fields by which a document can be told; both at once are refused (CVE-2021-41190)."""

    schema_version: int = msgspec.field(default=0, name="schemaVersion")
    media_type: str = msgspec.field(default="", name="mediaType")
    manifests: msgspec.Raw = _ABSENT
    layers: msgspec.Raw = _ABSENT
    fs_layers: msgspec.Raw = msgspec.field(default=_ABSENT, name="fsLayers")


def read_document(data: bytes, said: str = "") -> Document:
    """Find out what a document is; `said` is the type that its carrier gave, "" for none.

    Errors: InvalidImage, UnsupportedManifest.
    """
    digest = digest_of(data)
    what = f"the document {digest}"
    try:
        shape = msgspec.json.decode(data, type=_Shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidImage(
            f"{what} is no manifest: {error}", hint="whoever gave it is broken, or is no registry"
        ) from None
    if shape.schema_version == 1 or bytes(shape.fs_layers) or said.startswith(_SCHEMA_1):
        raise UnsupportedManifest(
            "the image is in Docker's schema 1, which no current engine takes",
            hint="pull and push it once with a Docker of before 2024, or build it again",
        )
    if bytes(shape.manifests) and bytes(shape.layers):
        raise InvalidImage(f"{what} is an index and an image at once", hint="do not trust it")
    kind = shape.media_type or said
    if kind not in (*MANIFEST_TYPES, *INDEX_TYPES):
        kind = MEDIA_INDEX if bytes(shape.manifests) else MEDIA_MANIFEST
    if (kind in INDEX_TYPES) != bool(bytes(shape.manifests)):
        raise InvalidImage(f"{what} says it is {kind} and is not", hint="do not trust it")
    if said in (*MANIFEST_TYPES, *INDEX_TYPES) and (said in INDEX_TYPES) != (kind in INDEX_TYPES):
        raise InvalidImage(f"{what} was given as {said} and is {kind}", hint="do not trust it")
    return Document(kind, digest, data)


def read_content(root: Document, fetch: Callable[[Descriptor], bytes]) -> Content:
    """Everything that `root` names. `fetch` returns the bytes of a document, checked.

    Errors: InvalidImage, UnsupportedManifest; what `fetch` raises.
    """
    documents: dict[str, Document] = {}
    blobs: dict[str, Descriptor] = {}

    def visit(document: Document, depth: int) -> None:
        if document.digest in documents:
            return
        if depth > _MAX_DEPTH or len(documents) >= _MAX_DOCUMENTS:
            raise InvalidImage(f"index {root.digest} has too many images, or nests too deeply")
        if document.is_index:
            for entry in entries_in(document):
                visit(_checked(entry, fetch(entry)), depth + 1)
        else:
            for blob in _blobs_of(document):
                known = blobs.setdefault(blob.digest, blob)
                if known.size != blob.size:
                    raise InvalidImage(f"blob {blob.digest} has two sizes in one image")
        if len(blobs) > _MAX_BLOBS:
            raise InvalidImage(f"image {root.digest} has more than {_MAX_BLOBS} blobs")
        documents[document.digest] = document

    visit(root, 0)
    return Content(tuple(documents.values()), tuple(blobs.values()))


def _checked(entry: Descriptor, data: bytes) -> Document:
    if len(data) != entry.size or digest_of(data) != entry.digest:
        raise InvalidImage(f"manifest {entry.digest} has other bytes than its index says")
    return read_document(data, entry.media_type)


def _blobs_of(document: Document) -> tuple[Descriptor, ...]:
    """Config and layers; not those that stay where their makers keep them."""
    manifest = decode(Manifest, document.data, f"manifest {document.digest}")
    layers = (layer for layer in manifest.layers if not _is_foreign(layer))
    return (manifest.config, *layers)


def _is_foreign(layer: Descriptor) -> bool:
    return ".foreign." in layer.media_type or ".nondistributable." in layer.media_type


# ---- platforms ------------------------------------------------------------------------------


def choose(index: Document, platform: Platform) -> Descriptor:
    """The entry of an index for `platform`. Errors: NoSuchPlatform, InvalidImage."""
    entries = entries_of(index)
    found = [e for e in entries if fits(e.platform, platform)]
    if found:
        # The variant asked, else the next older one. Where none was asked, and the common one is
        # not there, the oldest runs on most machines.
        exact = [e for e in found if e.platform and _variant(e.platform) == _variant(platform)]
        order = max if _asks_variant(platform) else min
        return exact[0] if exact else order(found, key=lambda e: _variant(e.platform or platform))
    unsaid = [e for e in entries if e.platform is None]
    if len(entries) == 1 and unsaid:
        return unsaid[0]
    there = sorted({platform_text(e.platform) for e in entries if e.platform is not None})
    raise NoSuchPlatform(
        f"the image does not exist for {platform}",
        hint="it exists for " + ", ".join(there) if there else "its index is empty",
    )


def entries_of(index: Document) -> tuple[Descriptor, ...]:
    """An index's images; attestations are not images."""
    return tuple(e for e in entries_in(index) if not is_attestation(e))


def entries_in(index: Document) -> tuple[Descriptor, ...]:
    """All manifests and indexes that an index names."""
    entries = decode(Index, index.data, f"index {index.digest}").manifests
    return tuple(e for e in entries if e.media_type in (*MANIFEST_TYPES, *INDEX_TYPES))


def is_attestation(entry: Descriptor) -> bool:
    platform = entry.platform
    return _ATTESTS in entry.annotations or (
        platform is not None and platform.os == platform.architecture == "unknown"
    )


def platform_text(platform: PlatformDocument | None) -> str:
    if platform is None:
        return "unknown"
    parts = (platform.os, platform.architecture, platform.variant)
    return "/".join(filter(None, parts))


def fits(offered: PlatformDocument | None, asked: Platform) -> bool:
    """Whether what is offered runs on what is asked."""
    if offered is None or (offered.os, offered.architecture) != (asked.os, asked.architecture):
        return False
    # An older variant runs on a newer machine.
    return not _asks_variant(asked) or _variant(offered) <= _variant(asked)


def _asks_variant(platform: Platform) -> bool:
    """On arm, variants are so different that leaving it out means the common one."""
    return bool(platform.variant) or platform.architecture == "arm"


def _variant(platform: PlatformDocument | Platform) -> str:
    """The variant that is meant where none is said (containerd's normalisation)."""
    return platform.variant or {"arm": "v7", "arm64": "v8", "amd64": "v1"}.get(
        platform.architecture, ""
    )


# ---- from images that are at hand -----------------------------------------------------------


def content_of(image: Image) -> Content:
    """What to carry for an image."""
    return content_of_document(Document(image.media_type, image.manifest_digest, image.manifest))


def content_of_document(manifest: Document) -> Content:
    """What to carry for a manifest. Errors: InvalidImage."""
    return Content((manifest,), _blobs_of(manifest))


def index_of(images: tuple[Image, ...], annotations: dict[str, str]) -> Document:
    """The index of one program's images, in the order of their platforms."""
    entries = tuple(
        Descriptor(
            image.media_type,
            image.manifest_digest,
            len(image.manifest),
            PlatformDocument(
                image.platform.architecture, image.platform.os, image.platform.variant
            ),
        )
        for image in sorted(images, key=lambda image: image.platform)
    )
    data = encode(Index(2, entries, MEDIA_INDEX, annotations))
    return Document(MEDIA_INDEX, digest_of(data), data)


def joined(index: Document, images: tuple[Image, ...]) -> Content:
    """What to carry for an index of images that are at hand."""
    parts = [content_of(image) for image in images]
    blobs = {blob.digest: blob for part in parts for blob in part.blobs}
    return Content((*(part.root for part in parts), index), tuple(blobs.values()))
