"""What was asked of a Dockerfile in, what was Built out: parse, plan, build, name, publish."""

import os
import re
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import msgspec

from whit.build.bases import Bases, suggesting_stages
from whit.build.dockerfile.asked import Asked
from whit.build.dockerfile.bench import ContextDigests, Memory, Room
from whit.build.dockerfile.image import image_of, layer_of
from whit.build.dockerfile.origins import Reading
from whit.build.dockerfile.running import refuse
from whit.build.dockerfile.secrecy import refuse_credentials, refuse_kept, refuse_variables
from whit.build.dockerfile.stages import Options, Sources, Stages, open_context
from whit.build.dockerfile.transfer import Fetched
from whit.build.events import Finished, Listener, Warned
from whit.build.ground import bases_of
from whit.build.house import House
from whit.build.publish import Release, publish
from whit.build.request import Request, host_platform
from whit.dockerfile.graph import BuildGraph, FromContext, FromImage, Stage
from whit.dockerfile.ignore import patterns, read_ignore
from whit.dockerfile.instructions import Run, Transfer
from whit.dockerfile.parser import Dockerfile, parse
from whit.dockerfile.places import word_of
from whit.dockerfile.stages import PlanOptions, plan_stages
from whit.errors import UsageError, WhitError
from whit.errors.dockerfile import CheckFailed
from whit.layer.unpack import may_give_away
from whit.model.image import Compression, Image
from whit.model.names import Platform
from whit.model.result import Receipt, found_by
from whit.oci.documents import Config, decode
from whit.oci.graph import content_of, index_of, joined
from whit.report.words import count_text, size_text
from whit.sandbox.stopper import Stopper
from whit.store.blobs import Store
from whit.store.snapshots import Snapshots

if TYPE_CHECKING:
    from whit.build.dockerfile.answering import Answering
    from whit.build.registries import Registries
    from whit.sandbox.engine import Runtime
    from whit.sandbox.spec import HostFacts

_GREATEST_BYTES = 4 << 20


class Built(msgspec.Struct, frozen=True):
    """An image of a Dockerfile, one for each platform, under one name."""

    name: str
    digest: str
    images: tuple[Image, ...]
    receipts: tuple[Receipt, ...]

    @property
    def reference(self) -> str:
        return found_by(self.receipts)

    def document(self) -> dict[str, object]:
        """For --json and --metadata."""
        return {
            "reference": self.reference,
            "name": self.name,
            "containerimage.digest": self.digest,
            "images": [
                {
                    "platform": str(image.platform),
                    "digest": image.manifest_digest,
                    "config": image.config_digest,
                    "size_bytes": image.size,
                    "layers": [layer.digest for layer in image.layers],
                }
                for image in self.images
            ],
        }


def build_dockerfile(request: Request, asked: Asked, house: House, listen: Listener) -> Built:
    """Build, store and publish. Errors: those of the language, the steps and the destinations."""
    from whit.build.dockerfile.answering import Answering

    _check_places(asked)
    answering = Answering(request, asked, house, listen)
    listen = answering.hear
    store = Store.open(house.store)
    try:
        images = tuple(
            _image(request, asked, platform, house, store, answering)
            for platform in request.platforms
        )
        if len(asked.secrets):
            from whit.build.leaks import refuse_in_cache, refuse_leaks

            allowed = request.settings.secrets.allow
            refuse_leaks(images, asked.secrets, allowed, store, listen)
            if asked.cache_to:
                refuse_in_cache([kept.layer for kept in answering.kept], asked.secrets, store)
        content = content_of(images[0])
        if len(images) > 1:
            content = joined(index_of(images, {}), images)
        for image in images:
            store.put(image.config)
        names = request.names or (_own_name(asked.context),)
        receipts = publish(Release(content, images), names, request, store, listen)
        built = Built(names[0], content.root.digest, images, receipts)
        answering.keep(built.reference, content)
        _export(asked, answering, store, request)
        return built
    finally:
        store.close()


def _check_places(asked: Asked) -> None:
    """Before anything is built, not after. Errors: UsageError, BadName."""
    if asked.cache_from or asked.cache_to:
        from whit.build.dockerfile.exchange import parse_place

        for place in asked.cache_from:
            parse_place(place, "--cache-from")
        for place in asked.cache_to:
            parse_place(place, "--cache-to")


def _own_name(directory: str) -> str:
    name = os.path.basename(os.path.abspath(directory)).lower()
    return re.sub(r"[^a-z0-9._-]+", "-", name).strip("-._") or "app"


class _Read(msgspec.Struct, frozen=True):
    """A Dockerfile that was read, and the patterns of the context's .dockerignore."""

    dockerfile: Dockerfile
    patterns: tuple[str, ...]


