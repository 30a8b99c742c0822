"""A copied image in, what refers to it beside the copy out: signatures, SBOMs, contracts (a door).

    referrers     manifests whose `subject` is the image, or one of an index' images
    tags          sha256-HEX.sig, .att and .sbom, as cosign names what it attaches

What refers to a referrer (the signature of an SBOM) follows too.
"""

from collections.abc import Iterator
from time import perf_counter

import msgspec

from whit.build.ends import End, Where
from whit.build.events import Finished, Listener
from whit.build.registries import OpenAt, Registries, StoreMemory, StoreSink
from whit.errors.request import BadDestination
from whit.model.names import Digest, Reference
from whit.oci.graph import Content, Document, read_document
from whit.registry.client import Repository
from whit.registry.hosts import remote
from whit.registry.pull import describe, fetch_blobs
from whit.registry.push import push
from whit.registry.referrers import Referrer, about, announce
from whit.report.words import count_text
from whit.store.blobs import Store

_ATTACHED = ("sig", "att", "sbom")
_MAX_DEPTH = 3


class Way(msgspec.Struct, frozen=True):
    """From one repository to another."""

    source: Repository
    target: Repository


class _Follower(msgspec.Struct, frozen=True):
    """Something about `subject`: a referrer of a kind, or what has a tag of its own."""

    content: Content
    subject: Digest
    entry: Referrer | None = None
    tag: str = ""


def way_between(source: End, target: End, registries: Registries) -> Way:
    """Errors: BadDestination where an end has no place for what refers to an image."""
    if not source.where is target.where is Where.REGISTRY:
        raise BadDestination(
            f"{source} to {target}: only registries keep what refers to an image",
            hint="leave --referrers out, or copy from a registry to a registry",
        )
    origin = registries.sources(remote(source.name))[-1]
    return Way(origin, registries.target(Reference.parse(target.name)))


def follow(digest: Digest, way: Way, store: Store, listen: Listener) -> None:
    """Copy what refers to an image that is at both ends of `way`.

    Errors: those of the R pages; InvalidImage.
    """
    begun = perf_counter()
    content, _ = describe(way.source.document(digest), way.source, None)
    kinds: dict[str, int] = {}
    for follower in _followers(content.documents, way.source, 0):
        _carry(follower, way, store)
        kind = follower.entry.artifact_type if follower.entry else follower.tag.rpartition(".")[2]
        kinds[kind] = kinds.get(kind, 0) + 1
    counted = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    total = count_text(sum(kinds.values()), "artifact")
    detail = f"{total}: {counted}" if kinds else "nothing refers to the image"
    listen(Finished("follow", detail, perf_counter() - begun))


def _followers(
    documents: tuple[Document, ...], repository: Repository, depth: int
) -> Iterator[_Follower]:
    for document in documents:
        for entry in about(document.digest, repository):
            root = read_document(repository.document(entry.digest).data, entry.media_type)
            content, _ = describe(root, repository, None)
            if depth < _MAX_DEPTH:
                yield from _followers(content.documents, repository, depth + 1)
            yield _Follower(content, document.digest, entry)
        for kind in _ATTACHED:
            tag = f"{document.digest.replace(':', '-')}.{kind}"
            if repository.head(tag):
                content, _ = describe(repository.document(tag), repository, None)
                yield _Follower(content, document.digest, tag=tag)


def _carry(follower: _Follower, way: Way, store: Store) -> None:
    sink, memory = StoreSink(store), StoreMemory(store)
    missing = tuple(blob for blob in follower.content.blobs if not sink.has(blob))
    fetch_blobs(missing, way.source, sink)
    tags = (follower.tag,) if follower.tag else ()
    push(follower.content, tags, way.target, OpenAt(store), memory)
    if follower.entry is not None:
        announce(follower.entry, follower.subject, way.target)
