"""The words of `--base` in, what a program stands on out: an image in the store, unpacked.

    auto, scratch               nothing
    static, cc-debian12:debug   made of Debian's packages
    IMAGE, oci:DIR, …           any image, by the digest that whit.lock has

Its layers stay below the program's. What it has is not added again, and what it lacks is not
taken from this host: a program that could not run on it is refused.
"""

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from whit.bases.debian.sets import parse_order
from whit.build.bases import Base, Bases, Elsewhere, Locked
from whit.build.ends import Where, parse_end
from whit.build.events import Listener, Warned
from whit.build.house import House
from whit.build.lock import Lock, read_lock, write_lock
from whit.build.registries import Registries
from whit.build.request import Request, lock_path
from whit.build.settings import ImageSettings
from whit.errors.bases import CannotStandOn
from whit.errors.dockerfile import NoSuchBase
from whit.errors.request import Drifted
from whit.model.image import MEDIA_LAYER, Image, Layer
from whit.model.names import Platform
from whit.model.plan import Entry, Plan, RunConfig
from whit.model.tree import Dir, File, Link, Node, Tree, parents_of
from whit.needs.planner import FILE_CODE
from whit.oci.documents import RunDocument
from whit.store.blobs import Store
from whit.store.snapshots import Snapshots

NOTHING = ("auto", "scratch")
PROVIDER = "base"
# Labels that say what an image is, and not how it is to be treated.
_IDENTITY = ("org.opencontainers.image.", "org.label-schema.", "io.buildah.", "dev.whit.")
_BASE_NAME, _BASE_DIGEST = (f"org.opencontainers.image.base.{key}" for key in ("name", "digest"))


class Ground(msgspec.Struct, frozen=True):
    """`root` is where its files lie on this host; `run` is its own configuration."""

    name: str
    digest: str
    root: str
    layers: tuple[Layer, ...]
    run: RunDocument


def ground_of(
    request: Request, platform: Platform, house: House, store: Store, listen: Listener
) -> Ground | None:
    """None for a program that stands on nothing. Errors: CannotStandOn, and those of bases."""
    text = request.settings.image.base
    if text in NOTHING:
        return None
    bases = bases_of(request, house, store, listen)
    order = parse_order(text, request.settings.base.distro, platform)
    if order is not None:
        image = bases.made(text, platform)
    else:
        image = _found(text, platform, bases, request.offline)
        if parse_end(text).where is not Where.STORE:
            _note(request, text, image, listen)
    own = image.platform
    if (own.os, own.architecture) != (platform.os, platform.architecture):
        raise CannotStandOn(
            f"{text} is an image for {own}, and the program is one for {platform}",
            hint="name a base that exists for the program's platform",
        )
    return _ground(text, image.manifest_digest, bases.unpacked(image))


def bases_of(
    request: Request,
    house: House,
    store: Store,
    listen: Listener,
    contexts: Mapping[str, str] | None = None,
    snapshots: Snapshots | None = None,
) -> Bases:
    """Where base images are looked up and made. `contexts` are a Dockerfile's named ones; files
    are unpacked into `snapshots`, or those of every build.

    Errors: BadLock.
    """
    from whit.build.base.call import made_for

    path = lock_path(request)
    lock = read_lock(path) or Lock()
    return Bases(
        store,
        snapshots or Snapshots(f"{house.cache}/snapshots"),
        Elsewhere(
            lambda: Registries(
                request.settings.registries, request.home, offline=request.offline, listen=listen
            ),
            made_for(request, house, store, listen),
        ),
        contexts or {},
        request.directory,
        offline=request.offline,
        locked=Locked(lock.base, is_frozen=request.is_frozen, path=str(path)),
    )


def _found(text: str, platform: Platform, bases: Bases, offline: bool) -> Image:
    end = parse_end(text)
    if end.where in (Where.REGISTRY, Where.STORE):
        try:
            return bases.image(end.name, platform)
        except NoSuchBase as error:
            once = "build once without --offline, which keeps it in the store" if offline else ""
            elsewhere = "take it from elsewhere: --base oci:DIR or --base docker-daemon:NAME"
            error.hint = ", or ".join(filter(None, (once, elsewhere)))
            raise
    return bases.brought(end, platform)


