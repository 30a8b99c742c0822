"""Manifest and config bytes in, an Image out; for images that whit did not just make.

What the two documents say of each other is checked here; `validate` checks the rest.
"""

from collections.abc import Callable

from whit.errors.images import InvalidImage
from whit.model.image import MEDIA_MANIFEST, Image, Layer
from whit.model.names import Digest, Platform, digest_of
from whit.oci.documents import Config, Descriptor, Manifest, decode

# Layers are known by more than a manifest says of them; whoever can read blobs fills it in.
LayerOf = Callable[[Descriptor, Digest], Layer]


def bare_layer(descriptor: Descriptor, diff_id: Digest) -> Layer:
    """A Layer of what the documents say; what only its bytes would say is 0."""
    return Layer(
        media_type=descriptor.media_type,
        digest=Digest(descriptor.digest),
        size=descriptor.size,
        diff_id=diff_id,
        tar_bytes=0,
        file_bytes=0,
        file_count=0,
        compressor="",
    )


def image_of(manifest: bytes, config: bytes, layer_of: LayerOf = bare_layer) -> Image:
    """An Image of its two documents. Errors: InvalidImage."""
    digest = digest_of(manifest)
    said = decode(Manifest, manifest, f"manifest {digest}")
    runs = decode(Config, config, f"config {said.config.digest}")
    if digest_of(config) != said.config.digest or len(config) != said.config.size:
        raise InvalidImage(f"manifest {digest} names another config than the one that was read")
    diff_ids = runs.rootfs.diff_ids
    if len(diff_ids) != len(said.layers):
        raise InvalidImage(
            f"manifest {digest} has {len(said.layers)} layers and its config {len(diff_ids)}"
        )
    return Image(
        platform=Platform(runs.os, runs.architecture, runs.variant),
        manifest=manifest,
        manifest_digest=digest,
        config=config,
        config_digest=digest_of(config),
        layers=tuple(
            layer_of(descriptor, Digest(diff_id))
            for descriptor, diff_id in zip(said.layers, diff_ids, strict=True)
        ),
        media_type=said.media_type or MEDIA_MANIFEST,
    )
