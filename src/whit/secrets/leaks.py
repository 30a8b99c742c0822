"""An image's bytes and a search in, leaks out: what would leave, where it stands, by what name.

The rule of the room: every byte that leaves is looked at, a layer as the tar it unpacks to with
its headers and padding. A leak is told by the secret's name, never its value.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO

import msgspec

from whit.errors import WhitError
from whit.layer.header import padding
from whit.layer.inflate import Limits, TarBytes
from whit.layer.tar import RawEntry, raw_entries
from whit.model.image import Image, Layer
from whit.model.names import Digest
from whit.secrets.scan import Search, Searched

_LIMITS = Limits()
_PIECE_BYTES = 1 << 20


class Leak(msgspec.Struct, frozen=True):
    """`where` is a layer's digest, `config` or `manifest`; `path` a file of the layer or a JSON
    pointer; `offset` counts in the file (or the document), or in what `inside` unpacks to.
    """

    secret: str
    where: str
    path: str
    offset: int
    encoding: str
    inside: tuple[str, ...] = ()

    def __str__(self) -> str:
        members = "".join(f" in {name}" for name in reversed(self.inside))
        return f"{self.secret}: {self.where} {self.path} at {self.offset}{members}: {self.encoding}"


class Inspection(msgspec.Struct, frozen=True):
    """All that was looked at. `unprovable` says for which secrets finding none proves nothing;
    `unread` which members were not unpacked.
    """

    leaks: tuple[Leak, ...]
    secrets: tuple[str, ...]
    bytes: int
    patterns: int
    unprovable: tuple[tuple[str, str], ...] = ()
    unread: tuple[str, ...] = ()


def inspect_image(
    image: Image, open_blob: Callable[[Digest, int], BinaryIO], search: Search
) -> Inspection:
    """Errors: those of layers that cannot be read."""
    documents = (("manifest", image.manifest), ("config", image.config))
    return inspect(documents, image.layers, open_blob, search)


def inspect(
    documents: Iterable[tuple[str, bytes]],
    layers: Iterable[Layer],
    open_blob: Callable[[Digest, int], BinaryIO],
    search: Search,
) -> Inspection:
    """What leaves that is no image, or all of one. Errors: those of layers that cannot be read."""
    leaks: list[Leak] = []
    unread: list[str] = []
    size_bytes = 0
    for name, data in documents:
        leaks += document_leaks(name, data, search)
        size_bytes += len(data)
    for layer in layers:
        with open_blob(layer.digest, layer.size) as blob:
            searched = search.stream(_tar(blob))
        size_bytes += searched.bytes + searched.unpacked_bytes
        unread += (f"{layer.digest}: {why}" for why in searched.unread)
        if searched.spots:
            with open_blob(layer.digest, layer.size) as blob:
                leaks += layer_leaks(layer.digest, blob, searched)
    return Inspection(
        leaks=tuple(leaks),
        secrets=tuple(search.names),
        bytes=size_bytes,
        patterns=search.pattern_count,
        unprovable=tuple(search.unprovable.items()),
        unread=tuple(unread),
    )


def document_leaks(where: str, data: bytes, search: Search) -> Iterator[Leak]:
    """Leaks in a JSON document. The strings of an escaped document say where they are."""
    found = search.whole(data).spots
    if not found:
        return
    told: set[str] = set()
    for pointer, text in _strings(msgspec.json.decode(data), ""):
        for spot in search.whole(text.encode("utf-8", "surrogatepass")).spots:
            told.add(spot.secret)
            yield Leak(spot.secret, where, pointer, spot.offset, spot.encoding, spot.inside)
    for spot in found:
        if spot.secret not in told:
            yield Leak(spot.secret, where, "/", spot.offset, spot.encoding, spot.inside)


def layer_leaks(digest: str, blob: BinaryIO, searched: Searched) -> Iterator[Leak]:
    """The spots of a layer's tar, each with the file it is in."""
    spans = tuple(_spans(blob))
    for spot in searched.spots:
        # The outermost member says where in the tar it all began.
        at = int(spot.inside[0].rpartition(" ")[2]) if spot.inside else spot.offset
        path, begin = next(
            ((name, start) for start, end, name in spans if start <= at < end), ("(headers)", 0)
        )
        offset, inside = spot.offset, spot.inside
        if inside:
            kind = inside[0].rpartition(" at ")[0]
            inside = (f"{kind} at {at - begin}", *inside[1:])
        else:
            offset -= begin
        yield Leak(spot.secret, digest, path, offset, spot.encoding, inside)


def _spans(blob: BinaryIO) -> Iterator[tuple[int, int, str]]:
    """(begin, end, path) of each file's bytes in a tar. Ends where a tar stops making sense:
    what was found is told all the same.
    """
    source = TarBytes(blob, _LIMITS)
    try:
        for entry in raw_entries(source):
            end = source.position + entry.size + padding(entry.size)
            yield source.position, end, _path(entry)
    except WhitError:
        return


def _path(entry: RawEntry) -> str:
    return "/" + entry.name.decode("utf-8", "replace").removeprefix("./").lstrip("/")


def _tar(blob: BinaryIO) -> Iterator[memoryview]:
    source = TarBytes(blob, _LIMITS)
    while piece := source.read_some(_PIECE_BYTES):
        yield piece


def _strings(value: Any, pointer: str) -> Iterator[tuple[str, str]]:
    """(JSON pointer, text) of every string and key, RFC 6901."""
    if isinstance(value, str):
        yield pointer or "/", value
    elif isinstance(value, dict):
        for key, inner in value.items():
            below = f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}"
            yield pointer + "/(key)", key
            yield from _strings(inner, below)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _strings(inner, f"{pointer}/{number}")
