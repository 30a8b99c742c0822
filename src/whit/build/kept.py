"""A request in, what it keeps of an image out: the configuration, and whose its files are."""

import msgspec

from whit.build.request import Request
from whit.model.plan import Entry, Plan, RunConfig
from whit.model.tree import Dir, Node, parents_of
from whit.needs.planner import FILE_CODE
from whit.oci.documents import RunDocument

PROVIDER = "image"


class Keeping(msgspec.Struct, frozen=True):
    """`owners` says (mode, uid, gid) of the paths that are not root's own with the usual mode."""

    document: RunDocument
    owners: dict[str, tuple[int, int, int]] = {}


def kept_of(request: Request) -> Keeping | None:
    """None for a request that makes its own configuration."""
    return msgspec.json.decode(request.keeps, type=Keeping) if request.keeps else None


def kept_document(request: Request) -> RunDocument | None:
    """The image's own configuration, where it is kept."""
    kept = kept_of(request)
    return kept.document if kept is not None else None


def as_kept(plan: Plan, request: Request) -> Plan:
    """The plan with the image's configuration, owners and modes."""
    kept = kept_of(request)
    if kept is None:
        return plan
    entries = {entry.path: _owned(entry, kept) for entry in plan.entries}
    for path in tuple(entries):
        for parent in parents_of(path):
            if parent in kept.owners and parent not in entries:
                directory = Entry(parent, Dir(), FILE_CODE, PROVIDER, "as the image has it")
                entries[parent] = _owned(directory, kept)
    ordered = sorted(entries.values(), key=lambda entry: entry.path.split("/"))
    config = config_of(kept.document, plan.config)
    return msgspec.structs.replace(plan, entries=tuple(ordered), config=config)


def _owned(entry: Entry, kept: Keeping) -> Entry:
    known = kept.owners.get(entry.path)
    if known is None:
        return entry
    mode, uid, gid = known
    more = {} if not hasattr(entry.node, "mode") else {"mode": mode}
    node: Node = msgspec.structs.replace(entry.node, uid=uid, gid=gid, **more)
    return msgspec.structs.replace(entry, node=node)


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
