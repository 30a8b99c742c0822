"""Request in, Results out: the corridor. The only module that knows the order of the rooms.

    Source -> Binary -> Facts -> Needs -> Plan -> Tree -> Layers -> Image -> Verdict -> Receipts

An image gets its name in the store only after its verdict: a broken one is refused, and an
interrupted build leaves no name behind.
"""

from contextlib import suppress
from importlib import import_module
from threading import Thread, Timer
from time import perf_counter
from typing import TYPE_CHECKING

import msgspec

from whit.build.events import Finished, Listener, Warned
from whit.build.house import House
from whit.build.planning import Planned, planned, program_path
from whit.build.programs import Opened, Programs
from whit.build.publish import Release
from whit.build.request import Request
from whit.build.settings import BudgetSettings
from whit.build.tags import names_of
from whit.errors import WhitError
from whit.model.image import Compression, Image
from whit.model.plan import Plan
from whit.model.program import Binary
from whit.model.result import Result
from whit.model.tree import File, Stored, Tree
from whit.model.verdict import Observation, Verdict
from whit.report.words import count_text, size_text
from whit.store.blobs import Store

if TYPE_CHECKING:
    from whit.build.ahead import Ahead
    from whit.build.ground import Ground

# What every build imports once Go is done; better while it works.
LATER = (
    *("deflate", "whit.bases.embedded", "whit.golang.annotations", "whit.build.stripping"),
    *("whit.prove.verdict", "whit.prove.provision", "whit.build.kept", "whit.oci.assemble"),
    *("whit.build.leaks", "whit.report.result"),
)
# When Go has worked for so long the program is a new one, and perhaps large.
WARM_UP_SECONDS = 0.6
# From so many programs on, other processes help to read them.
FEWEST = 4


def plan_only(
    request: Request, programs: Programs, house: House, listen: Listener
) -> tuple[Planned, ...]:
    """The corridor up to the Plan: nothing is written but Go's cache and what is remembered."""
    store = Store.open(house.store)
    try:
        return tuple(
            planned(program, request, house, store, listen, chains=True)
            for program in programs.opened(listen)
        )
    finally:
        store.close()


def build(
    request: Request,
    programs: Programs,
    house: House,
    listen: Listener,
    ahead: "Ahead | None" = None,
) -> tuple[Result, ...]:
    """An image for each program and platform of the request, judged, stored and published: one
    name for each program, which is an index where there are several platforms.
    """
    for module in LATER:
        import_module(module)
    warm_up = Timer(WARM_UP_SECONDS, _warm_up)
    warm_up.start()
    opened = programs.opened(listen)
    warm_up.cancel()
    groups = _groups(opened, request)
    # A program made apart from its user's credentials is not linked once more among them.
    is_measured = request.measures and len(groups) == 1 and not programs.are_apart
    request = msgspec.structs.replace(request, measures=is_measured)
    names = [names_of(request, group[0][0].binary, len(groups)) for group in groups]
    store = Store.open(house.store)
    try:
        plans = _plans(opened, request, house, store, listen)
        # Every image is judged before the first one is published.
        made = [
            tuple(
                _finished([plans[id(one)] for one in image], request, house, store, listen)
                for image in group
            )
            for group in groups
        ]
        grounds = {one.ground.root: one.ground for one in plans.values() if one.ground}
        _refuse_secrets(made, tuple(grounds.values()), programs, request, store, listen)
        return tuple(
            result
            for group, called in zip(made, names, strict=True)
            for result in _published(group, called, request, store, listen, ahead)
        )
    finally:
        store.close()