def _read(asked: Asked) -> _Read:
    data = _bytes_of(asked.file)
    dockerfile = parse(data, os.path.relpath(asked.file))
    if any(one.name == "check" and "error=true" in one.value for one in dockerfile.directives):
        _refuse_findings(dockerfile, asked)
    return _Read(dockerfile, _ignored(asked.context, asked.file))


def _refuse_findings(dockerfile: Dockerfile, asked: Asked) -> None:
    """`# check=error=true`: docker's rules end the build. Errors: CheckFailed."""
    from whit.dockerfile.lint import lint
    from whit.dockerfile.lintsteps import Surroundings
    from whit.dockerfile.patterns import compile_patterns
    from whit.report.lint import lint_lines

    platform = host_platform()
    options = PlanOptions(platform, platform, asked.target, asked.arguments)
    ignored = compile_patterns(_ignored(asked.context, asked.file))
    linted = lint(dockerfile, options, Surroundings(ignored))
    found = tuple(finding for finding in linted.findings if finding.rule.is_dockers)
    if linted.is_strict and found:
        shown = msgspec.structs.replace(linted, findings=found)
        raise CheckFailed(
            f"{dockerfile.file} asks for `check=error=true`, and the lint has findings",
            hint="`whit lint --fix` mends what is safe",
            output="\n".join(lint_lines(dockerfile, shown)),
        )


def _ignored(context: str, dockerfile: str = "") -> tuple[str, ...]:
    """`Dockerfile.dockerignore` goes over the context's own."""
    for path in filter(
        None, (dockerfile and f"{dockerfile}.dockerignore", f"{context}/.dockerignore")
    ):
        if os.path.lexists(path):
            return read_ignore(_bytes_of(path))
    return ()