def _note(request: Request, text: str, image: Image, listen: Listener) -> None:
    """Write its digest into whit.lock, where there is another or none. Of a registry the locked
    one was taken; a layout, an archive or an engine has what it has.
    """
    path, platform = lock_path(request), str(image.platform)
    lock = read_lock(path) or Lock()
    known = lock.base.get(text, {})
    before, now = known.get(platform) or known.get("", ""), str(image.manifest_digest)
    if before == now or "@sha256:" in text:
        return
    if request.is_frozen:
        raise Drifted(
            f"--frozen: {text} for {platform} is {now}, and {path} says {before or 'nothing'}",
            hint="build once without --frozen; commit whit.lock with the source",
        )
    if before:
        listen(Warned(f"{text} is another image than before: {before[:19]} -> {now[:19]}"))
    write_lock(
        path, msgspec.structs.replace(lock, base={**lock.base, text: {**known, platform: now}})
    )


def _ground(text: str, digest: str, base: Base) -> Ground:
    if base.files is None:
        raise CannotStandOn(f"{text} has no layers", hint="that is --base scratch")
    run = base.config.config if base.config is not None else None
    layers = tuple(
        msgspec.structs.replace(
            layer, media_type=_media_type(layer.media_type), comment=f"base {text}"
        )
        for layer in base.layers
    )
    return Ground(text, digest, base.files, layers, run or RunDocument())


def _media_type(text: str) -> str:
    """Docker's own names mean the same bytes."""
    return f"{MEDIA_LAYER}+gzip" if text.endswith("docker.image.rootfs.diff.tar.gzip") else text


# ---- what stands on it --------------------------------------------------------------------------


def on_ground(request: Request, ground: Ground) -> Request:
    """Libraries come from the base, and what is made to be written to belongs to its user."""
    settings = request.settings
    image = settings.image
    if _has_own_user(ground) and image.user == ImageSettings().user:
        owner = ground.run.user if re.fullmatch(r"\d+(:\d+)?", ground.run.user) else image.user
        image = msgspec.structs.replace(image, user=owner)
    else:
        image = msgspec.structs.replace(image, user=_in_numbers(image.user, ground))
    own = dict(pair.partition("=")[::2] for pair in ground.run.env or ())
    image = msgspec.structs.replace(image, env={**own, **image.env})
    needs = msgspec.structs.replace(settings.needs, sysroot=ground.root)
    return msgspec.structs.replace(
        request, settings=msgspec.structs.replace(settings, image=image, needs=needs)
    )


def _in_numbers(user: str, ground: Ground) -> str:
    """A name of the base as its numbers; any other word as it is."""
    from whit.bases.root import Root
    from whit.errors.sandbox import UnknownUser
    from whit.sandbox.accounts import account_of

    root = Root(ground.root, PROVIDER)
    found = (root.find(path) for path in ("/etc/passwd", "/etc/group"))
    passwd, group = (bytes(root.read(one)) if one else b"" for one in found)
    try:
        account = account_of(user, passwd, group)
    except UnknownUser:
        return user
    return user if user.partition(":")[0].isdigit() else f"{account.uid}:{account.gid}"


def _has_own_user(ground: Ground) -> bool:
    return ground.run.user.partition(":")[0] not in ("", "0", "root")


def standing(plan: Plan, ground: Ground, asked: ImageSettings, store: Store) -> Plan:
    """The plan with what the base has marked as its own, and its configuration under it."""
    from whit.bases.root import Root

    root = Root(ground.root, PROVIDER)
    config = _config(plan.config, ground, asked)
    entries = tuple(
        _marked(entry, ground) if _has(root, entry) else entry
        for entry in plan.entries
        if entry.provider != PROVIDER or _has(root, entry)
    )
    known = {entry.path: entry for entry in (*_named_by(config, ground, root, store), *entries)}
    ordered = sorted(known.values(), key=lambda entry: entry.path.split("/"))
    return msgspec.structs.replace(plan, entries=tuple(ordered), config=config)


def _named_by(config: RunConfig, ground: Ground, root: Any, store: Store) -> Iterator[Entry]:
    """What the configuration names and the base has: the working directory, accounts."""
    place = config.working_dir
    if place != "/":
        known = _directories(ground, {place, *parents_of(place)}, store)
        for path, node in known.items():
            yield Entry(path, node, FILE_CODE, PROVIDER, f"the working directory; in {ground.name}")
    if not re.fullmatch(r"\d+(:\d+)?", config.user):
        for path in ("/etc/passwd", "/etc/group"):
            found = root.find(path)
            if found is not None:
                reason = f"{config.user} is a user of {ground.name}"
                yield Entry(path, root.file(found), FILE_CODE, PROVIDER, reason)


