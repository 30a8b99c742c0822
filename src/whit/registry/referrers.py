"""A subject and what is said about it in, the same beside it in a registry out; and found again.

    GET /v2/NAME/referrers/DIGEST        what refers to it (distribution-spec 1.1, end-12a)
    a tag sha256-HEX, an index           the same, where the registry does not know that

A registry that knows referrers finds them by the manifest's `subject`; for another one the tag is
kept by whoever pushes ("Referrers Tag Schema"). Two that push at once may then lose one: that is
the specification's own gap.
"""

from collections.abc import Iterator
from typing import TypeVar

import msgspec

from whit.errors.registry import BadAnswer
from whit.model.image import MEDIA_INDEX, MEDIA_MANIFEST
from whit.model.names import Digest, digest_of
from whit.oci.documents import Descriptor
from whit.oci.graph import Content, Document
from whit.registry.client import Repository

MEDIA_EMPTY = "application/vnd.oci.empty.v1+json"
EMPTY = b"{}"
_MOST = 100
_MAX_BYTES = 4 << 20
Told = TypeVar("Told")


class Artifact(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A manifest that says something about another one."""

    schema_version: int = msgspec.field(default=2, name="schemaVersion")
    media_type: str = msgspec.field(default="", name="mediaType")
    artifact_type: str = msgspec.field(default="", name="artifactType")
    config: Descriptor
    layers: tuple[Descriptor, ...]
    subject: Descriptor


class Referrer(msgspec.Struct, frozen=True, omit_defaults=True):
    """An entry of the answer: an artifact's manifest and its type."""

    media_type: str = msgspec.field(name="mediaType")
    digest: str
    size: int
    artifact_type: str = msgspec.field(default="", name="artifactType")


class Referrers(msgspec.Struct, frozen=True):
    manifests: tuple[Referrer, ...] | None = ()  # Go writes null for none
    schema_version: int = msgspec.field(default=2, name="schemaVersion")
    media_type: str = msgspec.field(default=MEDIA_INDEX, name="mediaType")


def artifact_of(data: bytes, kind: str, subject: Document) -> Content:
    """An artifact of one blob. Its blobs are `data` and EMPTY."""
    blob = Descriptor(kind, digest_of(data), len(data))
    empty = Descriptor(MEDIA_EMPTY, digest_of(EMPTY), len(EMPTY))
    manifest = Artifact(
        media_type=MEDIA_MANIFEST,
        schema_version=2,
        artifact_type=kind,
        config=empty,
        layers=(blob,),
        subject=Descriptor(subject.media_type, subject.digest, len(subject.data)),
    )
    # The version is a default, and has to be said.
    fields = {"schemaVersion": 2, **msgspec.to_builtins(manifest)}
    document = msgspec.json.encode(fields, order="deterministic")
    root = Document(MEDIA_MANIFEST, digest_of(document), document)
    return Content((root,), (blob, empty))


def announce(
    entry: Referrer, subject: Digest, repository: Repository, *, is_only_one: bool = False
) -> None:
    """Make a pushed artifact found, where the registry does not do that by itself.

    With `is_only_one` it takes the place of those of its kind.
    """
    if _answer(subject, repository) is not None:
        return
    others = _tagged(subject, repository).manifests or ()
    if any(one.digest == entry.digest for one in others):
        return
    if is_only_one:
        others = tuple(one for one in others if one.artifact_type != entry.artifact_type)
    data = msgspec.json.encode(Referrers((*others[:_MOST], entry)), order="deterministic")
    repository.put(_tag(subject), Document(MEDIA_INDEX, digest_of(data), data))


def about(subject: Digest, repository: Repository) -> tuple[Referrer, ...]:
    """What refers to a subject, in the order in which the registry says it.

    Errors: those of the R pages.
    """
    answer = _answer(subject, repository)
    known = answer if answer is not None else _tagged(subject, repository)
    return (known.manifests or ())[:_MOST]


def found(kind: str, subject: Digest, repository: Repository) -> Iterator[bytes]:
    """The blobs of all artifacts of this kind about a subject, the last one first.

    Errors: those of the R pages.
    """
    for entry in reversed(about(subject, repository)):
        if entry.artifact_type != kind:
            continue
        document = repository.document(entry.digest)
        artifact = _decoded(Artifact, document.data, repository)
        if artifact.subject.digest == subject and len(artifact.layers) == 1:
            yield repository.small(artifact.layers[0])


def _answer(subject: Digest, repository: Repository) -> Referrers | None:
    """None where the registry knows no referrers."""
    answer = repository.transport.request(
        "GET", f"/v2/{repository.path}/referrers/{subject}",
        accept=(200, 404, 405, 400, 501), scopes=repository.scopes, limit_bytes=_MAX_BYTES,
    )  # fmt: skip
    if answer.status != 200:
        return None
    return _decoded(Referrers, answer.data, repository)


def _tagged(subject: Digest, repository: Repository) -> Referrers:
    if not repository.head(_tag(subject)):
        return Referrers()
    return _decoded(Referrers, repository.document(_tag(subject)).data, repository)


def _tag(subject: Digest) -> str:
    return str(subject).replace(":", "-")


def _decoded(kind: type[Told], data: bytes, repository: Repository) -> Told:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadAnswer(
            f"{repository.host}/{repository.path}: what refers to the image cannot be read: {error}"
        ) from None
