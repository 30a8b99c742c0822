"""Image in, Receipts out: name it in the store, then send it to every destination asked for.

A file appears under its final name only when it is complete: archives are written beside it and
renamed.
"""

import os
from collections.abc import Callable
from time import perf_counter
from typing import BinaryIO

from whit.build.events import Finished, Listener
from whit.build.request import Destination, Kind
from whit.model.image import Image
from whit.model.names import Reference
from whit.model.result import Receipt
from whit.oci.layout import Named, cannot_write, write_layout
from whit.store.blobs import Store


def publish(
    image: Image,
    names: tuple[str, ...],
    destinations: tuple[Destination, ...],
    directory: str,
    store: Store,
    listen: Listener,
) -> tuple[Receipt, ...]:
    """Receipts in the order of sending, the store's first. `names` are the image's own.

    Errors: those of the store, the layout, the archives and the daemon.
    """
    full = tuple(tagged(name) for name in names)
    store.add_image(image, full)
    receipts = [_receipt("store", full[0], image)]
    for destination in destinations:
        if destination.kind is Kind.STORE:
            continue
        begun = perf_counter()
        there = (tagged(destination.reference),) if destination.reference else full
        reference = _send(destination, image, there, directory, store)
        listen(Finished("publish", str(destination), perf_counter() - begun))
        receipts.append(reference)
    return tuple(receipts)


def tagged(name: str) -> str:
    """A name with its tag: `latest` where none is given."""
    reference = Reference.parse(name)
    return name if reference.tag else f"{name}:latest"


def _receipt(destination: str, name: str, image: Image) -> Receipt:
    return Receipt(destination, f"{name}@{image.manifest_digest}", image.manifest_digest)


def _send(
    destination: Destination, image: Image, names: tuple[str, ...], directory: str, store: Store
) -> Receipt:
    place = os.path.join(directory, destination.place)
    if destination.kind is Kind.OCI:
        write_layout(place, (Named(image, names),), store.open_blob)
        return _receipt(str(destination), names[0], image)
    if destination.kind is Kind.DOCKER_DAEMON:
        return _load(destination, image, names, store)
    from whit.oci.archive import write_docker_archive, write_oci_archive

    def write(out: BinaryIO) -> None:
        if destination.kind is Kind.OCI_ARCHIVE:
            write_oci_archive(out, (Named(image, names),), store.open_blob)
        else:
            write_docker_archive(out, image, names, store.open_blob)

    _write_file(place, write)
    return _receipt(str(destination), names[0], image)


def _load(destination: Destination, image: Image, names: tuple[str, ...], store: Store) -> Receipt:
    """`docker run` finds a loaded image by name, not by its manifest's digest."""
    from whit.oci.archive import write_docker_archive
    from whit.registry.daemon import load_into_daemon

    load_into_daemon(lambda out: write_docker_archive(out, image, names, store.open_blob))
    return Receipt(str(destination), names[0], image.manifest_digest)


def _write_file(path: str, write: Callable[[BinaryIO], None]) -> None:
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
