"""JSON in, typed documents out, and back: the OCI image-spec's documents, word for word.

Reading is strict about types and ignores unknown fields, as the specification asks of readers.
Writing is canonical: fields in this order, map keys sorted, no spaces, defaults left out.
"""

from typing import Annotated, TypeVar

import msgspec

from whit.errors.images import InvalidImage

ANNOTATION_NAME = "org.opencontainers.image.ref.name"
ANNOTATION_CONTAINERD_NAME = "io.containerd.image.name"
# image-spec considerations.md leaves sizes open; registries refuse manifests above 4 MiB.
MAX_DOCUMENT_BYTES = 4 << 20

DigestText = Annotated[str, msgspec.Meta(pattern=r"^sha256:[0-9a-f]{64}$")]
Size = Annotated[int, msgspec.Meta(ge=0, le=1 << 62)]
MediaType = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][^/ ]{0,126}/[^/ ]{1,127}$")]


class PlatformDocument(msgspec.Struct, frozen=True, omit_defaults=True):
    architecture: str
    os: str
    variant: str = ""
    os_version: str = msgspec.field(default="", name="os.version")


class Descriptor(msgspec.Struct, frozen=True, omit_defaults=True):
    """Points at content: what it is, its digest, its size in bytes."""

    media_type: MediaType = msgspec.field(name="mediaType")
    digest: DigestText
    size: Size
    platform: PlatformDocument | None = None
    annotations: dict[str, str] = {}


class Manifest(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """`media_type` may be missing in other tools' manifests: the specification only advises it."""

    schema_version: Annotated[int, msgspec.Meta(ge=2, le=2)] = msgspec.field(name="schemaVersion")
    media_type: str = msgspec.field(default="", name="mediaType")
    config: Descriptor
    layers: tuple[Descriptor, ...]
    annotations: dict[str, str] = {}


class Index(msgspec.Struct, frozen=True, omit_defaults=True):
    schema_version: Annotated[int, msgspec.Meta(ge=2, le=2)] = msgspec.field(name="schemaVersion")
    manifests: tuple[Descriptor, ...]
    media_type: str = msgspec.field(default="", name="mediaType")
    annotations: dict[str, str] = {}


class Nothing(msgspec.Struct, frozen=True):
    """`{}`: the value of a set that JSON has to write as a map."""


class HealthDocument(msgspec.Struct, frozen=True, omit_defaults=True):
    """Docker's health check; times in nanoseconds."""

    test: tuple[str, ...] | None = msgspec.field(default=None, name="Test")
    interval: int = msgspec.field(default=0, name="Interval")
    timeout: int = msgspec.field(default=0, name="Timeout")
    start_period: int = msgspec.field(default=0, name="StartPeriod")
    start_interval: int = msgspec.field(default=0, name="StartInterval")
    retries: int = msgspec.field(default=0, name="Retries")


class RunDocument(msgspec.Struct, frozen=True, omit_defaults=True):
    """The `config` of an image config; after StopSignal come docker's own fields."""

    user: str = msgspec.field(default="", name="User")
    exposed_ports: dict[str, Nothing] | None = msgspec.field(default=None, name="ExposedPorts")
    env: tuple[str, ...] | None = msgspec.field(default=None, name="Env")
    entrypoint: tuple[str, ...] | None = msgspec.field(default=None, name="Entrypoint")
    cmd: tuple[str, ...] | None = msgspec.field(default=None, name="Cmd")
    volumes: dict[str, Nothing] | None = msgspec.field(default=None, name="Volumes")
    working_dir: str = msgspec.field(default="", name="WorkingDir")
    labels: dict[str, str] | None = msgspec.field(default=None, name="Labels")
    stop_signal: str = msgspec.field(default="", name="StopSignal")
    args_escaped: bool = msgspec.field(default=False, name="ArgsEscaped")
    healthcheck: HealthDocument | None = msgspec.field(default=None, name="Healthcheck")
    on_build: tuple[str, ...] | None = msgspec.field(default=None, name="OnBuild")
    shell: tuple[str, ...] | None = msgspec.field(default=None, name="Shell")


class RootFs(msgspec.Struct, frozen=True):
    type: Annotated[str, msgspec.Meta(pattern=r"^layers$")]
    diff_ids: tuple[DigestText, ...]


class History(msgspec.Struct, frozen=True, omit_defaults=True):
    created: str = ""
    created_by: str = ""
    author: str = ""
    comment: str = ""
    empty_layer: bool = False


class Config(msgspec.Struct, frozen=True, omit_defaults=True):
    architecture: str
    os: str
    rootfs: RootFs
    created: str = ""
    author: str = ""
    variant: str = ""
    config: RunDocument | None = None
    history: tuple[History, ...] = ()


class LayoutMarker(msgspec.Struct, frozen=True):
    """The file `oci-layout`."""

    version: str = msgspec.field(name="imageLayoutVersion")


Document = TypeVar("Document", Manifest, Index, Config, LayoutMarker)


def encode(document: msgspec.Struct) -> bytes:
    """Canonical JSON: equal values give equal bytes."""
    return msgspec.json.encode(document, order="deterministic")


def decode(kind: type[Document], data: bytes, what: str) -> Document:
    """Read `data` as `kind`; `what` names it in the error. Errors: InvalidImage."""
    if len(data) > MAX_DOCUMENT_BYTES:
        raise InvalidImage(f"{what} has {len(data)} bytes: no image document is that large")
    try:
        return msgspec.json.decode(data, type=kind, strict=True)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidImage(
            f"{what} is not what the OCI specification asks for: {error}",
            hint="the image is damaged or was made by a tool that does not follow it",
        ) from None
