"""The text of a FROM in, a Base out: an image in the store and its files in a snapshot.

    --build-context NAME=…   what the user says stands for it: an image, or whit-base:static
    the local store          an image of that name
    a registry               its mirrors first, as the settings say

A door. Layers are unpacked once, all of an image into one directory, named by what they hold.
"""

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from whit.dockerfile.flags import did_you_mean
from whit.dockerfile.graph import BuildGraph, FromImage
from whit.errors import WhitError
from whit.errors.dockerfile import NoSuchBase
from whit.errors.images import UnknownImage
from whit.errors.request import Drifted
from whit.model.image import Image, Layer
from whit.model.names import Digest, Platform, Reference
from whit.oci.documents import Config, decode
from whit.store.blobs import Store
from whit.store.snapshots import Snapshots
from whit.store.steps import key_of

if TYPE_CHECKING:
    from whit.build.ends import End
    from whit.build.registries import Registries


class Base(msgspec.Struct, frozen=True):
    """What a stage starts from. `files` is None for an empty root; `key` says what it holds."""

    key: str
    config: Config | None = None
    layers: tuple[Layer, ...] = ()
    files: str | None = None
    digest: str = ""


class Locked:
    """`base` is that of whit.lock: a reference to the digests of its platforms."""

    def __init__(
        self, base: Mapping[str, Mapping[str, str]], *, is_frozen: bool = False, path: str = ""
    ) -> None:
        self._base = {familiar(name): digests for name, digests in base.items()}
        self._is_frozen, self._path = is_frozen, path

    def digest(self, name: str, platform: Platform) -> str:
        """Nothing for a base that is not locked. Errors: Drifted with --frozen."""
        digests = self._base.get(familiar(name), {})
        found = digests.get(str(platform)) or digests.get("", "")
        if not found and self._is_frozen and "@sha256:" not in name:
            from whit.build.tags import tagged

            raise Drifted(
                f"--frozen: {name} is not in {self._path}",
                hint=f"lock it: whit lock --update {tagged(familiar(name))}",
            )
        return found


# What a named context is that stands for a base of packages.
MADE = "whit-base:"
SCRATCH = Base(key_of("scratch"))


class Elsewhere(msgspec.Struct, frozen=True):
    """Where images come from that are not here: registries, and Debian's packages, of which `make`
    makes bases by the names that follow `whit-base:`.
    """

    registries: "Callable[[], Registries]"
    make: "Callable[[str, Platform], Image]"


