"""Two ends in, the same image at both out: `whit copy`, and every pull.

Blobs pass through the store, but for those of files that go to a registry; each only when the other
end wants it: what a registry already has is never fetched. Documents keep their bytes, and images
their digests.
"""

import os
from collections.abc import Callable
from time import perf_counter
from typing import BinaryIO

import msgspec

from whit.build.ends import End, Where, parse_end
from whit.build.events import Finished, Listener
from whit.build.publish import one_image, push_text, write_file, write_index_archive
from whit.build.registries import OpenAt, Registries, StoreMemory, StoreSink
from whit.build.tags import tagged
from whit.errors.images import InvalidImage
from whit.errors.registry import NoSuchPlatform
from whit.errors.request import BadDestination
from whit.model.image import Image
from whit.model.names import Digest, Platform, Reference
from whit.oci.contents import write_contents
from whit.oci.documents import Config, Descriptor, PlatformDocument, decode
from whit.oci.graph import Content, Document, entries_of, fits, platform_text
from whit.registry.client import Repository
from whit.registry.hosts import remote
from whit.registry.pull import describe, fetch_blobs, resolve
from whit.registry.push import OpenBlobAt, Pushed, push
from whit.report.words import count_text, size_text
from whit.store.blobs import Store

# They take OCI archives, and keep all platforms and every digest.
_WHOLE = (Where.CONTAINERD, Where.KIND)


class Origin(msgspec.Struct, frozen=True):
    """An image or index at its source. `bring` puts those of its blobs into the store that are
    not there; `name` is what it was called, "" when nobody said. `open_at` reads a blob where it
    lies, from an offset on, where that is possible. `since` is how many requests had been
    made when it was looked for in a registry.
    """

    content: Content
    bring: Callable[[tuple[Descriptor, ...]], None]
    name: str
    open_at: OpenBlobAt | None = None
    since: int | None = None


class Copied(msgspec.Struct, frozen=True):
    """What a copy gave: `reference` finds it at its new place."""

    reference: str
    digest: Digest


def copy(
    source: End,
    target: End,
    platform: Platform | None,
    registries: Registries,
    store: Store,
    directory: str,
    listen: Listener,
) -> Copied:
    """Copy one image, or with `platform` None everything that the name stands for.

    Errors: those of both ends.
    """
    begun = perf_counter()
    if platform is None and source.where is target.where is Where.REGISTRY:
        copied, detail = _between(source, target, registries, store)
        listen(Finished("copy", f"{source} to {target}: {detail}", perf_counter() - begun))
        return copied
    origin = open_origin(source, platform, registries, store, directory)
    if platform is not None:
        _check_platform(origin, platform, source, store)
    name = target.name or origin.name
    copied, detail = _send(origin, target, name, registries, store, directory, listen)
    listen(Finished("copy", f"{source} to {target}: {detail}", perf_counter() - begun))
    return copied


def _check_platform(origin: Origin, platform: Platform, source: End, store: Store) -> None:
    """What is no index says its platform in its config only."""
    config, *_ = origin.content.blobs
    origin.bring((config,))
    with store.open_blob(Digest(config.digest), config.size) as stream:
        said = decode(Config, stream.read(), f"config {config.digest}")
    offered = PlatformDocument(said.architecture, said.os, said.variant)
    if not fits(offered, platform):
        raise NoSuchPlatform(
            f"{source} does not exist for {platform}",
            hint=f"it exists for {platform_text(offered)}",
        )


def pull(name: str, platform: Platform | None, registries: Registries, store: Store) -> Content:
    """Bring an image of a registry into the store, under its full name."""
    origin = open_origin(End(Where.REGISTRY, name=name), platform, registries, store, "")
    origin.bring(origin.content.blobs)
    reference = remote(name)
    store.add_content(origin.content, () if reference.digest else (str(reference),))
    return origin.content


# ---- sources ------------------------------------------------------------------------------------


