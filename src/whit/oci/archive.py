"""Images in, one tar file out: an OCI archive, or what `docker load` reads. A door by name: it
writes to the stream it is given, and opens blobs through a function it is given.

    OCI archive                     docker archive
    oci-layout                      manifest.json   [{"Config","RepoTags","Layers"}]
    index.json                      <hex>.json
    blobs/sha256/<hex>              <hex>.tar.gz or <hex>.tar

Several platforms in a docker archive are both in one, as docker writes them since version 25: what
reads manifest.json finds one platform, what reads index.json all.

Equal images give equal archives.
"""

from collections.abc import Iterable, Iterator
from typing import BinaryIO

import msgspec

from whit.errors.images import InvalidImage
from whit.model.image import MEDIA_INDEX, Format, Image, Layer
from whit.model.names import Digest, Reference
from whit.oci.contents import entries_for
from whit.oci.documents import (
    ANNOTATION_CONTAINERD_NAME,
    ANNOTATION_NAME,
    Index,
    LayoutMarker,
    encode,
)
from whit.oci.graph import Content
from whit.oci.layout import OpenBlob, cannot_write, chunks_of, name_of

_BLOCK = 512
_END = bytes(2 * _BLOCK)


class _DockerEntry(msgspec.Struct, frozen=True):
    config: str = msgspec.field(name="Config")
    repo_tags: tuple[str, ...] = msgspec.field(name="RepoTags")
    layers: tuple[str, ...] = msgspec.field(name="Layers")


