"""A request in, the configuration that it keeps of an image out."""

import msgspec

from whit.build.request import Request
from whit.model.plan import RunConfig
from whit.oci.documents import RunDocument


def kept_document(request: Request) -> RunDocument | None:
    """None for a request that makes its own configuration."""
    return msgspec.json.decode(request.keeps, type=RunDocument) if request.keeps else None


def config_of(document: RunDocument | None, made: RunConfig) -> RunConfig:
    """The plan's configuration with what the image says of itself."""
    if document is None:
        return made
    return msgspec.structs.replace(
        made,
        entrypoint=document.entrypoint or (),
        cmd=document.cmd or (),
        env=tuple(
            (name, value) for name, _, value in (p.partition("=") for p in document.env or ())
        ),
        user=document.user,
        working_dir=document.working_dir or "/",
        ports=tuple(document.exposed_ports or ()),
        volumes=tuple(document.volumes or ()),
        stop_signal=document.stop_signal,
        labels=tuple((document.labels or {}).items()),
    )