def _bytes_of(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(_GREATEST_BYTES + 1)
    except OSError as error:
        raise UsageError(
            f"cannot read {os.path.relpath(path)}: {error.strerror}",
            hint="it has to be a text file that you may read",
        ) from error


def _image(
    request: Request,
    asked: Asked,
    platform: Platform,
    house: House,
    store: Store,
    answering: "Answering",
) -> Image:
    listen, watch = answering.hear, answering.watch
    snapshots = Snapshots(f"{house.cache}/{_snapshots_name(asked, listen)}")
    bases = bases_of(request, house, store, listen, dict(asked.contexts), snapshots)
    read = _read(asked)
    graph = _graph(read.dockerfile, asked, platform, bases)
    _warn(graph, listen)
    allowed = request.settings.secrets.allow
    _refuse(graph, read.dockerfile)
    refuse_variables(graph, allowed, read.dockerfile.place)
    room = _room(asked, house, store, snapshots, listen)
    if asked.cache_from:
        room = _with_steps(room, asked, request)
    digests = ContextDigests(store, os.path.abspath(asked.context))
    context = open_context(os.path.abspath(asked.context), read.patterns, patterns, watch)
    sources = Sources(
        bases=bases,
        context=Reading(context, "the build context", digests.digests),
        digests=digests,
        open_directory=lambda place: open_context(place, _ignored(place), patterns, watch),
        patterns=patterns,
        fetch=lambda add, urls: answering.depends_on_others(_fetched(add, urls, room, request)),
        place=read.dockerfile.place,
    )
    others = room.imported.parts if room.imported is not None else None
    memory = Memory(store, f"{os.path.abspath(asked.file)} {asked.target} {platform}", others)
    options = Options(has_go_cache=asked.has_go_cache)
    try:
        stages = Stages(room, graph, sources, memory, options)
        ended = stages.target()
        answering.used(*stages.layers())
    finally:
        memory.keep()
        digests.keep()
    begun = perf_counter()
    output = request.settings.output
    compression = Compression(output.compression, output.effort)
    image = image_of(room, ended, compression)
    own = len(image.layers) - len(ended.layers)
    detail = f"{size_text(image.size)} in {count_text(len(image.layers), 'layer')}"
    detail += f", {own} of them new" if ended.layers else ""
    listen(Finished("image", detail, perf_counter() - begun))
    leaves = not len(asked.secrets) and bool(request.pushes or request.destinations)
    refuse_credentials(room, ended, image, allowed, leaves=leaves)
    if asked.cache_to:
        from whit.build.dockerfile.exchange import kept_steps

        refuse_kept(room, stages.steps(), allowed)
        answering.kept += kept_steps(room, stages.steps(), compression, layer_of)
        answering.parts |= memory.digests()
    return image


def _snapshots_name(asked: Asked, listen: Listener) -> str:
    """Files without owners are kept apart. Errors: UsageError."""
    if may_give_away():
        return "snapshots"
    hint = "give it some: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER"
    if asked.cache_to:
        raise UsageError(
            "--cache-to needs subordinate ids: without them files have lost their owners", hint=hint
        )
    listen(Warned("this user has no subordinate ids, so all files of bases count as root's", hint))
    return "snapshots-of-one"


def _warn(graph: BuildGraph, listen: Listener) -> None:
    if graph.unknown_arguments:
        names = ", ".join(graph.unknown_arguments)
        listen(Warned(f"no ARG declares {names}", "the build does not see it"))


def _refuse(graph: BuildGraph, dockerfile: Dockerfile) -> None:
    """Before anything is built. Errors: RefusedInstruction, at its line."""
    for step in (step for stage in graph.stages for step in stage.steps):
        run = step.instruction
        if not isinstance(run, Run):
            continue
        try:
            refuse(run)
        except WhitError as error:
            error.place = dockerfile.place(run.span, word_of(error.message))
            raise


def _with_steps(room: Room, asked: Asked, request: Request) -> Room:
    """--cache-from: the room, and what other machines did."""
    from whit.build.dockerfile.exchange import import_steps

    hear = room.listen
    imported = import_steps(
        asked.cache_from, room.store, lambda: _registries(request, hear), request.directory, hear
    )
    return msgspec.structs.replace(room, imported=imported)


def _export(asked: Asked, answering: "Answering", store: Store, request: Request) -> None:
    """--cache-to: the steps of all platforms, to each place."""
    if not asked.cache_to:
        return
    from whit.build.dockerfile.exchange import Steps, export_steps

    steps, hear = Steps(answering.kept, answering.parts), answering.hear
    for place in asked.cache_to:
        export_steps(
            place, steps, store, lambda: _registries(request, hear), request.directory, hear
        )


def _registries(request: Request, listen: Listener) -> "Registries":
    from whit.build.registries import Registries

    return Registries(request.settings.registries, request.home, listen=listen)


def _fetched(
    instruction: Transfer, urls: tuple[str, ...], room: Room, request: Request
) -> tuple[Fetched, ...]:
    from whit.build.dockerfile.fetch import fetch_urls
    from whit.build.dockerfile.git import Cloning

    cloning = Cloning(room.snapshots, room.secrets, room.agents, request.offline)
    return fetch_urls(instruction, urls, room.cache, cloning)


def _room(asked: Asked, house: House, store: Store, snapshots: Snapshots, listen: Listener) -> Room:
    def runtime() -> "tuple[Runtime, HostFacts]":
        from whit.sandbox.nested import step_host, step_runtime

        host = step_host()
        return step_runtime(Path(house.cache), host), host

    return Room(
        store=store,
        snapshots=snapshots,
        cache=house.cache,
        find_runtime=runtime,
        stopper=Stopper(),
        secrets=asked.secrets,
        agents=dict(asked.agents),
        listen=listen,
        epoch=epoch_of(dict(asked.arguments).get("SOURCE_DATE_EPOCH", ""), house.created),
        rewrites_times=asked.rewrites_times,
        is_fresh=asked.is_fresh,
        memory_bytes=asked.memory_bytes,
        pids=asked.pids,
    )


def _graph(dockerfile: Dockerfile, asked: Asked, platform: Platform, bases: Bases) -> BuildGraph:
    """The plan. Where a base has ONBUILD triggers it is made again with them."""
    options = PlanOptions(
        platform=platform,
        build_platform=host_platform(),
        target=asked.target,
        arguments=asked.arguments,
        contexts=tuple(name for name, _ in asked.contexts),
    )
    graph = plan_stages(dockerfile, options)
    triggers: dict[int, tuple[str, ...]] = {}
    for stage in graph.stages:
        base = stage.base
        try:
            image = _base_image(graph, stage, bases)
        except WhitError as error:
            written = base.written if isinstance(base, FromImage) else ""
            error.place = error.place or dockerfile.place(stage.span, written)
            raise
        if image is None:
            continue
        config = decode(Config, image.config, f"config {image.config_digest}").config
        if config is not None and config.on_build:
            triggers[stage.index] = config.on_build
    return plan_stages(dockerfile, options, triggers) if triggers else graph


def _base_image(graph: BuildGraph, stage: Stage, bases: Bases) -> Image | None:
    """None for a stage that begins with a directory, another stage or nothing."""
    base = stage.base
    if isinstance(base, FromContext) and bases.directory_of(base.name, graph.platform) is None:
        return bases.image(base.name, stage.platform)
    if isinstance(base, FromImage):
        with suggesting_stages(graph, base):
            return bases.image(base.reference, base.platform)
    return None


def epoch_of(said: str, otherwise: int) -> int:
    """SOURCE_DATE_EPOCH as a build argument goes over the environment's."""
    if not said:
        return otherwise
    if not said.isdigit() or len(said) > 12:
        raise UsageError(
            f"--build-arg SOURCE_DATE_EPOCH={said} is no time",
            hint="it is a whole number of seconds since 1970-01-01 UTC",
        )
    return int(said)