def open_origin(
    source: End,
    platform: Platform | None,
    registries: Registries,
    store: Store,
    directory: str,
) -> Origin:
    """Find out what lies at `source`, without its blobs."""
    if source.where is Where.REGISTRY:
        return _from_registry(source, platform, registries, store)
    if source.where is Where.STORE:
        return _from_store(source, platform, store)
    from whit.build.archives import from_place

    content, open_blob, name = from_place(source, platform, directory)

    def bring(blobs: tuple[Descriptor, ...]) -> None:
        for blob in blobs:
            if not store.is_intact(Digest(blob.digest), blob.size):
                receive(store, blob, open_blob)

    def open_at(blob: Descriptor, offset: int) -> BinaryIO:
        stream = open_blob(Digest(blob.digest))
        # A registry would wait for the rest; what the bytes are it compares itself.
        if (size := stream.seek(0, os.SEEK_END)) != blob.size:
            stream.close()
            raise InvalidImage(
                f"{source}: {blob.digest} has {size} bytes, and its image says {blob.size}",
                hint="it is damaged: make it again",
            )
        stream.seek(offset)
        return stream

    return Origin(content, bring, name, open_at)


def base_digests(name: str, registries: Registries, store: Store, directory: str) -> dict[str, str]:
    """What a base image is now, wherever it lies: its digest under "", and those of its platforms.

    Errors: those of its place.
    """
    end = parse_end(name)
    if end.where in (Where.REGISTRY, Where.STORE):
        reference = remote(end.name)
        _, document = resolve(reference, registries.sources(reference))
    else:
        document = open_origin(end, None, registries, store, directory).content.root
    found = {"": str(document.digest)}
    if document.is_index:
        found |= {platform_text(e.platform): e.digest for e in entries_of(document)}
    return found


def receive(store: Store, blob: Descriptor, open_blob: Callable[[Digest], BinaryIO]) -> None:
    """Read a blob into the store, compared as it passes."""
    with store.incoming(Digest(blob.digest), blob.size) as incoming:
        incoming.restart()
        with open_blob(Digest(blob.digest)) as stream:
            while data := stream.read(1 << 20):
                incoming.write(memoryview(data))


def _from_registry(
    source: End, platform: Platform | None, registries: Registries, store: Store
) -> Origin:
    before = registries.requests
    reference = remote(source.name)
    found = resolve(reference, registries.sources(reference))
    return _described(reference, found, platform, store, before)


def _described(
    reference: Reference,
    found: tuple[Repository, Document],
    platform: Platform | None,
    store: Store,
    since: int,
) -> Origin:
    repository, document = found
    content, _ = describe(document, repository, platform)
    memory, sink = StoreMemory(store), StoreSink(store)
    for blob in content.blobs:
        memory.remember(reference.registry, blob.digest, repository.path)

    def bring(blobs: tuple[Descriptor, ...]) -> None:
        fetch_blobs(tuple(blob for blob in blobs if not sink.has(blob)), repository, sink)

    tag = str(msgspec.structs.replace(reference, digest="")) if reference.tag else ""
    return Origin(content, bring, tag, since=since)


def _from_store(source: End, platform: Platform | None, store: Store) -> Origin:
    digest = store.digest_of(source.name)
    if platform is not None and store.content(digest).root.is_index:
        digest = store.find(source.name, platform).manifest_digest
    is_name = "sha256:" not in source.name and not _is_hex(source.name)
    name = tagged(source.name) if is_name else ""
    return Origin(store.content(digest), lambda _: None, name)


def _is_hex(text: str) -> bool:
    return len(text) >= 4 and not text.strip("0123456789abcdef")


def send(
    origin: Origin, target: End, name: str, registries: Registries, store: Store, directory: str
) -> str:
    """Take what `origin` is to a registry or a layout, and say what that took."""
    if target.where is not Where.REGISTRY:
        content = origin.content
        place = os.path.join(directory, target.place)
        write_contents(place, content, (tagged(name),), store.open_blob)
        return f"{count_text(len(content.blobs), 'blob')}, {size_text(content.size)}"
    return _to_registry(origin, target, registries, store)[1]


# ---- targets ------------------------------------------------------------------------------------


