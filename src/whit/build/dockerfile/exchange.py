"""Finished steps out to a registry or a directory, and in again on another machine (a door).

    manifest (artifactType application/vnd.whit.steps.v1)
      config   {"steps": [{"key", "layer", "compression"}], "parts": {title: {part: digest}}}
      layers   what each step changed, as a layer of an image has it

A step is found by its key, which is made of contents, so a cache of other files does no harm. What
a cache says a step made is believed: whoever may write to it may write to the image.
"""

import os
import stat
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Annotated

import msgspec

from whit.build.dockerfile.bench import Files, Room
from whit.build.events import Finished, Listener, Warned
from whit.errors import UsageError, WhitError
from whit.errors.layer import BrokenLayer
from whit.layer.read import Kind, LayerReader
from whit.layer.unpack import unpack_layer
from whit.model.image import MEDIA_MANIFEST, Compression, Layer
from whit.model.names import Digest, digest_of
from whit.oci.documents import Descriptor, Manifest, decode, encode
from whit.oci.graph import Content, Document
from whit.store.blobs import Store
from whit.store.snapshots import Snapshots

if TYPE_CHECKING:
    from whit.build.copy import Origin
    from whit.build.ends import End
    from whit.build.registries import Registries

MEDIA_STEPS = "application/vnd.whit.steps.v1+json"
_GREATEST_BYTES = 16 << 20
_Key = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class Kept(msgspec.Struct, frozen=True):
    """A step: the key of its snapshot, and what it changed."""

    key: _Key
    layer: Layer
    compression: str = ""


class Steps(msgspec.Struct, frozen=True):
    """`parts` are digests of what each step was made of, to say why one missed."""

    steps: tuple[Kept, ...] = ()
    parts: dict[str, dict[str, str]] = {}


def parse_place(text: str, option: str) -> "End":
    """`registry.example/app:cache`, `oci:DIR[:NAME]` or a directory; BuildKit's
    `type=registry,ref=…` and `type=local,src=…|dest=…` as well. Errors: UsageError, BadName.
    """
    from whit.build.ends import End, Where, parse_end

    if "=" in text.partition(",")[0]:
        fields = dict(part.partition("=")[::2] for part in text.split(","))
        if fields.get("type") == "registry" and fields.get("ref"):
            return End(Where.REGISTRY, name=fields["ref"])
        place = fields.get("dest") or fields.get("src")
        if fields.get("type") == "local" and place:
            return End(Where.OCI, place, "steps:latest")
        raise UsageError(
            f"{option} {text!r}: whit keeps steps in registries and directories",
            hint=f"write {option} registry.example/app:cache, or {option} DIR",
        )
    if text.startswith(("/", "./", "../", "~")) or ("/" not in text and ":" not in text):
        return End(Where.OCI, os.path.expanduser(text), "steps:latest")
    end = parse_end(text)
    if end.where is Where.OCI:
        return End(Where.OCI, end.place, end.name or "steps:latest")
    if end.where is not Where.REGISTRY:
        raise UsageError(
            f"{option} {text!r}: steps are kept in registries and directories",
            hint=f"write {option} registry.example/app:cache, or {option} DIR",
        )
    return end


# ---- in -------------------------------------------------------------------------------------