class _Archive:
    """Tar entries of plain files, owned by root at the epoch."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out

    def add(self, name: str, data: bytes) -> None:
        self.stream(name, len(data), (data,))

    def stream(self, name: str, size: int, pieces: Iterable[bytes]) -> None:
        """An entry of `size` bytes. Errors: InvalidImage when the pieces have another sum."""
        self._out.write(_header(name, size))
        written = 0
        for piece in pieces:
            written += len(piece)
            if written > size:
                break
            self._out.write(piece)
        if written != size:
            raise InvalidImage(f"{name} is not {size} bytes long, as its image says")
        self._out.write(bytes(-size % _BLOCK))

    def end(self) -> None:
        self._out.write(_END)


def write_contents_archive(
    out: BinaryIO, content: Content, names: tuple[str, ...], open_blob: OpenBlob
) -> None:
    """Write an image or an index as a layout in a tar.

    Errors: CannotWriteImage; what `open_blob` raises.
    """
    try:
        archive = _Archive(out)
        _add_layout(archive, content, names, open_blob)
        archive.end()
    except OSError as error:
        raise cannot_write("the archive", error) from error


def _add_layout(
    archive: _Archive, content: Content, names: tuple[str, ...], open_blob: OpenBlob
) -> None:
    named = tuple(
        msgspec.structs.replace(entry, annotations=_annotations(name_of(entry)))
        for entry in entries_for(content, names)
    )
    archive.add("oci-layout", encode(LayoutMarker("1.0.0")))
    archive.add("index.json", encode(Index(2, named, MEDIA_INDEX)))
    for document in content.documents:
        archive.add(_blob_name(document.digest), document.data)
    for blob in content.blobs:
        pieces = _pieces(open_blob, Digest(blob.digest))
        archive.stream(_blob_name(blob.digest), blob.size, pieces)


def _blob_name(digest: str) -> str:
    return f"blobs/sha256/{digest[7:]}"


def _annotations(name: str) -> dict[str, str]:
    """`podman load` takes the full name from ref.name, containerd from its own annotation."""
    if not name:
        return {}
    return {ANNOTATION_NAME: name, ANNOTATION_CONTAINERD_NAME: full_name(name)}


def full_name(name: str) -> str:
    """`hello` -> `docker.io/library/hello:latest`, as engines understand short names."""
    reference = Reference.parse(name)
    registry = reference.registry or "docker.io"
    repository = reference.repository
    if registry == "docker.io" and "/" not in repository:
        repository = f"library/{repository}"
    tag = reference.tag or "latest"
    return f"{registry}/{repository}:{tag}"


def _pieces(open_blob: OpenBlob, digest: Digest) -> Iterator[bytes]:
    with open_blob(digest) as source:
        yield from chunks_of(source)


def write_docker_archive(
    out: BinaryIO, image: Image, names: tuple[str, ...], open_blob: OpenBlob
) -> None:
    """Write what `docker load` reads. zstd layers are decompressed on the way: engines before
    Docker 23 cannot.

    Errors: CannotWriteImage; BadName; InvalidImage; what `open_blob` raises.
    """
    try:
        archive = _Archive(out)
        config = f"{image.config_digest[7:]}.json"
        tags = tuple(_tagged(name) for name in names)
        layers = {_layer_name(layer): layer for layer in image.layers}
        order = tuple(_layer_name(layer) for layer in image.layers)
        archive.add("manifest.json", encode_list(_DockerEntry(config, tags, order)))
        archive.add(config, image.config)
        for name, layer in layers.items():
            if _format(layer) is Format.ZSTD:
                archive.stream(name, layer.tar_bytes, _decompressed(open_blob, layer))
            else:
                archive.stream(name, layer.size, _pieces(open_blob, layer.digest))
        archive.end()
    except OSError as error:
        raise cannot_write("the archive", error) from error


def write_joint_archive(
    out: BinaryIO, content: Content, image: Image, names: tuple[str, ...], open_blob: OpenBlob
) -> None:
    """Write all of an index, and `image` of it for engines that know one platform only.

    Errors: as above.
    """
    try:
        archive = _Archive(out)
        _add_layout(archive, content, names, open_blob)
        order = []
        for layer in image.layers:
            is_zstd = _format(layer) is Format.ZSTD
            name = _layer_name(layer) if is_zstd else _blob_name(layer.digest)
            if is_zstd and name not in order:
                archive.stream(name, layer.tar_bytes, _decompressed(open_blob, layer))
            order.append(name)
        tags = tuple(_tagged(name) for name in names)
        entry = _DockerEntry(_blob_name(image.config_digest), tags, tuple(order))
        archive.add("manifest.json", encode_list(entry))
        archive.end()
    except OSError as error:
        raise cannot_write("the archive", error) from error


def encode_list(entry: _DockerEntry) -> bytes:
    return msgspec.json.encode([entry])


def _tagged(name: str) -> str:
    """A tag as docker takes it: without digest, `latest` where none is given."""
    reference = Reference.parse(name)
    return str(msgspec.structs.replace(reference, digest="", tag=reference.tag or "latest"))


def _format(layer: Layer) -> Format:
    for format_ in (Format.GZIP, Format.ZSTD):
        if layer.media_type.endswith(f"+{format_}") or layer.media_type.endswith(f".{format_}"):
            return format_
    return Format.NONE


def _layer_name(layer: Layer) -> str:
    # The digest of what is in the entry: docker names it in its messages.
    if _format(layer) is Format.GZIP:
        return f"{layer.digest[7:]}.tar.gz"
    return f"{layer.diff_id[7:]}.tar"


def _decompressed(open_blob: OpenBlob, layer: Layer) -> Iterator[bytes]:
    import zstandard  # noqa: PLC0415

    with open_blob(layer.digest) as source:
        reader = zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(
            source, read_across_frames=True, closefd=False
        )
        try:
            yield from chunks_of(reader)
        except zstandard.ZstdError as error:
            raise InvalidImage(f"layer {layer.digest} is no zstd data: {error}") from None
        # The check of the blob's digest is made by the read that reaches its end.
        source.read(1)


def _header(name: str, size: int) -> bytes:
    """A ustar header (POSIX pax, "ustar Interchange Format") for a name of at most 100 bytes.

    The layer room writes the headers of trees; rooms of one floor do not know each other.
    """
    encoded = name.encode("ascii")
    # The size takes GNU's base 256 beyond 8 GiB, which Go and GNU tar read.
    digits = b"%011o\0" % size if size < 1 << 33 else b"\x80" + size.to_bytes(11, "big")
    block = bytearray(_BLOCK)
    block[0 : len(encoded)] = encoded
    block[100:124] = b"0000644\0" + b"0000000\0" * 2
    block[124:136] = digits
    block[136:148] = b"%011o\0" % 0
    block[148:156] = b" " * 8
    block[156:157] = b"0"
    block[257:265] = b"ustar\x0000"
    block[329:345] = b"0000000\0" * 2
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)