def _send(
    origin: Origin,
    target: End,
    name: str,
    registries: Registries,
    store: Store,
    directory: str,
    listen: Listener,
) -> tuple[Copied, str]:
    content = origin.content
    if target.where is Where.REGISTRY:
        return _to_registry(origin, target, registries, store)
    if not name and target.where in (Where.STORE, Where.PODMAN, Where.CONTAINERD):
        raise BadDestination(f"{target}: the image has no name", hint="write one after the colon")
    origin.bring(content.blobs)
    digest = content.root.digest
    reference = f"{name}@{digest}" if name else digest
    detail = f"{count_text(len(content.blobs), 'blob')}, {size_text(content.size)}"
    if target.where is Where.STORE:
        full = tagged(name)
        store.add_content(content, (full,))
        return Copied(f"{full}@{digest}", digest), detail
    place = os.path.join(directory, target.place)
    names = (tagged(name),) if name else ()
    # A layout holds what stands behind its path word for word: often it is a tag alone.
    words = (target.name,) if target.name else names
    if target.where is Where.OCI:
        write_contents(place, content, words, store.open_blob)
    elif target.where is Where.OCI_ARCHIVE:
        from whit.oci.archive import write_contents_archive

        write_file(place, lambda out: write_contents_archive(out, content, words, store.open_blob))
    elif target.where is Where.DOCKER_ARCHIVE and content.root.is_index:
        write_index_archive(place, content, images_of(content, store), names, store, listen)
    elif target.where in _WHOLE:
        from whit.oci.archive import write_contents_archive
        from whit.registry.daemon import load_archive

        load_archive(
            target.where.value, target.place,
            lambda out: write_contents_archive(out, content, names, store.open_blob),
        )  # fmt: skip
        reference = names[0] if names else digest  # what it is found by there
    else:
        image = one_image(images_of(content, store), str(target), listen)
        reference = _load(target, image, names, store, place)
    return Copied(reference, digest), detail


def _between(source: End, target: End, registries: Registries, store: Store) -> tuple[Copied, str]:
    """From registry to registry. What an index names is asked for only where the target's tag
    has another digest.
    """
    before = registries.requests
    wanted, reference = remote(source.name), _pushed_as(target)
    found = resolve(wanted, registries.sources(wanted))
    digest = found[1].digest
    old = registries.target(reference).head(reference.tag)
    if old == digest:
        there = Pushed(requests=registries.requests - before, was_there=True)
        return Copied(f"{reference}@{digest}", digest), push_text(there)
    origin = _described(wanted, found, None, store, before)
    return _to_registry(origin, target, registries, store, {reference.tag: old})


def _pushed_as(target: End) -> Reference:
    """The name with its tag. Errors: BadDestination."""
    reference = Reference.parse(target.name)
    if reference.digest:
        raise BadDestination(
            f"{target}: an image is pushed to a tag, its digest follows from its bytes",
            hint=f"write {msgspec.structs.replace(reference, digest='', tag='TAG')}",
        )
    return Reference.parse(tagged(target.name))


def _to_registry(
    origin: Origin,
    target: End,
    registries: Registries,
    store: Store,
    known: dict[str, str] | None = None,
) -> tuple[Copied, str]:
    reference = _pushed_as(target)
    repository = registries.target(reference)
    opened = OpenAt(store)

    def through_store(blob: Descriptor, offset: int) -> BinaryIO:
        origin.bring((blob,))
        return opened(blob, offset)

    open_at = origin.open_at or through_store
    tags, memory = (reference.tag,), StoreMemory(store)
    pushed = push(origin.content, tags, repository, open_at, memory, known)
    if origin.since is not None:
        pushed = msgspec.structs.replace(pushed, requests=registries.requests - origin.since)
    digest = origin.content.root.digest
    return Copied(f"{reference}@{digest}", digest), push_text(pushed)


def images_of(content: Content, store: Store) -> tuple[Image, ...]:
    """The images of `content`, which lies in the store; attestations are none."""
    root = content.root
    for document in content.documents:
        store.put(document.data)
    if not root.is_index:
        return (store.image(root.digest),)
    listed = {entry.digest for entry in entries_of(root)}
    return tuple(store.image(one.digest) for one in content.manifests if one.digest in listed)


def _load(target: End, image: Image, names: tuple[str, ...], store: Store, place: str) -> str:
    """Into something that takes a docker archive: a file, an engine or a cluster."""
    from whit.oci.archive import write_docker_archive
    from whit.registry.daemon import load_archive, load_into_daemon

    def write(out: BinaryIO) -> None:
        write_docker_archive(out, image, names, store.open_blob)

    shown = names[0] if names else image.config_digest
    if target.where is Where.DOCKER_ARCHIVE:
        write_file(place, write)
        return f"{shown}@{image.manifest_digest}" if names else image.manifest_digest
    if target.where is Where.DOCKER_DAEMON:
        load_into_daemon(write)
    else:
        load_archive(target.where.value, target.place, write)
    return shown
