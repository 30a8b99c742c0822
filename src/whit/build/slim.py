"""An existing image in, what to build of it out: its program and everything the program is known to
need, from the image itself.

    image ─unpack─▶ root ─▶ program, interpreter, named files ─▶ Request ─▶ the corridor

What no reading can know (files that a program finds by itself, programs that it runs) is kept
where the image's configuration names it, and else said.
"""

import re
from pathlib import Path

import msgspec

from whit.bases.root import Root
from whit.build.keeping import Keeper
from whit.build.kept import Keeping
from whit.build.owners import Owned, owners_of
from whit.build.request import Request, make_request
from whit.build.settings import Settings
from whit.layer.unpack import unpack_layers
from whit.model.image import Image
from whit.oci.documents import Config, RunDocument, decode
from whit.store.blobs import Store


class Slimming(msgspec.Struct, frozen=True):
    """What was found out about an image before anything is built."""

    request: Request
    program: str
    notes: tuple[str, ...]


def slimming_of(
    image: Image, store: Store, root: Path, request: Request, entrypoint: tuple[str, ...] = ()
) -> Slimming:
    """Unpack `image` into the empty directory `root`, and say what is kept of it. `entrypoint`
    stands for the image's own, and for its command.

    Errors: NothingToRun when it starts nothing; those of hostile layers.
    """
    streams = (store.open_blob(layer.digest, layer.size) for layer in image.layers)
    owners = owners_of(str(root), unpack_layers(streams, root))
    document = decode(Config, image.config, "the image's config").config or RunDocument()
    if entrypoint:
        document = msgspec.structs.replace(document, entrypoint=entrypoint, cmd=None)
    here = Keeper(Root(str(root)), document)
    here.keep_all(owners)
    return Slimming(_request_of(here, root, request, owners), here.program, tuple(here.notes))


def _request_of(here: Keeper, root: Path, asked: Request, owners: Owned) -> Request:
    """The user's request, with the image as source, root and configuration."""
    document, settings = here.document, asked.settings
    is_named = not re.fullmatch(r"\d+(:\d+)?", document.user or "0")
    if is_named:
        here.keep_accounts()
    directories = {*(document.volumes or {}), *settings.directories}
    wanted: Settings = msgspec.structs.replace(
        settings,
        needs=msgspec.structs.replace(
            settings.needs,
            add=(*settings.needs.add, *here.words),
            drop=(*settings.needs.drop, *(("users",) if is_named else ())),
            sysroot=str(root),
        ),
        image=msgspec.structs.replace(
            settings.image, user="0:0" if is_named else _ids(document.user)
        ),
        directories=tuple(sorted(d for d in directories if f"tree:{d}" not in here.words)),
    )
    source = here.root.host_path(here.program)
    request = make_request(source, Path(asked.directory), Path(asked.home), wanted, asked.names)
    words = (word.partition(":")[2] for word in here.words if word.startswith("directory:"))
    made = (path for path in (*words, *(document.volumes or {})) if here.root.is_directory(path, 0))
    keeping = Keeping(document, {**dict.fromkeys(made, (0o755, 0, 0)), **owners})
    return msgspec.structs.replace(
        request,
        destinations=asked.destinations,
        pushes=asked.pushes,
        offline=asked.offline,
        keeps=msgspec.json.encode(keeping),
    )


def _ids(user: str) -> str:
    """`0:0` for root, whom an image means that names nobody."""
    return user if ":" in user else f"{user or 0}:{user or 0}"
