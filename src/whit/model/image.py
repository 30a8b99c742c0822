"""Descriptor, Layer, Image: finished OCI values whose bytes no longer change."""

from enum import StrEnum

import msgspec

from whit.model.names import Digest, Platform

MEDIA_INDEX = "application/vnd.oci.image.index.v1+json"
MEDIA_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
MEDIA_CONFIG = "application/vnd.oci.image.config.v1+json"
MEDIA_LAYER = "application/vnd.oci.image.layer.v1.tar"


class Format(StrEnum):
    """How a layer's tar is compressed."""

    GZIP = "gzip"
    ZSTD = "zstd"
    NONE = "none"

    @property
    def media_type(self) -> str:
        return MEDIA_LAYER + ("" if self is Format.NONE else f"+{self.value}")


class Effort(StrEnum):
    """How hard the compressor works. `fast` for the edit, `best` for publishing."""

    FAST = "fast"
    BEST = "best"


class Compression(msgspec.Struct, frozen=True):
    format: Format = Format.GZIP
    effort: Effort = Effort.FAST


class Layer(msgspec.Struct, frozen=True):
    """A finished layer. `size` counts the blob, `tar_bytes` the tar in it, `file_bytes` its files.

    `compressor` is the compressor's name, version and level, for the record.
    """

    media_type: str
    digest: Digest
    size: int
    diff_id: Digest
    tar_bytes: int
    file_bytes: int
    file_count: int
    compressor: str
    comment: str = ""


class Image(msgspec.Struct, frozen=True):
    """A manifest and its config as canonical bytes, and the layers they name, lowest first."""

    platform: Platform
    manifest: bytes
    manifest_digest: Digest
    config: bytes
    config_digest: Digest
    layers: tuple[Layer, ...]
    media_type: str = MEDIA_MANIFEST  # other tools also write Docker's own

    @property
    def size(self) -> int:
        """Bytes a registry would hold for it: manifest, config and layers."""
        return len(self.manifest) + len(self.config) + sum(layer.size for layer in self.layers)

    @property
    def file_bytes(self) -> int:
        return sum(layer.file_bytes for layer in self.layers)

    @property
    def file_count(self) -> int:
        return sum(layer.file_count for layer in self.layers)
