"""A pushed image in, its contract as a referrer beside it out, and found by a name (a door)."""

from typing import TYPE_CHECKING

from whit.errors.request import NoContract
from whit.model.contract import LABEL, MAX_LABEL_BYTES, Contract, decode
from whit.model.image import Image
from whit.model.names import Platform, Reference
from whit.oci.documents import Config, Manifest
from whit.oci.documents import decode as decode_document
from whit.oci.graph import Document, read_document
from whit.registry.client import Repository
from whit.store.blobs import Store

if TYPE_CHECKING:
    from whit.build.registries import Registries

MEDIA_CONTRACT = "application/vnd.whit.contract.v1+json"


def push_contract(image: Image, repository: Repository, store: Store) -> bool:
    """Whether the image has one. Errors: those of the R pages."""
    label = label_of(image.config)
    if not label:
        return False
    from whit.build.registries import OpenAt, StoreMemory
    from whit.registry.push import push
    from whit.registry.referrers import EMPTY, Referrer, announce, artifact_of

    data = label.encode()
    subject = read_document(image.manifest)
    artifact = artifact_of(data, MEDIA_CONTRACT, subject)
    store.put(data)
    store.put(EMPTY)
    push(artifact, (), repository, OpenAt(store), StoreMemory(store))
    root = artifact.root
    entry = Referrer(root.media_type, root.digest, len(root.data), MEDIA_CONTRACT)
    announce(entry, subject.digest, repository, is_only_one=True)
    return True


def contract_in_registry(
    reference: Reference, platform: Platform, registries: "Registries"
) -> tuple[Contract, Config]:
    """From the label of the image, else from what refers to it: no layer is read.

    Errors: NoContract, those of the R pages.
    """
    from whit.registry.pull import resolve
    from whit.registry.referrers import found

    repository, document = resolve(reference, registries.sources(reference))
    chosen = _image_of(document, repository, platform)
    manifest = decode_document(Manifest, chosen.data, "the manifest")
    raw = repository.small(manifest.config)
    texts = [label] if (label := label_of(raw)) else []
    if not texts:
        blobs = found(MEDIA_CONTRACT, chosen.digest, repository)
        texts = [data.decode("utf-8", "replace") for data in blobs if len(data) <= MAX_LABEL_BYTES]
    for text in texts:
        contract = decode(text)
        if contract is not None:
            return contract, decode_document(Config, raw, "the configuration")
    raise NoContract(
        f"{reference} carries no contract, and nothing in its registry says one",
        hint=f"`whit copy {reference} store` brings its program, which can be asked",
    )


def label_of(config: bytes) -> str:
    document = decode_document(Config, config, "the configuration")
    return (document.config.labels or {}).get(LABEL, "") if document.config else ""


def _image_of(document: Document, repository: Repository, platform: Platform) -> Document:
    from whit.registry.pull import describe

    content, _ = describe(document, repository, platform)
    return content.root
