"""Chosen packages in, the image of a base in the store out.

The layer is remembered under the digests of everything that went in: a base that was made before
is made again without reading a package.
"""

from time import perf_counter

import msgspec

from whit import __version__
from whit.bases.debian.content import content_of
from whit.bases.debian.index import Candidate
from whit.bases.debian.sets import Order, config_of
from whit.build.base.choosing import Chosen, urls_of
from whit.build.base.fetching import Larder
from whit.build.base.unpacking import unpack_all
from whit.build.events import Finished, Listener
from whit.build.house import House
from whit.build.settings import BaseSettings
from whit.layer.compress import compressor_versions
from whit.layer.content import open_content
from whit.model.image import Compression, Image, Layer
from whit.model.tree import Content, Tree
from whit.oci.assemble import assemble
from whit.report.words import count_text, size_text
from whit.store.blobs import Store
from whit.store.steps import key_of


class Kitchen(msgspec.Struct, frozen=True):
    """What is needed to make bases, besides the packages."""

    settings: BaseSettings
    home: str
    house: House
    store: Store
    larder: Larder
    compression: Compression


def make_image(order: Order, chosen: Chosen, kitchen: Kitchen, listen: Listener) -> Image:
    """The image, in the store, without a name. Errors: those of the A pages."""
    begun = perf_counter()
    layer, was_known = _layer(order, chosen, kitchen)
    image = assemble((layer,), config_of(order), kitchen.house.created)
    kitchen.store.put(image.config)
    kitchen.store.put(image.manifest)
    detail = f"{size_text(layer.file_bytes)} in {count_text(layer.file_count, 'file')} to "
    detail += f"{size_text(image.size)}, {layer.compressor}"
    listen(Finished("image", detail, perf_counter() - begun, was_known))
    return image


def _layer(order: Order, chosen: Chosen, kitchen: Kitchen) -> tuple[Layer, bool]:
    store, compression = kitchen.store, kitchen.compression
    key = key_of(
        "base layer", __version__, repr(compressor_versions()), order.kind, order.variant,
        repr(compression),
        *(f"{one.name} {one.digest}" for one in chosen.packages),
    )  # fmt: skip
    known = store.steps.get(key)
    if known is not None:
        layer = msgspec.json.decode(known, type=Layer)
        if store.is_intact(layer.digest, layer.size):
            return layer, True
    with kitchen.larder.workspace() as place:
        files = package_files(chosen.packages, order, kitchen)
        tree = tree_of(order, files, place)
        layer = store.write_layer(tree, compression, f"{order.kind} of {order.distro}")
    store.steps.put(key, msgspec.json.encode(layer))
    return layer, False


def package_files(
    packages: tuple[Candidate, ...], order: Order, kitchen: Kitchen
) -> tuple[tuple[str, str], ...]:
    """(path, name) of each package, fetched where it is not here. Errors: those of the A pages."""
    urls = urls_of(kitchen.settings, order, kitchen.home)
    return tuple(
        (kitchen.larder.package(one, _url(one, urls)), one.name) for one in packages
    )  # fmt: skip


def _url(one: Candidate, urls: dict[str, str]) -> str:
    """Where its suite lies; without a mirror a place where nothing is, but what is cached."""
    return urls.get(one.suite) or next(iter(urls.values()), _NOWHERE)


_NOWHERE = "file:/no/mirror/is/known"


def tree_of(order: Order, files: tuple[tuple[str, str], ...], workspace: str) -> Tree:
    """The content of a base. Errors: BrokenPackage."""
    unpacked = unpack_all(files, workspace)
    return content_of(unpacked, _read, has_shell=order.has_shell)


def _read(content: Content) -> bytes:
    with open_content(content) as stream:
        return stream.read()
