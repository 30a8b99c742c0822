"""An Image in, everything that is wrong with it out; written against the OCI specification and
not against `assemble`, so that each can find the other's mistakes.

Sources: image-spec v1.1 manifest.md, config.md, descriptor.md, image-layout.md, and the
distribution-spec's limits.
"""

import hashlib
import zlib
from collections.abc import Iterator
from typing import BinaryIO

import msgspec

from whit.errors.images import InvalidImage
from whit.model.image import MEDIA_MANIFEST, Image, Layer
from whit.oci.documents import Config, Descriptor, Manifest, decode

_LAYER_TYPES = frozenset(
    {
        "application/vnd.oci.image.layer.v1.tar",
        "application/vnd.oci.image.layer.v1.tar+gzip",
        "application/vnd.oci.image.layer.v1.tar+zstd",
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
    }
)
_MANIFEST_TYPES = {
    "application/vnd.oci.image.manifest.v1+json": "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json": (
        "application/vnd.docker.container.image.v1+json"
    ),
}
_GO_SYSTEMS = frozenset({"linux", "windows", "darwin", "freebsd", "netbsd", "openbsd", "solaris"})
_CHUNK_BYTES = 1 << 18
_ZSTD_CHUNK_BYTES = 2 << 10  # bounds what one call can decompress to 64 MiB


class _Keys(msgspec.Struct, frozen=True):
    """What must be in a manifest even where our reader would fill in a default."""

    schema_version: int = msgspec.field(name="schemaVersion")
    config: dict[str, object]
    layers: list[dict[str, object]]


def problems_of(image: Image) -> tuple[str, ...]:
    """Each broken rule as a sentence; empty for a valid image."""
    return tuple(_problems(image))


def check_image(image: Image) -> None:
    """Errors: InvalidImage that names every problem."""
    if problems := problems_of(image):
        raise InvalidImage(
            f"image {image.manifest_digest} is not valid: " + "; ".join(problems),
            hint="this is a mistake of the tool that made it",
        )


def _problems(image: Image) -> Iterator[str]:
    for what, data, digest in (
        ("manifest", image.manifest, image.manifest_digest),
        ("config", image.config, image.config_digest),
    ):
        if "sha256:" + hashlib.sha256(data).hexdigest() != digest:
            yield f"the {what} does not have the digest {digest}"
    try:
        manifest = decode(Manifest, image.manifest, "the manifest")
        msgspec.json.decode(image.manifest, type=_Keys)
        config = decode(Config, image.config, "the config")
    except (InvalidImage, msgspec.DecodeError) as error:
        yield str(error)
        return
    yield from _manifest_problems(manifest, image)
    yield from _config_problems(config)
    yield from _agreement_problems(manifest, config, image)


def _manifest_problems(manifest: Manifest, image: Image) -> Iterator[str]:
    # Left out, it is what the specification's own type would say.
    config_type = _MANIFEST_TYPES.get(manifest.media_type or MEDIA_MANIFEST)
    if config_type is None:
        yield f"{manifest.media_type} is no manifest's media type"
    elif manifest.config.media_type != config_type:
        yield f"a manifest's config is not {manifest.config.media_type}"
    said = manifest.config
    if (said.digest, said.size) != (image.config_digest, len(image.config)):
        yield "the manifest names another config"
    for layer in manifest.layers:
        if layer.media_type not in _LAYER_TYPES:
            yield f"{layer.media_type} is no layer's media type"
    if "" in manifest.annotations:
        yield "an annotation has no name"


def _config_problems(config: Config) -> Iterator[str]:
    if config.os not in _GO_SYSTEMS or not config.architecture:
        yield f"{config.os}/{config.architecture} is no platform"
    for moment in (config.created, *(entry.created for entry in config.history)):
        if moment and not _is_rfc3339(moment):
            yield f"{moment!r} is no RFC 3339 time"
    made = sum(not entry.empty_layer for entry in config.history)
    if config.history and made != len(config.rootfs.diff_ids):
        yield f"the history tells of {made} layers and there are {len(config.rootfs.diff_ids)}"
    runs = config.config
    if runs is None:
        return
    for pair in runs.env or ():
        if pair.find("=") < 1 or "\0" in pair:
            yield f"the environment has {pair!r}, which is no NAME=value"
    for port in runs.exposed_ports or ():
        number, _, protocol = port.partition("/")
        if (
            not number.isdigit()
            or int(number) > 65535
            or protocol not in ("", "tcp", "udp", "sctp")
        ):
            yield f"{port!r} is no port"
    if runs.working_dir and not runs.working_dir.startswith("/"):
        yield f"the working directory {runs.working_dir!r} is not absolute"