def _refuse_secrets(
    made: list[tuple[Result, ...]],
    grounds: "tuple[Ground, ...]",
    programs: Programs,
    request: Request,
    store: Store,
    listen: Listener,
) -> None:
    """Errors: SecretLeaked, CredentialFound, SecretNamed."""
    from whit.build.leaks import refuse_files, refuse_leaks, refuse_named
    from whit.model.secret import Secrets

    results = [result for group in made for result in group]
    # What a distribution publishes is no secret: libgnutls holds the keys of its own self-tests.
    published = (e for result in results for e in result.plan.entries if e.package)
    allowed = {e.path: e.package for e in published} | request.settings.secrets.allow
    if grounds:
        from whit.build.ground import paths_of

        # What a base holds is no doing of this build; secrets of this build are refused in it too.
        allowed |= {path: ground.name for ground in grounds for path in paths_of(ground)}
    refuse_named(request.settings, listen)
    # What whit makes by itself keeps no credentials; what comes from a file may.
    copied = [
        entry.path for result in results for entry in result.plan.entries
        if not entry.is_program and entry.provider != "base" and isinstance(entry.node, File)
        and isinstance(entry.node.content, Stored)
    ]  # fmt: skip
    if copied:
        refuse_files(copied, allowed, listen)
    if programs.secrets is not None or request.pushes or request.destinations:
        images = tuple(result.image for result in results)
        refuse_leaks(images, programs.secrets or Secrets(), allowed, store, listen)


def _warm_up() -> None:
    """Import what reads a large program, while there is nothing else to do."""
    import whit.binary.callscan  # noqa: F401


def _groups(opened: tuple[Opened, ...], request: Request) -> list[list[list[Opened]]]:
    """What gets a name, of images by platform, of programs in an image."""
    if request.together:
        platforms: dict[str, list[Opened]] = {}
        for one in opened:
            platforms.setdefault(str(one.binary.platform), []).append(one)
        return [list(platforms.values())]
    programs: dict[str, list[list[Opened]]] = {}
    for one in opened:
        programs.setdefault(one.binary.package or one.binary.name, []).append([one])
    return list(programs.values())


def _plans(
    opened: tuple[Opened, ...], request: Request, house: House, store: Store, listen: Listener
) -> dict[int, Planned]:
    """The plan of every program, by the id of what was opened."""
    if len(opened) < FEWEST:
        return {id(one): _planned(one, request, house, store, listen) for one in opened}
    from whit.build.reading import Readers

    readers = Readers(opened, request, store)
    found: dict[int, Planned] = {}
    try:
        for ours in (True, False):
            for one in opened:
                if readers.is_ours(one) is ours:
                    found[id(one)] = _planned(one, request, house, store, listen)
            readers.wait()
        return found
    finally:
        readers.cancel()


def _planned(
    opened: Opened, request: Request, house: House, store: Store, listen: Listener
) -> Planned:
    ahead = _compress_ahead(opened.binary, request, store)
    try:
        return planned(opened, request, house, store, listen)
    finally:
        ahead.join()


def _compress_ahead(binary: Binary, request: Request, store: Store) -> Thread:
    """Write the program's layer while its needs are found out: the compressor holds no lock of
    Python's, and what it wrote is remembered for when the plan asks for it.
    """
    node = File(Stored(binary.path, binary.size, binary.digest), mode=0o755)
    tree = Tree.of({program_path(binary): node})
    output = request.settings.output
    compression = Compression(output.compression, output.effort)

    def write() -> None:
        # An error comes again, and is told, when the plan asks for the layer.
        with suppress(WhitError, OSError):
            store.write_layer(tree, compression, defers=request.defers)

    thread = Thread(target=write)
    thread.start()
    return thread


def _finished(
    plans: list[Planned], request: Request, house: House, store: Store, listen: Listener
) -> Result:
    """One image of one program or of several."""
    from whit.build.stripping import Measurement
    from whit.prove.verdict import joint_verdict, refuse_broken

    first, whole = plans[0], plans[0].plan
    if len(plans) > 1:
        from whit.build.together import merged, needs_of_all

        plans = list(merged(tuple(plans), request.settings.image.start))
        first, whole = plans[0], needs_of_all(tuple(plans))
    # A second link of all programs for each of many would cost more than the number is worth.
    is_alone = request.measures and len(plans) == 1
    measurement = Measurement(first.binary, first.go_version, store) if is_alone else None
    image = image_of(whole, request, house, store, listen, first.ground)
    verdicts = [_judged(one, image, request, house, store, listen) for one in plans]
    verdict = joint_verdict(
        [(one.binary.name, one_verdict) for one, one_verdict in zip(plans, verdicts, strict=True)]
    )
    refuse_broken(verdict)
    result = Result(
        name=first.binary.name,
        binary=first.binary,
        go_version=first.go_version,
        plan=whole,
        image=image,
        verdict=verdict,
        stripping=measurement.result() if measurement else None,
    )
    if request.settings.budget != BudgetSettings():
        from whit.build.budget import check_budget

        check_budget(result, request.settings.budget, request.home)
    return result


