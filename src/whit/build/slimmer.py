"""The words of `whit slim` in, a smaller image out: bring, unpack, build, compare."""

import os
import tempfile
from collections import Counter
from pathlib import Path

import msgspec

from whit.build.call import build_images
from whit.build.copy import open_origin
from whit.build.ends import parse_end
from whit.build.events import Listener
from whit.build.house import House
from whit.build.registries import Registries
from whit.build.request import Request, host_platform
from whit.build.slim import slimming_of
from whit.errors.request import NothingToRun
from whit.model.image import Image
from whit.model.names import Digest, Platform
from whit.model.result import Result
from whit.model.slimmed import Slimmed
from whit.model.tree import File
from whit.oci.graph import entries_of
from whit.store.blobs import Store


def slim(
    source: str,
    platform: Platform | None,
    request: Request,
    house: House,
    listen: Listener,
    entrypoint: tuple[str, ...] = (),
) -> Slimmed:
    """Make `source` smaller; `entrypoint` is what it is to start instead. Errors: those of its
    place, of its layers and of every build.
    """
    store = Store.open(house.store)
    try:
        image, name = _brought(source, platform, request, store, listen)
    finally:
        store.close()
    if not request.names:
        request = msgspec.structs.replace(request, names=(_slim_name(name),))
    cache = Path(house.cache) / "slim"
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, ignore_cleanup_errors=True) as place:
        root = Path(place) / "root"
        root.mkdir()
        slimming = slimming_of(image, store, root, request, entrypoint)
        results = build_images(slimming.request, house, listen)
        return Slimmed(image, results[0], _left(root, results[0]), slimming.notes)


def _brought(
    source: str, platform: Platform | None, request: Request, store: Store, listen: Listener
) -> tuple[Image, str]:
    """The image in the store, and what it is called."""
    if not source:
        raise NothingToRun("no image to make smaller", hint="whit slim IMAGE; `whit images` lists")
    end = parse_end(source)
    registries = Registries(
        request.settings.registries, request.home, offline=request.offline, listen=listen
    )
    asked = platform or host_platform()
    origin = open_origin(end, asked, registries, store, str(request.directory))
    origin.bring(origin.content.blobs)
    for document in origin.content.documents:
        store.put(document.data)
    root = origin.content.root
    digest = entries_of(root)[0].digest if root.is_index else root.digest
    return store.image(Digest(digest)), origin.name or end.name or "image"


def _slim_name(name: str) -> str:
    """`registry.example/team/app:1.2` -> `app:1.2-slim`."""
    last = name.rpartition("/")[2].partition("@")[0]
    base, _, tag = last.partition(":")
    return f"{base or 'image'}:{tag or 'latest'}-slim"


def _left(root: Path, result: Result) -> tuple[tuple[str, int], ...]:
    """Bytes that were left out, by the first two parts of their path."""
    kept = {path for path, node in result.plan.tree() if isinstance(node, File)}
    sizes: Counter[str] = Counter()
    for place, _, names in os.walk(root):
        for name in names:
            path = os.path.join(place, name)
            inside = "/" + os.path.relpath(path, root)
            if inside not in kept and not os.path.islink(path):
                sizes["/".join(inside.split("/")[:3])] += os.lstat(path).st_size
    return tuple(sizes.most_common(20))
