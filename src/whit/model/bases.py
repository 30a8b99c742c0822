"""BaseImage: a base made of packages, with what it was made of."""

import msgspec

from whit.model.image import Image


class BasePackage(msgspec.Struct, frozen=True):
    """A package in a base, and the suite it came from."""

    name: str
    version: str
    architecture: str
    digest: str
    size: int
    suite: str


class BaseRelease(msgspec.Struct, frozen=True):
    """A signed Release that packages were chosen from; times as text, `signed_by` fingerprints."""

    suite: str
    date: str
    valid_until: str
    digest: str
    signed_by: tuple[str, ...]


class BaseImage(msgspec.Struct, frozen=True):
    """A base for one platform. `was_locked` is whether whit.lock named its packages."""

    name: str
    image: Image
    packages: tuple[BasePackage, ...]
    releases: tuple[BaseRelease, ...]
    was_locked: bool
