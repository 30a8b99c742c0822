"""An index in, what a user may ask of it out: the images by name, and the one a name means."""

import os

import msgspec

from whit.errors import WhitError
from whit.errors.images import UnknownImage
from whit.model.names import Digest, Platform
from whit.oci.contents import content_in, platform_of
from whit.oci.documents import Index
from whit.oci.graph import entries_of
from whit.oci.layout import blob_path, name_of, read_document

_MIN_DIGITS = 4
_SHOWN_NAMES = 8


class Listed(msgspec.Struct, frozen=True):
    """A line of `whit images`. `name` is "" for an image that lost its name; `size` counts what
    a registry would hold; `created_at` is when it was last made here, in seconds since 1970. An
    index has one digest in `images` for each of its platforms; an image has its own.
    """

    name: str
    digest: Digest
    platforms: tuple[Platform, ...]
    images: tuple[Digest, ...]
    size: int
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
        content = content_in(directory, digest)
        root = content.root
        listed = {e.digest for e in entries_of(root)} if root.is_index else {root.digest}
        images = tuple(one for one in content.manifests if one.digest in listed)
        platforms = tuple(platform_of(one, lambda d: read_document(directory, d)) for one in images)
        created_at = os.stat(blob_path(directory, digest)).st_mtime
    except (WhitError, OSError):
        return Listed(name, digest, (), (), 0, 0.0, is_broken=True)
    return Listed(
        name=name,
        digest=digest,
        platforms=tuple(Platform(p.os, p.architecture, p.variant) for p in platforms),
        images=tuple(one.digest for one in images),
        size=content.size,
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