class Imported:
    """The steps of all caches that could be read. Layers are fetched when a step is asked for."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._found: dict[str, tuple[Kept, Origin]] = {}
        self._layers: dict[str, Kept] = {}
        self.parts: dict[str, dict[str, str]] = {}

    def __len__(self) -> int:
        return len(self._found)

    def add(self, origin: "Origin") -> None:
        """Errors: those of the place; InvalidImage when it holds something else."""
        manifest = decode(Manifest, origin.content.root.data, "the cache's manifest")
        if manifest.config.media_type != MEDIA_STEPS or manifest.config.size > _GREATEST_BYTES:
            raise UsageError(
                "there are no steps of whit's in it",
                hint="what --cache-to wrote can be read; images and BuildKit's caches cannot",
            )
        origin.bring((manifest.config,))
        with self._store.open_blob(Digest(manifest.config.digest), manifest.config.size) as file:
            data = file.read(_GREATEST_BYTES)
        try:
            steps = msgspec.json.decode(data, type=Steps)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise UsageError(f"its list of steps cannot be read: {error}") from None
        for kept in steps.steps:
            self._found.setdefault(kept.key, (kept, origin))
        self.parts = steps.parts | self.parts

    def bring(self, key: str, snapshots: Snapshots) -> str | None:
        """The files of the step `key`, unpacked from its layer; None when no cache has it, or
        not any more.
        """
        known = self._found.get(key)
        if known is None:
            return None
        kept, origin = known
        blob = Descriptor(kept.layer.media_type, kept.layer.digest, kept.layer.size)
        try:
            if not self._store.is_intact(kept.layer.digest, kept.layer.size):
                origin.bring((blob,))
            with snapshots.draft() as draft:
                self._unpack(blob, draft.files)
                found = snapshots.settle(draft, key, "a cache")
        except WhitError:
            return None  # then it is done here
        self._layers[found] = kept
        return found

    def layer_of(self, files: str, compression: Compression) -> Layer | None:
        """The very layer that the snapshot at `files` came as."""
        kept = self._layers.get(files)
        return kept.layer if kept is not None and kept.compression == repr(compression) else None

    def _unpack(self, blob: Descriptor, files: str) -> None:
        """A layer in overlayfs's form: removals become marks, directories keep their times."""
        digest = Digest(blob.digest)
        with self._store.open_blob(digest, blob.size) as stream:
            unpack_layer(stream, files)
        with self._store.open_blob(digest, blob.size) as stream:
            removed = [entry.path for entry in LayerReader(stream) if entry.kind is Kind.REMOVED]
        for path in removed:
            above = f"{files}{path.rpartition('/')[0]}"
            if os.path.realpath(above) != above or not os.path.isdir(above):
                raise BrokenLayer("a removal lies in no directory of its layer")
            times = os.lstat(above)
            os.mknod(f"{files}{path}", stat.S_IFCHR, os.makedev(0, 0))
            os.utime(above, ns=(times.st_atime_ns, times.st_mtime_ns))


def import_steps(
    places: Sequence[str],
    store: Store,
    registries: "Callable[[], Registries]",
    directory: str,
    listen: Listener,
) -> Imported | None:
    """What the caches at `places` hold. One that cannot be read is a warning: the build goes on."""
    from whit.build.copy import open_origin

    if not places:
        return None
    imported = Imported(store)
    for place in places:
        end = parse_place(place, "--cache-from")
        try:
            imported.add(open_origin(end, None, registries(), store, directory))
        except WhitError as error:
            listen(Warned(f"--cache-from {place}: {error.message}", error.hint or ""))
    listen(Finished("cache", f"{len(imported)} steps known from {', '.join(places)}", 0.0))
    return imported


# ---- out ------------------------------------------------------------------------------------


def kept_steps(
    room: Room,
    steps: Iterable[Files],
    compression: Compression,
    layer_of: Callable[[Room, Files, Compression], Layer],
) -> tuple[Kept, ...]:
    """Steps with their layers, each once."""
    found: dict[str, Kept] = {}
    for files in steps:
        key = _key_at(files.layers[0])
        if key and key not in found:
            found[key] = Kept(key, layer_of(room, files, compression), repr(compression))
    return tuple(found.values())


def _key_at(files: str) -> str:
    """The whole key of the snapshot at `files`."""
    with open(f"{files.rpartition('/')[0]}/note", encoding="utf-8", errors="replace") as note:
        return note.readline().strip()


def export_steps(
    place: str,
    steps: Steps,
    store: Store,
    registries: "Callable[[], Registries]",
    directory: str,
    listen: Listener,
) -> None:
    """Errors: those of the place."""
    from time import perf_counter

    from whit.build.copy import Origin, send

    begun = perf_counter()
    end = parse_place(place, "--cache-to")
    config = encode(steps)
    store.put(config)
    unique = {kept.layer.digest: kept.layer for kept in steps.steps}
    blobs = (
        Descriptor(MEDIA_STEPS, digest_of(config), len(config)),
        *(Descriptor(one.media_type, one.digest, one.size) for one in unique.values()),
    )
    data = encode(
        Manifest(schema_version=2, media_type=MEDIA_MANIFEST, config=blobs[0], layers=blobs[1:])
    )
    content = Content((Document(MEDIA_MANIFEST, digest_of(data), data),), blobs)
    origin = Origin(content, lambda _: None, "")
    detail = send(origin, end, end.name, registries(), store, directory)
    said = f"{len(steps.steps)} steps to {place}: {detail}"
    listen(Finished("cache", said, perf_counter() - begun))
