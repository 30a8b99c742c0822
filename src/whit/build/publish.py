"""What an image or an index consists of in, Receipts out: name it in the store, then send it to
every destination asked for.

A file appears under its final name only when it is complete: archives are written beside it and
renamed. A tag in a registry appears when everything it names is there.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from time import perf_counter
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from whit.build.events import Finished, Listener, Warned
from whit.build.request import Destination, Kind, Request
from whit.build.tags import by_repository, tagged
from whit.errors import WhitError
from whit.errors.images import UnknownImage
from whit.errors.registry import NoSuchPlatform
from whit.model.contract import LABEL
from whit.model.image import Image
from whit.model.names import Platform
from whit.model.result import Receipt
from whit.oci.contents import write_contents
from whit.oci.graph import Content
from whit.oci.layout import cannot_write
from whit.store.blobs import Store

if TYPE_CHECKING:
    from whit.build.ahead import Ahead
    from whit.registry.client import Repository
    from whit.registry.push import Pushed


class Release(msgspec.Struct, frozen=True):
    """What is published under one name: an image, or an index of one program's `images`."""

    content: Content
    images: tuple[Image, ...]


def publish(
    release: Release,
    names: tuple[str, ...],
    request: Request,
    store: Store,
    listen: Listener,
    ahead: "Ahead | None" = None,
) -> tuple[Receipt, ...]:
    """Receipts in the order of sending, the store's first. `names` are the image's own. Where
    layers were left to the registry, the store has them and the names only if it lacked them.

    Errors: those of the store, the layout, the archives, the daemon and the registries.
    """
    full = tuple(tagged(name) for name in names)
    digest = release.content.root.digest
    kept = [Receipt("store", f"{name}@{digest}", digest) for name in full]
    is_whole = store.holds(release.content)
    receipts: list[Receipt] = []
    if is_whole:
        store.add_content(release.content, full)
        receipts += kept
    for destination in request.destinations:
        begun = perf_counter()
        there = (_named(destination),) if destination.reference else full
        if destination.kind is not Kind.STORE:
            receipts.append(_send(destination, release, there, request, store, listen))
            listen(Finished("publish", str(destination), perf_counter() - begun))
    if request.pushes:
        receipts += _push(release, full, request, store, listen, ahead)
    if not is_whole:
        receipts = [*_settled(release.content, full, kept, store), *receipts]
    return tuple(receipts)


def _named(destination: Destination) -> str:
    """In a layout word for word: often it is a tag alone. Elsewhere with its tag."""
    is_layout = destination.kind in (Kind.OCI, Kind.OCI_ARCHIVE)
    return destination.reference if is_layout else tagged(destination.reference)


def _settled(
    content: Content, names: tuple[str, ...], kept: list[Receipt], store: Store
) -> list[Receipt]:
    """The store after a push that layers were left to: it names what it has, and nothing else."""
    if store.holds(content):
        store.add_content(content, names)
        return kept
    for name in names:
        with suppress(UnknownImage):
            store.remove(name)
    return []


# ---- registries ---------------------------------------------------------------------------------


def _push(
    release: Release,
    names: tuple[str, ...],
    request: Request,
    store: Store,
    listen: Listener,
    ahead: "Ahead | None",
) -> list[Receipt]:
    """One push for each repository, with all its tags."""
    from whit.build.registries import OpenAt, StoreMemory
    from whit.registry.push import push

    if ahead is None:
        from whit.build.ahead import Ahead

        ahead = Ahead(request, (), listen)
    receipts = []
    for repository, tags in by_repository(names).items():
        begun = perf_counter()
        target = ahead.target(repository)
        known = ahead.digests(repository)
        content = release.content
        pushed = push(content, tags, target, OpenAt(store), StoreMemory(store), known)
        place = f"{repository}:{', '.join(tags)}"
        listen(Finished("push", f"{place}: {push_text(pushed)}", perf_counter() - begun))
        _push_contracts(release.images, target, store, listen)
        digest = content.root.digest
        receipts += [Receipt("registry", f"{repository}:{t}@{digest}", digest) for t in tags]
    return receipts


def _push_contracts(
    images: tuple[Image, ...], target: "Repository", store: Store, listen: Listener
) -> None:
    """What images say of themselves in a label, also as referrers: registries list those. The
    images are there, whatever becomes of it.
    """
    with_one = [image for image in images if LABEL.encode() in image.config]
    if not with_one:
        return
    from whit.build.referring import push_contract

    for image in with_one:
        try:
            push_contract(image, target, store)
        except WhitError as error:
            listen(Warned(f"the contract is in the image's label only: {error}", error.hint or ""))


