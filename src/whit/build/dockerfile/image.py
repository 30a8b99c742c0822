"""A stage that ended in, its Image out: layers, config and history as docker writes them."""

import msgspec

from whit.build.dockerfile.bench import Files, Room
from whit.build.events import Warned
from whit.dockerfile.state import State
from whit.errors.images import InvalidImage
from whit.layer.difference import difference
from whit.layer.stack import Stack
from whit.model.image import MEDIA_CONFIG, MEDIA_MANIFEST, Compression, Image, Layer
from whit.model.names import digest_of
from whit.model.tree import Tree
from whit.oci.assemble import rfc3339
from whit.oci.documents import Config, Descriptor, Manifest, RootFs, encode
from whit.store.steps import key_of


class Ended(msgspec.Struct, frozen=True):
    """A stage after its last step. `steps` are the files after each step that made a layer; what
    lies below them are `layers` of the base and the directories of `ground`.
    """

    state: State
    files: Files
    layers: tuple[Layer, ...]
    ground: tuple[str, ...]
    steps: tuple[Files, ...] = ()


def image_of(room: Room, ended: Ended, compression: Compression) -> Image:
    """Errors: those of writing layers; InvalidImage when layers and history disagree."""
    own = tuple(layer_of(room, files, compression) for files in ended.steps)
    layers = (*ended.layers, *own)
    state, moment = ended.state, rfc3339(room.epoch)
    history = tuple(
        entry if entry.created else msgspec.structs.replace(entry, created=moment)
        for entry in state.history
    )
    said = sum(not entry.empty_layer for entry in history)
    if ended.layers and said < len(layers):
        # Bases of other tools may lack their own history; ours is always complete.
        history = ()
    elif said != len(layers):
        raise InvalidImage(f"the history tells of {said} layers and there are {len(layers)}")
    config = encode(
        Config(
            architecture=state.platform.architecture,
            os=state.platform.os,
            variant=state.platform.variant,
            created=moment,
            author=state.author,
            config=state.config,
            rootfs=RootFs(type="layers", diff_ids=tuple(layer.diff_id for layer in layers)),
            history=history,
        )
    )
    manifest = encode(
        Manifest(
            schema_version=2,
            media_type=MEDIA_MANIFEST,
            config=Descriptor(MEDIA_CONFIG, digest_of(config), len(config)),
            layers=tuple(Descriptor(one.media_type, one.digest, one.size) for one in layers),
        )
    )
    return Image(
        platform=state.platform,
        manifest=manifest,
        manifest_digest=digest_of(manifest),
        config=config,
        config_digest=digest_of(config),
        layers=layers,
    )


def layer_of(room: Room, files: Files, compression: Compression) -> Layer:
    """The layer that the last step of `files` is, compressed once."""
    key = key_of(
        "layer of",
        *files.layers,
        files.key,
        repr(compression),
        str(room.rewrites_times and room.epoch),
    )
    known = room.store.steps.get(key)
    if known is not None and not room.is_fresh:
        try:
            layer = msgspec.json.decode(known, type=Layer)
        except msgspec.DecodeError:
            layer = None
        if layer is not None and room.store.has(layer.digest):
            return layer
    if room.imported is not None and not room.rewrites_times:
        given = room.imported.layer_of(files.layers[0], compression)
        if given is not None:
            room.store.steps.put(key, msgspec.json.encode(given))
            return given
    found = difference(files.layers[0], Stack(files.layers[1:]))
    tree = _clamped(found.tree, room.epoch) if room.rewrites_times else found.tree
    if found.foreign:
        names = ", ".join(found.foreign[:4])
        room.listen(Warned(f"pipes and devices are left out of the image: {names}"))
    layer = room.store.write_layer(tree, compression, removed=found.removed)
    room.store.steps.put(key, msgspec.json.encode(layer))
    return layer


def _clamped(tree: Tree, epoch: int) -> Tree:
    """No time is later than `epoch`."""
    return Tree(
        tuple(
            (path, msgspec.structs.replace(node, mtime=min(node.mtime, epoch)))
            for path, node in tree
        )
    )
