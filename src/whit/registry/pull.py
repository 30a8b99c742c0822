"""A reference in, what it names out: documents read once, blobs written where they are missing.

A tag is read a single time; everything after is asked for by digest, so a tag that moves meanwhile
changes nothing.
"""

from contextlib import AbstractContextManager
from typing import Protocol

import msgspec

from whit.errors import WhitError
from whit.errors.registry import BadAnswer, NoSuchManifest, RegistryUnreachable
from whit.model.names import Platform, Reference
from whit.oci.documents import Descriptor
from whit.oci.graph import Content, Document, choose, read_content, read_document
from whit.registry.client import Incoming, Repository
from whit.registry.push import Memory, in_parallel


class Sink(Protocol):
    """Where pulled bytes go. `incoming` checks the bytes and keeps them when they are complete."""

    def has(self, blob: Descriptor) -> bool: ...
    def incoming(self, blob: Descriptor) -> AbstractContextManager[Incoming]: ...


class Pulled(msgspec.Struct, frozen=True):
    """`index` is what the tag named when one of its images was chosen, else None."""

    content: Content
    index: Document | None
    fetched: int
    fetched_bytes: int
    requests: int


def resolve(
    reference: Reference, repositories: tuple[Repository, ...]
) -> tuple[Repository, Document]:
    """The document of `reference` from the first repository (mirrors come first) that has it.

    Errors: those of the last repository that was asked.
    """
    wanted = reference.digest or reference.tag
    failures: list[WhitError] = []
    for repository in repositories:
        try:
            return repository, repository.document(wanted)
        except (NoSuchManifest, RegistryUnreachable) as error:
            failures.append(error)
    if not failures:
        raise AssertionError("there is always one repository")
    *mirrors, last = failures
    if mirrors:
        asked = (f"mirror: {one.message}" for one in mirrors)
        last.output = "\n".join((*asked, *filter(None, (last.output,))))
    raise last


def describe(
    document: Document, repository: Repository, platform: Platform | None
) -> tuple[Content, Document | None]:
    """What `document` consists of: all of it, or the image for `platform`."""
    if platform is None or not document.is_index:
        return read_content(document, repository.child), None
    chosen = document
    while chosen.is_index:
        entry = choose(chosen, platform)
        chosen = read_document(repository.child(entry), entry.media_type)
    return read_content(chosen, repository.child), document


def pull(
    reference: Reference,
    repositories: tuple[Repository, ...],
    platform: Platform | None,
    sink: Sink,
    memory: Memory,
) -> Pulled:
    """Fetch what `sink` lacks of an image, or with `platform` None of all of an index.

    Errors: those of the R pages; InvalidImage; what `sink` raises.
    """
    before = sum(one.transport.count for one in repositories)
    repository, document = resolve(reference, repositories)
    content, index = describe(document, repository, platform)
    missing = tuple(blob for blob in content.blobs if not sink.has(blob))
    fetch_blobs(missing, repository, sink)
    registry = repository.transport.endpoint.registry
    for blob in content.blobs:
        memory.remember(registry, blob.digest, repository.path)
    requests = sum(one.transport.count for one in repositories) - before
    size = sum(blob.size for blob in missing)
    return Pulled(content, index, len(missing), size, requests)


def fetch_blobs(blobs: tuple[Descriptor, ...], repository: Repository, sink: Sink) -> None:
    """Fetch blobs in parallel, the largest first."""

    def fetch(blob: Descriptor) -> None:
        place = f"{repository.host}/{repository.path}"
        try:
            with sink.incoming(blob) as incoming:
                repository.fetch(blob, incoming)
        except BadAnswer as error:
            # The sink, which compares the bytes, does not know whose they are.
            if error.message.startswith(repository.host):
                raise
            raise BadAnswer(f"{place}: {error.message}", hint=error.hint) from None

    in_parallel(fetch, sorted(blobs, key=lambda blob: -blob.size))