def push_text(pushed: "Pushed") -> str:
    """`2 blobs sent (680 kB), 1 mounted, 5 requests`."""
    from whit.report.words import count_text, size_text

    if pushed.was_there:
        return f"there already, {count_text(pushed.requests, 'request')}"
    parts = []
    if pushed.uploaded:
        sent = count_text(pushed.uploaded, "blob")
        parts.append(f"{sent} sent ({size_text(pushed.uploaded_bytes)})")
    if pushed.mounted:
        parts.append(f"{pushed.mounted} mounted")
    if pushed.present:
        parts.append(f"{pushed.present} there already")
    return ", ".join((*parts, count_text(pushed.requests, "request")))


# ---- files and daemons --------------------------------------------------------------------------


def _send(
    destination: Destination,
    release: Release,
    names: tuple[str, ...],
    request: Request,
    store: Store,
    listen: Listener,
) -> Receipt:
    digest = release.content.root.digest
    place = os.path.join(request.directory, destination.place)
    receipt = Receipt(str(destination), f"{names[0]}@{digest}", digest)
    if destination.kind is Kind.OCI:
        write_contents(place, release.content, names, store.open_blob)
        return receipt
    from whit.oci.archive import write_contents_archive, write_docker_archive

    if destination.kind is Kind.OCI_ARCHIVE:
        write_file(
            place,
            lambda out: write_contents_archive(out, release.content, names, store.open_blob),
        )
        return receipt
    if destination.kind is Kind.DOCKER_ARCHIVE and release.content.root.is_index:
        write_index_archive(place, release.content, release.images, names, store, listen)
        return receipt
    image = one_image(release.images, str(destination), listen)

    def write(out: BinaryIO) -> None:
        write_docker_archive(out, image, names, store.open_blob)

    if destination.kind is Kind.DOCKER_DAEMON:
        from whit.registry.daemon import load_into_daemon

        load_into_daemon(write)
        # `docker run` finds a loaded image by name, not by its manifest's digest.
        return Receipt(str(destination), names[0], image.manifest_digest)
    write_file(place, write)
    return Receipt(str(destination), f"{names[0]}@{image.manifest_digest}", image.manifest_digest)


def write_index_archive(
    place: str,
    content: Content,
    images: tuple[Image, ...],
    names: tuple[str, ...],
    store: Store,
    listen: Listener,
) -> None:
    """A docker archive of several platforms, of which older engines take this host's."""
    from whit.build.request import host_platform
    from whit.oci.archive import write_joint_archive

    image = _for_platform(images, host_platform()) or images[0]
    if len(images) > 1:
        more = f"Docker before 25 takes {image.platform} of it"
        listen(Warned(f"{os.path.basename(place)} holds {len(images)} platforms: {more}"))
    write_file(place, lambda out: write_joint_archive(out, content, image, names, store.open_blob))


def _for_platform(images: tuple[Image, ...], wanted: Platform) -> Image | None:
    fits = (wanted.os, wanted.architecture)
    return next((i for i in images if (i.platform.os, i.platform.architecture) == fits), None)


def one_image(
    images: tuple[Image, ...], destination: str, listen: Listener, asked: Platform | None = None
) -> Image:
    """The image for a place that holds one platform only: this host's, where there is a choice."""
    if len(images) == 1 and asked is None:
        return images[0]
    from whit.build.request import host_platform

    host = asked or host_platform()
    chosen = _for_platform(images, host)
    if chosen is None:
        raise NoSuchPlatform(
            f"{destination} holds one platform, and the image does not exist for {host}",
            hint="it exists for " + ", ".join(str(image.platform) for image in images),
        )
    if asked is None:
        listen(Warned(f"{destination} holds one platform: it gets {chosen.platform}"))
    return chosen


def write_file(path: str, write: Callable[[BinaryIO], object]) -> None:
    """Write a file that is there complete or not at all. Errors: CannotWriteImage."""
    partial = f"{path}.{os.getpid()}.partial"
    try:
        with open(partial, "xb") as file:
            write(file)
        os.rename(partial, path)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        if os.path.lexists(partial):
            os.unlink(partial)