def _agreement_problems(manifest: Manifest, config: Config, image: Image) -> Iterator[str]:
    diff_ids = config.rootfs.diff_ids
    if not len(manifest.layers) == len(diff_ids) == len(image.layers):
        yield (
            f"{len(manifest.layers)} layers in the manifest, {len(diff_ids)} in the config, "
            f"{len(image.layers)} at hand"
        )
        return
    for number, (said, diff_id, layer) in enumerate(
        zip(manifest.layers, diff_ids, image.layers, strict=True)
    ):
        mine = Descriptor(layer.media_type, layer.digest, layer.size)
        if (said.media_type, said.digest, said.size) != (mine.media_type, mine.digest, mine.size):
            yield f"layer {number} is not the one that the manifest names"
        if diff_id != layer.diff_id:
            yield f"layer {number} has not the diff_id that the config states"
    platform = image.platform
    if (config.os, config.architecture, config.variant) != (
        platform.os,
        platform.architecture,
        platform.variant,
    ):
        yield f"the config is for {config.os}/{config.architecture}, the image for {platform}"


def _is_rfc3339(text: str) -> bool:
    """Dates of section 5.6, in the forms that images use: seconds, fractions, Z or an offset."""
    date, _, time = text.partition("T")
    clock, zone = (time[:-1], "Z") if time.endswith("Z") else (time[:-6], time[-6:])
    whole, _, fraction = clock.partition(".")
    shapes = (date, "dddd-dd-dd"), (whole, "dd:dd:dd"), (zone, "Z" if zone == "Z" else "+dd:dd")
    for value, shape in shapes:
        if len(value) != len(shape):
            return False
        for character, kind in zip(value, shape, strict=True):
            if not (
                character in "0123456789"
                if kind == "d"
                else character in ("+-" if kind == "+" else kind)
            ):
                return False
    months, days = int(date[5:7]), int(date[8:])
    hours, minutes, seconds = (int(whole[at : at + 2]) for at in (0, 3, 6))
    in_range = 1 <= months <= 12 and 1 <= days <= 31 and hours < 24 and minutes < 60
    return in_range and seconds <= 60 and (not fraction or fraction.isdigit())


# ---- against the bytes ----------------------------------------------------------------------


def layer_problems_of(layer: Layer, stream: BinaryIO) -> tuple[str, ...]:
    """Read a layer's blob to its end and compare size, digest and diff_id."""
    blob, tar = hashlib.sha256(), hashlib.sha256()
    sizes = [0, 0]

    def pieces() -> Iterator[bytes]:
        while piece := stream.read(_CHUNK_BYTES):
            blob.update(piece)
            sizes[0] += len(piece)
            yield piece

    problems: list[str] = []
    try:
        for piece in _tar_pieces(layer.media_type, pieces()):
            tar.update(piece)
            sizes[1] += len(piece)
    except (zlib.error, ValueError) as error:
        problems.append(f"it is not {layer.media_type}: {error}")
    if "sha256:" + blob.hexdigest() != layer.digest:
        problems.append(f"its bytes do not have the digest {layer.digest}")
    if sizes[0] != layer.size:
        problems.append(f"it has {sizes[0]} bytes, not {layer.size}")
    if "sha256:" + tar.hexdigest() != layer.diff_id:
        problems.append(f"its tar does not have the diff_id {layer.diff_id}")
    if layer.tar_bytes not in (0, sizes[1]):
        problems.append(f"its tar has {sizes[1]} bytes, not {layer.tar_bytes}")
    return tuple(problems)


def _tar_pieces(media_type: str, pieces: Iterator[bytes]) -> Iterator[bytes]:
    if media_type.endswith("gzip"):
        member = zlib.decompressobj(wbits=31)
        for piece in pieces:
            rest = piece
            while rest:
                if member.eof:
                    member = zlib.decompressobj(wbits=31)
                yield member.decompress(rest, 1 << 20)
                rest = member.unused_data if member.eof else member.unconsumed_tail
        if not member.eof:
            raise ValueError("it is truncated")
    elif media_type.endswith("zstd"):
        import zstandard  # noqa: PLC0415

        decompressor = zstandard.ZstdDecompressor(max_window_size=1 << 27)
        frame = decompressor.decompressobj()
        for piece in pieces:
            for at in range(0, len(piece), _ZSTD_CHUNK_BYTES):
                rest = piece[at : at + _ZSTD_CHUNK_BYTES]
                while rest:
                    frame = decompressor.decompressobj() if frame.eof else frame
                    try:
                        yield frame.decompress(rest)
                    except zstandard.ZstdError as error:
                        raise ValueError(str(error)) from None
                    rest = frame.unused_data if frame.eof else b""
        if not frame.eof:
            raise ValueError("it is truncated")
    else:
        yield from pieces