def _published(
    results: tuple[Result, ...],
    names: tuple[str, ...],
    request: Request,
    store: Store,
    listen: Listener,
    ahead: "Ahead | None",
) -> tuple[Result, ...]:
    """The results of one program with its name and where it went."""
    from whit.build.publish import publish
    from whit.oci.graph import content_of, index_of, joined

    images = tuple(result.image for result in results)
    for image in images:
        store.put(image.config)
    if len(images) > 1:
        content = joined(index_of(images, dict(results[0].plan.config.annotations)), images)
    else:
        content = content_of(images[0])
    receipts = publish(Release(content, images), names, request, store, listen, ahead)
    return tuple(
        msgspec.structs.replace(
            result, name=names[0], receipts=receipts, digest=content.root.digest
        )
        for result in results
    )


def image_of(
    plan: Plan,
    request: Request,
    house: House,
    store: Store,
    listen: Listener,
    ground: "Ground | None" = None,
) -> Image:
    """One layer for what programs share and one for each program, so that an edit moves one; those
    of a base lie below.
    """
    from whit.build.kept import kept_document
    from whit.oci.assemble import assemble

    begun = perf_counter()
    output = request.settings.output
    compression = Compression(output.compression, output.effort)
    needed = plan.tree(programs=False)
    if ground is not None:
        from whit.build.ground import PROVIDER, layer_tree

        own = (e for e in plan.entries if not e.is_program and e.provider != PROVIDER)
        needed = layer_tree(tuple(own), ground, store)
    parts = [(needed, "what the program needs")]
    parts += [
        (Tree.of({entry.path: entry.node}), "the program") for entry in plan.entries
        if entry.is_program
    ]  # fmt: skip
    layers = [
        store.write_layer(tree, compression, comment, defers=request.defers)
        for tree, comment in parts if len(tree)
    ]  # fmt: skip
    layers = [*(ground.layers if ground is not None else ()), *layers]
    image = assemble(tuple(layers), plan.config, house.created, kept_document(request))
    detail = f"{size_text(image.file_bytes)} to {size_text(image.size)}"
    if layers:
        detail += f" in {count_text(len(layers), 'layer')}, {layers[-1].compressor}"
    listen(Finished("image", detail, perf_counter() - begun))
    return image


def _judged(
    plan: Planned,
    image: Image,
    request: Request,
    house: House,
    store: Store,
    listen: Listener,
) -> Verdict:
    from whit.layer.content import open_content
    from whit.model.tree import Content
    from whit.prove.verdict import Seen, judge

    def read(content: Content) -> bytes:
        with open_content(content) as stream:
            return stream.read()

    begun = perf_counter()
    smoke = request.settings.output.smoke
    seen: tuple[Observation, ...] = ()
    if smoke is not None:
        seen = _smoked(plan, image, smoke, house, store, listen)
    verdict = judge(plan.plan, plan.facts, read, Seen(seen))
    passed = sum(check.passed for check in verdict.checks)
    detail = f"{passed} of {len(verdict.checks)} checks passed: {verdict.status.value}"
    listen(Finished("prove", detail, perf_counter() - begun))
    return verdict


def _smoked(
    plan: Planned, image: Image, smoke: str, house: House, store: Store, listen: Listener
) -> tuple[Observation, ...]:
    """Run the image as it was written, not as it was planned."""
    import shlex
    from functools import partial
    from pathlib import Path

    from whit.prove.observe import can_run, observe

    config = plan.plan.config
    if not can_run(config.platform):
        message = f"not run: this host runs no {config.platform} programs"
        listen(Warned(message, "the image was checked without running it"))
        return ()
    layers = [partial(store.open_blob, layer.digest, layer.size) for layer in image.layers]
    return (observe(layers, config, tuple(shlex.split(smoke)), Path(house.cache)),)
