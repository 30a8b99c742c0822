"""An index in, what a user may ask of it out: the images by name, and the one a name means."""

import os

import msgspec

from whit.errors import InvalidImage, UnknownImage
from whit.model.names import Digest, Platform
from whit.oci.documents import Config, Index, Manifest, decode
from whit.oci.layout import blob_path, name_of, read_document

_MIN_DIGITS = 4
_SHOWN_NAMES = 8


class Listed(msgspec.Struct, frozen=True):
    """A line of `whit images`. `name` is "" for an image that lost its name; `size` counts what
    a registry would hold; `created_at` is when it was last made here, in seconds since 1970.
    """

    name: str
    digest: Digest
    platform: Platform
    size: int
    layer_count: int
    created_at: float
    is_broken: bool = False


class Problem(msgspec.Struct, frozen=True):
    """Something broken in the store, and what to do."""

    subject: str
    what: str
    hint: str = ""


def listed(directory: str, index: Index) -> tuple[Listed, ...]:
    """The index's images, names first, each in order. Damaged ones are marked, not hidden."""
    found = [_listed(directory, name_of(entry), Digest(entry.digest)) for entry in index.manifests]
    return tuple(sorted(found, key=lambda one: (not one.name, one.name, one.digest)))


def _listed(directory: str, name: str, digest: Digest) -> Listed:
    try:
        data = read_document(directory, digest)
        manifest = decode(Manifest, data, f"manifest {digest}")
        config_bytes = read_document(directory, Digest(manifest.config.digest))
        config = decode(Config, config_bytes, f"config {manifest.config.digest}")
        created_at = os.stat(blob_path(directory, digest)).st_mtime
    except (InvalidImage, OSError):
        return Listed(name, digest, Platform("", ""), 0, 0, 0.0, is_broken=True)
    return Listed(
        name=name,
        digest=digest,
        platform=Platform(config.os, config.architecture, config.variant),
        size=len(data) + len(config_bytes) + sum(layer.size for layer in manifest.layers),
        layer_count=len(manifest.layers),
        created_at=created_at,
    )


def entry_named(index: Index, name: str, directory: str) -> Digest:
    """The manifest digest that `name` means. Errors: UnknownImage."""
    by_name = {name_of(entry): entry.digest for entry in index.manifests if name_of(entry)}
    for candidate in (name, f"{name}:latest"):
        if candidate in by_name:
            return Digest(by_name[candidate])
    # name@sha256:... means the digest, whatever the name
    digits = name.rpartition("@")[2].removeprefix("sha256:")
    if len(digits) >= _MIN_DIGITS and not digits.strip("0123456789abcdef"):
        fitting = sorted(
            {e.digest for e in index.manifests if e.digest.startswith(f"sha256:{digits}")}
        )
        if len(fitting) == 1:
            return Digest(fitting[0])
        if fitting:
            raise UnknownImage(
                f"{name} means {len(fitting)} images in the store {directory}",
                hint="give more digits: " + ", ".join(digest[7:27] for digest in fitting),
            )
    known = sorted(by_name)[:_SHOWN_NAMES]
    raise UnknownImage(
        f"the store {directory} holds no image {name!r}",
        hint="it holds " + ", ".join(known) if known else "it holds no image yet: `whit build`",
    )