def _marked(entry: Entry, ground: Ground) -> Entry:
    reason = entry.reason.removesuffix("; from base") + f"; in {ground.name}"
    return msgspec.structs.replace(entry, provider=PROVIDER, reason=reason)


def _has(root: Any, entry: Entry) -> bool:
    """Whether the base has this very thing at this very path."""
    if entry.is_program:
        return False
    node = entry.node
    if isinstance(node, Link) and not node.is_hard:
        return bool(root.link(entry.path) == node.target)
    if isinstance(node, Dir):
        return bool(root.is_directory(entry.path, node.mode))
    found = root.find(entry.path)
    if found is None or found.path != entry.path or not isinstance(node, File):
        return False
    mine = root.file(found).content
    return bool(mine.size == node.content.size and mine.digest == _digest(node))


def _digest(node: File) -> str:
    from whit.model.names import digest_of

    data = getattr(node.content, "data", None)
    return digest_of(data) if data is not None else str(getattr(node.content, "digest", ""))


def _config(config: RunConfig, ground: Ground, asked: ImageSettings) -> RunConfig:
    """User, directory and labels of the base, where the build says nothing else; what it listens
    on, keeps and starts is a matter of the program that it was made for.
    """
    labels = {
        name: value
        for name, value in (ground.run.labels or {}).items()
        if not name.startswith(_IDENTITY)
    }
    annotations = {_BASE_NAME: ground.name, _BASE_DIGEST: ground.digest}
    is_default = asked.user == ImageSettings().user and _has_own_user(ground)
    return msgspec.structs.replace(
        config,
        user=ground.run.user if is_default else config.user,
        working_dir=config.working_dir
        if asked.working_dir != "/"
        else ground.run.working_dir or "/",
        labels=tuple(sorted({**labels, **dict(config.labels)}.items())),
        annotations=tuple(sorted({**annotations, **dict(config.annotations)}.items())),
    )


def paths_of(ground: Ground) -> Iterator[str]:
    """Every file's path in the base."""
    for place, _, names in os.walk(ground.root):
        inside = place[len(ground.root) :]
        yield from (f"{inside}/{name}" for name in names)


# ---- the layers on top --------------------------------------------------------------------------


def layer_tree(entries: tuple[Entry, ...], ground: Ground, store: Store) -> Tree:
    """What is added, with the directories on the way as the base has them: an upper layer's
    directory would hide the owner and the mode of a lower one's.
    """
    nodes: dict[str, Node] = {entry.path: entry.node for entry in entries}
    parents = {parent for path in nodes for parent in parents_of(path)} - set(nodes)
    known = _directories(ground, parents, store) if parents else {}
    for path in nodes:
        for parent in parents_of(path):
            if isinstance(known.get(parent), Link):
                raise CannotStandOn(
                    f"{path} goes through {parent}, which is a link in {ground.name}",
                    hint="name the file by its real path",
                )
    return Tree.of({**{path: node for path, node in known.items() if path in parents}, **nodes})


def _directories(ground: Ground, wanted: set[str], store: Store) -> dict[str, Node]:
    """What the base's layers say of these paths: on a host without root, owners stand there
    only.
    """
    from whit.layer.read import Kind, LayerReader

    found: dict[str, Node] = {}
    for layer in ground.layers:
        with store.open_blob(layer.digest, layer.size) as stream:
            for entry in LayerReader(stream):
                if entry.path in wanted:
                    if entry.kind is Kind.DIRECTORY:
                        found[entry.path] = Dir(entry.mode, entry.uid, entry.gid)
                    elif entry.kind is Kind.SYMLINK:
                        found[entry.path] = Link(entry.target)
                    elif entry.kind is Kind.REMOVED:
                        found.pop(entry.path, None)
    return found


def refusal(error: Exception, ground: Ground) -> CannotStandOn:
    """What the planner says is missing, as a word about the base."""
    said = str(error).partition(":\n")
    return CannotStandOn(
        f"the program cannot run on {ground.name}, which lacks:\n{said[2] or said[0]}",
        hint="a larger base may have it (static, base-nossl, base, cc), or a newer one; "
        "--base auto takes along what is needed",
    )
