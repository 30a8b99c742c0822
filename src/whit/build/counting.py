"""A base's name and what stands for it in, its Inventory out, or the reason why there is none.

What an image holds is remembered under its digest: a base is read once.
"""

import os
from time import perf_counter

import msgspec

from whit import __version__
from whit.build.ends import End, Where, parse_end
from whit.build.events import Finished, Listener, unheard
from whit.build.house import House
from whit.build.request import Request
from whit.build.sizing import OpenBlob, opened_image
from whit.errors import UsageError, WhitError
from whit.layer.inventory import Shelf
from whit.model.comparison import Inventory, Skipped
from whit.model.image import Image
from whit.model.names import Digest
from whit.oci.documents import Manifest, decode
from whit.oci.graph import Content, content_of
from whit.report.words import count_text, size_text
from whit.store.blobs import Store
from whit.store.steps import key_of

# What stands for a name when nobody says otherwise. What `whit base` makes needs no registry.
PACKAGES = "packages:"
PLACES = {
    "debian-slim": "docker://debian:stable-slim",
    "alpine": "docker://alpine:latest",
    "cc": f"{PACKAGES}cc",
    "base": f"{PACKAGES}base",
    "static": f"{PACKAGES}static",
}


class Counted(msgspec.Struct, frozen=True):
    """A base with what stands in it. `compressed` is what a registry holds of it."""

    name: str
    place: str
    digest: str
    compressed: int
    inventory: Inventory


def places_of(request: Request, asked: tuple[str, ...]) -> dict[str, str]:
    """Name to place: the usual ones, `[compare] bases`, and `asked` (NAME or NAME=PLACE); names
    without a place are the only ones that count. Errors: UsageError.
    """
    places = PLACES | request.settings.compare.bases
    only = []
    for text in asked:
        name, given, place = text.partition("=")
        if given:
            places[name] = place
        elif name in places:
            only.append(name)
        else:
            raise UsageError(
                f"--base {name}: no base has that name",
                hint=f"one of {', '.join(places)}; or say what it is: --base {name}=PLACE",
            )
    return {name: places[name] for name in only} if only else places


def count_bases(
    places: dict[str, str], request: Request, house: House, store: Store, listen: Listener
) -> tuple[list[Counted], list[Skipped]]:
    """Those that can be had, and those that cannot with the reason."""
    counted, skipped = [], []
    for name, place in places.items():
        begun = perf_counter()
        try:
            base, was_cached = _count(name, place, request, house, store)
        except WhitError as error:
            skipped.append(Skipped(name, place, error.message))
            continue
        counted.append(base)
        found = base.inventory
        detail = f"{name}: {size_text(found.disk)} in {count_text(found.files, 'file')}"
        listen(Finished("base", detail, perf_counter() - begun, was_cached))
    return counted, skipped


def _count(
    name: str, place: str, request: Request, house: House, store: Store
) -> tuple[Counted, bool]:
    content, open_blob = _opened(place, request, house, store)
    digest = content.root.digest
    key = key_of("inventory", __version__, digest)
    known = _decoded(store.steps.get(key))
    inventory = known or _inventory(name, content, open_blob)
    if known is None:
        store.steps.put(key, msgspec.json.encode(inventory))
    return Counted(name, place, str(digest), content.size, inventory), known is not None


def _opened(place: str, request: Request, house: House, store: Store) -> tuple[Content, OpenBlob]:
    if place.startswith(PACKAGES):
        image = _made(place.removeprefix(PACKAGES), request, house, store)
        return content_of(image), store.open_blob
    end = _end_of(place, request)
    if request.offline and end.where is Where.REGISTRY:
        raise UsageError("--offline: no registry is asked")
    return opened_image(end, request.home, request.platform, store)


def _made(kind: str, request: Request, house: House, store: Store) -> Image:
    """The base that `whit base` makes: as it is locked, else as the archive has it now. Weighing it
    is no reason to lock it.
    """
    from whit.bases.debian.sets import Order
    from whit.build.base.assembling import make_image
    from whit.build.base.call import opened
    from whit.build.base.choosing import from_lock

    order = Order(kind, request.settings.base.distro, "", request.platform)
    with opened(request, house, store) as counter:
        locked = counter.locked.get(order.key)
        chosen = from_lock(locked) if locked else counter.choose(order, unheard)
        return make_image(order, chosen, counter.kitchen, unheard)


def _end_of(place: str, request: Request) -> End:
    if os.path.isfile(os.path.join(request.home, place, "oci-layout")):
        return End(Where.OCI, place=place)
    return parse_end(place)


def _inventory(name: str, content: Content, open_blob: OpenBlob) -> Inventory:
    shelf = Shelf()
    for layer in decode(Manifest, content.root.data, name).layers:
        with open_blob(Digest(layer.digest)) as stream:
            shelf.add(stream)
    return shelf.inventory()


def _decoded(value: bytes | None) -> Inventory | None:
    try:
        return msgspec.json.decode(value, type=Inventory) if value else None
    except msgspec.DecodeError:
        return None
