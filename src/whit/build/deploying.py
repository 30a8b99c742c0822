"""An image of the store or a source in, what a manifest has to know of it out.

Where the program writes was observed, or is read from the image: a directory that its user may
write to is there for that, since nothing is in an image without a need.
"""

from collections.abc import Collection, Iterable, Mapping

import msgspec

from whit.bases.entry import PATH, EntryPlan
from whit.build.contracts import Described
from whit.layer.read import Kind, LayerReader
from whit.model.deployment import NOBODY, Deployed
from whit.model.image import Image
from whit.model.plan import Health
from whit.model.probe import Probe
from whit.model.tree import Dir, Tree
from whit.oci.documents import HealthDocument, RunDocument
from whit.store.blobs import Store

_NANOSECONDS = 1_000_000_000
# An engine mounts these whatever the image holds.
_OF_THE_ENGINE = ("/dev", "/proc", "/sys")


class Directory(msgspec.Struct, frozen=True):
    mode: int
    uid: int
    gid: int


def deployed_of(
    described: Described, name: str, run: RunDocument | None, directories: Mapping[str, Directory]
) -> Deployed:
    """Errors: none; what an image says in no known form is left out."""
    run = run or RunDocument()
    entry = EntryPlan.read(run.entrypoint or ())
    observed = described.contract.observed
    written = tuple(sorted({to.rpartition("/")[0] for _, to in (entry.templates if entry else ())}))
    volumes = tuple(run.volumes or ())
    env = dict(text.partition("=")[::2] for text in run.env or ())
    health = _health(run.healthcheck)
    return Deployed(
        name=name,
        reference=described.name,
        contract=described.contract,
        user=run.user,
        ports=tuple(_ports(run.exposed_ports or observed.listens)),
        volumes=volumes,
        scratch=_scratch(
            {*writable(directories, run.user), *written, *observed.written_directories}, volumes
        ),
        written=written,
        by_file=entry.files_of if entry else (),
        health=health,
        probe=_probe(health, env | _defaults(described)),
        command=(*(run.entrypoint or ()), *(run.cmd or ())),
        env=tuple(env.items()),
        working_dir=run.working_dir or "/",
        stop_signal=run.stop_signal,
        capabilities=observed.capabilities,
    )


def directories_of(image: Image, store: Store) -> dict[str, Directory]:
    """Every directory of an image; of a path in several layers the topmost."""
    found: dict[str, Directory] = {}
    for layer in image.layers:
        with store.open_blob(layer.digest, layer.size) as blob:
            for entry in LayerReader(blob):
                if entry.kind is Kind.DIRECTORY:
                    found[entry.path] = Directory(entry.mode, entry.uid, entry.gid)
                elif entry.kind in (Kind.REMOVED, Kind.OPAQUE):
                    below = f"{entry.path.rstrip('/')}/"
                    for path in [path for path in found if f"{path}/".startswith(below)]:
                        del found[path]
    return found


def directories_of_tree(tree: Tree) -> dict[str, Directory]:
    return {
        path: Directory(node.mode, node.uid, node.gid)
        for path, node in tree.nodes
        if isinstance(node, Dir)
    }


def writable(directories: Mapping[str, Directory], user: str) -> list[str]:
    """The topmost directories that a user without privileges may write to."""
    is_root = user.partition(":")[0] in ("", "0", "root")
    uid, _, gid = (NOBODY if is_root else user).partition(":")
    found: list[str] = []
    for path, one in sorted(directories.items()):
        may = (
            one.mode & 0o002
            or (uid == str(one.uid) and one.mode & 0o200)
            or (gid == str(one.gid) and one.mode & 0o020)
        )
        below = any(path.startswith(f"{other}/") for other in found)
        if may and path != "/" and not below and not path.startswith(_OF_THE_ENGINE):
            found.append(path)
    return found


def _scratch(paths: Collection[str], volumes: tuple[str, ...]) -> tuple[str, ...]:
    kept = tuple(f"{volume.rstrip('/')}/" for volume in volumes)
    return tuple(
        sorted(
            path
            for path in paths
            if not f"{path}/".startswith((*kept, *_OF_THE_ENGINE))
            and not any(path.startswith(f"{other}/") for other in paths)
        )
    )


def _ports(texts: Iterable[str]) -> Iterable[tuple[int, str]]:
    for text in texts:
        number, _, protocol = text.partition("/")
        if number.isascii() and number.isdigit() and 0 < int(number) < 65536:
            yield int(number), "udp" if protocol == "udp" else "tcp"


def _health(document: HealthDocument | None) -> Health | None:
    test = document.test if document else None
    if document is None or not test or test[0] != "CMD" or len(test) < 2:
        return None
    return Health(
        command=test[1:],
        interval_seconds=document.interval // _NANOSECONDS or 30,
        timeout_seconds=document.timeout // _NANOSECONDS or 30,
        start_seconds=document.start_period // _NANOSECONDS,
    )


def _probe(health: Health | None, values: dict[str, str]) -> Probe | None:
    """What the entry program would ask, so that a kubelet can ask it by itself."""
    from whit.errors.request import BadProbe

    if health is None or health.command[:1] != (PATH,) or "-p" not in health.command[:-1]:
        return None
    try:
        return Probe.parse(health.command[health.command.index("-p") + 1]).filled(values)
    except BadProbe:
        return None


def _defaults(described: Described) -> dict[str, str]:
    return {v.name: v.default for v in described.contract.env if v.default is not None}