class Bases:
    """The base images of one build. `contexts` are the user's named ones, by their names."""

    def __init__(
        self,
        store: Store,
        snapshots: Snapshots,
        elsewhere: "Elsewhere",
        contexts: Mapping[str, str],
        directory: str,
        *,
        offline: bool = False,
        locked: "Locked | None" = None,
    ) -> None:
        self._locked = locked or Locked({})
        self._store, self._snapshots, self._elsewhere = store, snapshots, elsewhere
        self._contexts = {familiar(name): value for name, value in contexts.items()}
        self._directory, self._offline = directory, offline
        self._guard = threading.Lock()
        self._locks: dict[tuple[str, Platform], threading.Lock] = {}

    def directory_of(self, name: str, platform: Platform) -> str | None:
        """The directory that a named context stands for; None when it is something else."""
        said = self._said(name, platform)
        if said is None or _scheme(said) is not None or said.startswith(MADE):
            return None
        place = os.path.join(self._directory, said.removeprefix("local:"))
        if not os.path.isdir(place):
            raise NoSuchBase(
                f"--build-context {name}={said}: there is no such directory",
                hint="name a directory, oci-layout://DIR or docker-image://NAME",
            )
        return place

    def image(self, name: str, platform: Platform) -> Image:
        """The image that `name` means. Errors: NoSuchBase; those of stores and registries."""
        said = self._said(name, platform)
        if said is not None:
            return self._named(name, said, platform)
        if pinned := self._locked.digest(name, platform):
            return self._pinned(name, Digest(pinned), platform)
        found = self._in_store(name, platform)
        return found or self._pulled(name, platform)

    def base(self, name: str, platform: Platform) -> Base:
        """`name` with its files unpacked; stages that ask at once wait for the first."""
        with self._guard:
            lock = self._locks.setdefault((name, platform), threading.Lock())
        with lock:
            return self.unpacked(self.image(name, platform))

    def unpacked(self, image: Image) -> Base:
        """An image of the store with its files in a snapshot."""
        key = key_of("image", *(layer.diff_id for layer in image.layers))
        files = self._snapshots.find(key) if image.layers else None
        if files is None and image.layers:
            files = self._unpack(image, key)
        config = decode(Config, image.config, f"config {image.config_digest}")
        return Base(key, config, image.layers, files, image.manifest_digest)

    def _unpack(self, image: Image, key: str) -> str:
        from whit.layer.unpack import Unpacker

        with self._snapshots.draft() as draft:
            with Unpacker(draft.files) as unpacker:
                for layer in image.layers:
                    with self._store.open_blob(layer.digest, layer.size) as stream:
                        unpacker.add(stream)
                unpacker.finish()
            return self._snapshots.settle(draft, key, f"image {image.manifest_digest}")

    def _pinned(self, name: str, digest: Digest, platform: Platform) -> Image:
        """What whit.lock says `name` is, whatever the name means elsewhere."""
        if self._store.has(digest):
            try:
                return self._store.image(digest)
            except WhitError:
                pass  # an index, or half of one: what it names is brought below
        plain = name.partition("@")[0]
        return self._pulled(f"{plain}@{digest}", platform)

    # ---- where images come from -------------------------------------------------------------

    def _said(self, name: str, platform: Platform) -> str | None:
        """What --build-context says of `name`, for this platform first."""
        plain = familiar(name)
        return self._contexts.get(f"{plain}::{platform}", self._contexts.get(plain))

    def _named(self, name: str, said: str, platform: Platform) -> Image:
        from whit.build.ends import End, Where

        if said.startswith(MADE):
            return self.made(said.removeprefix(MADE), platform)
        scheme, place = _scheme(said) or ("", "")
        if scheme == "docker-image":
            return self._in_store(place, platform) or self._pulled(place, platform)
        if scheme == "oci-layout":
            return self.brought(_layout_end(place), platform)
        if scheme == "oci-archive":
            return self.brought(End(Where.OCI_ARCHIVE, place), platform)
        raise NoSuchBase(
            f"--build-context {name}={said} is no image",
            hint="write oci-layout://DIR, docker-image://NAME or whit-base:static",
        )

    def made(self, text: str, platform: Platform) -> Image:
        """A base of packages, made or found again. Errors: NoSuchBase; those of the A pages."""
        return self._elsewhere.make(text, platform)

    def _in_store(self, name: str, platform: Platform) -> Image | None:
        for spelled in (str, familiar, _full):
            try:
                return self._store.find(spelled(name), platform)
            except UnknownImage:
                continue
        return None

    def _pulled(self, name: str, platform: Platform) -> Image:
        from whit.build.ends import End, Where

        missing = f"there is no image {name} in the store"
        hint = (
            f"say what stands for it: --build-context {familiar(name)}=oci-layout://DIR, "
            "or docker-image://NAME"
        )
        if self._offline:
            raise NoSuchBase(f"{missing}, and --offline forbids to pull it", hint=hint)
        try:
            return self.brought(End(Where.REGISTRY, name=name), platform)
        except WhitError as error:
            raise NoSuchBase(
                f"{missing}, and pulling it failed: {error.message}",
                hint=hint,
                output=error.output,
            ) from error

    def brought(self, end: "End", platform: Platform) -> Image:
        """Everything of it in the store."""
        from whit.build.copy import open_origin
        from whit.build.ends import Where
        from whit.registry.hosts import remote

        registries = self._elsewhere.registries()
        origin = open_origin(end, platform, registries, self._store, self._directory)
        # What lies in the store under its digest was complete when it came there.
        if not all(self._store.has(Digest(blob.digest)) for blob in origin.content.blobs):
            origin.bring(origin.content.blobs)
        names: tuple[str, ...] = ()
        if end.where is Where.REGISTRY and (reference := remote(end.name)) and not reference.digest:
            names = (str(reference),)
        self._store.add_content(origin.content, names)
        return self._store.image(origin.content.root.digest)


@contextmanager
def suggesting_stages(graph: BuildGraph, origin: FromImage) -> Iterator[None]:
    """An image that is not there may be a stage whose name was not spelled well."""
    try:
        yield
    except NoSuchBase as error:
        stages = (*(stage.title for stage in graph.stages), *graph.unused)
        near = did_you_mean(familiar(origin.reference), stages)
        if near is not None:
            error.hint = f"{near.removesuffix('?')}, the stage? Else {error.hint}"
        raise


def familiar(name: str) -> str:
    """The short form by which names are compared: `docker.io/library/alpine:latest` is `alpine`."""
    plain, colons, platform = name.partition("::")
    try:
        reference = Reference.parse(plain)
    except WhitError:
        return name
    text = str(reference)
    for prefix in ("docker.io/library/", "docker.io/", "index.docker.io/library/", "library/"):
        if text.startswith(prefix):
            text = text.removeprefix(prefix)
            break
    return text.removesuffix(":latest") + colons + platform


def _scheme(said: str) -> tuple[str, str] | None:
    scheme, separator, place = said.partition("://")
    return (scheme, place) if separator else None


def _full(name: str) -> str:
    from whit.registry.hosts import remote

    return str(remote(name))


def _layout_end(place: str) -> "End":
    """`DIR`, `DIR:TAG`, `DIR@sha256:…`."""
    from whit.build.ends import End, Where

    directory, at, digest = place.partition("@")
    if at:
        return End(Where.OCI, directory, digest)
    head, slash, tail = directory.rpartition("/")
    path, colon, tag = tail.partition(":")
    return End(Where.OCI, head + slash + path, tag if colon else "")
