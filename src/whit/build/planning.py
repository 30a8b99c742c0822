"""An open program and the request in, its Plan out: facts, needs, providers.

What a program needs is remembered under the digest of its bytes and of everything that was asked:
the second build of an unchanged program reads no machine code.
"""

import os
from collections.abc import Iterator
from time import perf_counter
from typing import TYPE_CHECKING

import msgspec

from whit import __version__
from whit.bases.users import owner_of
from whit.binary.calls import open_code
from whit.binary.facts import Facts, read_facts
from whit.build.events import Finished, Listener, Warned
from whit.build.house import House
from whit.build.loading import Roots, loading_needs, program_path
from whit.build.programs import Opened, sysroot_of
from whit.build.request import Request
from whit.errors.binary import WrongPlatform
from whit.errors.needs import UnmetNeeds
from whit.errors.request import BadSetting
from whit.model.names import Digest
from whit.model.plan import Need, Plan
from whit.model.program import Binary
from whit.model.tree import Content, File, Stored
from whit.needs.declared import Declared
from whit.needs.findings import needs_of, with_chains
from whit.needs.listening import ports_of
from whit.needs.planner import PlanRequest, Program, Provider, make_plan
from whit.report.words import count_text, size_text
from whit.store.blobs import Store
from whit.store.steps import key_of

if TYPE_CHECKING:
    from whit.build.ground import Ground

_MAX_FILES = 10_000

__all__ = ["Planned", "declared_of", "planned", "program_path"]


class Planned(msgspec.Struct, frozen=True):
    """A program, what its bytes state, and what its image would hold."""

    binary: Binary
    facts: Facts
    go_version: str
    plan: Plan
    ground: "Ground | None" = None


class Known(msgspec.Struct, frozen=True):
    """What was found out about a program."""

    needs: tuple[Need, ...]
    ports: tuple[str, ...]


def planned(
    opened: Opened,
    request: Request,
    house: House,
    store: Store,
    listen: Listener,
    *,
    chains: bool = False,
) -> Planned:
    """Read, decide and provide. `chains` also says the way from main to what is linked, which
    takes another look at the machine code. Errors: B, N and P pages.
    """
    begun = perf_counter()
    facts = read_facts(opened.data)
    _refuse_other_platform(opened.binary, facts, request)
    binary = msgspec.structs.replace(opened.binary, platform=facts.platform)
    asked, ground = request, None
    if request.settings.image.base != "auto" and not request.keeps:
        from whit.build.ground import ground_of, on_ground

        ground = ground_of(request, facts.platform, house, store, listen)
        request = on_ground(request, ground) if ground is not None else request
    roots = Roots(sysroot_of(request), "base" if ground is not None else "")
    known, was_cached = known_of(opened, facts, request, roots, store)
    needs = with_chains(known.needs, open_code(opened.data, facts)) if chains else known.needs
    listen(Finished("read", _facts_text(facts), perf_counter() - begun, was_cached))
    begun = perf_counter()
    try:
        plan = make_plan(
            _plan_request(binary, facts, known.ports, request, roots.package_of(binary)),
            needs,
            _providers(request, house, roots, is_on_ground=ground is not None),
        )
    except UnmetNeeds as error:
        if ground is None:
            raise
        from whit.build.ground import refusal

        raise refusal(error, ground) from None
    plan = _with_contract(plan, binary, facts, request, listen)
    if ground is not None:
        from whit.build.ground import standing

        plan = standing(plan, ground, asked.settings.image, store)
    if request.settings.has_entry:
        from whit.build.entry import with_entry

        plan = with_entry(plan, request.settings, request.home)
    if request.keeps:
        from whit.build.kept import as_kept

        plan = as_kept(plan, request)
    tree = plan.tree()
    detail = f"{count_text(tree.file_count, 'file')}, {size_text(tree.file_bytes)}"
    codes = sorted({entry.code for entry in plan.entries if not entry.is_program})
    detail += f": the program and {', '.join(codes)}" if codes else ": nothing but the program"
    listen(Finished("plan", detail, perf_counter() - begun))
    for warning in plan.warnings:
        listen(Warned(warning))
    return Planned(binary, facts, facts.go.version if facts.go else "", plan, ground)


def _refuse_other_platform(binary: Binary, facts: Facts, request: Request) -> None:
    """A finished program is what it is; --platform can only agree."""
    asked = request.platform
    if binary.recipe is None and request.settings.platform:
        own = facts.platform
        if (asked.os, asked.architecture) != (own.os, own.architecture):
            raise WrongPlatform(
                f"{binary.path} is a program for {own}, and --platform says {asked}",
                hint="leave --platform out: a finished program's platform is read from it",
            )


def declared_of(request: Request) -> Declared:
    """What the user said the program needs, paths made absolute."""
    settings, home = request.settings, request.home
    written: tuple[str, ...] = ()
    if settings.entry.templates:
        from whit.build.templates import template_directories

        written = template_directories(settings)
    return Declared(
        add=settings.needs.add,
        drop=settings.needs.drop,
        zones=settings.needs.zones,
        ca_extra=tuple(os.path.join(home, path) for path in settings.needs.ca_extra),
        directories=tuple(dict.fromkeys((*settings.directories, *written))),
    )


def known_of(
    opened: Opened, facts: Facts, request: Request, roots: Roots, store: Store
) -> tuple[Known, bool]:
    """Needs and ports, and whether they were remembered."""
    declared = declared_of(request)
    binary = msgspec.structs.replace(opened.binary, platform=facts.platform)
    loading = loading_needs(binary, facts, request, declared, roots)
    asked = msgspec.json.encode((declared, loading))
    key = key_of("needs", __version__, opened.binary.digest, asked)
    value = store.steps.get(key)
    if value is not None:
        try:
            return msgspec.json.decode(value, type=Known), True
        except msgspec.DecodeError:
            pass
    code = open_code(opened.data, facts)
    known = Known(needs_of(facts, code, declared, loading), ports_of(facts, code))
    store.steps.put(key, msgspec.json.encode(known))
    return known, False


def _providers(
    request: Request, house: House, roots: Roots, *, is_on_ground: bool
) -> tuple[Provider, ...]:
    from whit.bases.embedded import Embedded

    embedded = Embedded(house.now, request.settings.image.user)
    if is_on_ground:
        from whit.bases.kept import Kept

        base, _ = roots.open()
        return (Kept(base, base.name), embedded, *roots.providers())
    if not request.keeps:
        return (embedded, *roots.providers())
    from whit.bases.kept import Kept

    # An image that is made smaller has its own accounts and roots.
    return (Kept(roots.open()[0]), embedded, *roots.providers())


def _plan_request(
    binary: Binary, facts: Facts, ports: tuple[str, ...], request: Request, package: str
) -> PlanRequest:
    image = request.settings.image
    annotations = _annotations(binary, facts)
    return PlanRequest(
        program=Program(
            path=program_path(binary),
            content=Stored(binary.path, binary.size, binary.digest),
            about=_about(binary, facts),
            package=package,
        ),
        platform=facts.platform,
        # Engines need no passwd for numbers; an image that is made smaller keeps its own words.
        user=image.user if request.keeps else owner_of(image.user).as_user(image.user),
        env=tuple(sorted(image.env.items())),
        cmd=image.cmd,
        working_dir=image.working_dir,
        ports=image.ports or ports,
        volumes=image.volumes,
        stop_signal=image.stop_signal,
        labels=tuple(sorted(image.labels.items())),
        annotations=tuple(sorted((annotations | image.annotations).items())),
        files=tuple(
            entry
            for path, place in sorted(request.settings.files.items())
            for entry in _files(path, os.path.join(request.home, place))
        ),
    )


def _with_contract(
    plan: Plan, binary: Binary, facts: Facts, request: Request, listen: Listener
) -> Plan:
    """The label of what the program reads, where one is asked for or variables are declared."""
    settings = request.settings
    is_wanted = settings.image.contract or settings.image.observed or settings.config
    if not (is_wanted or settings.has_entry):
        return plan
    from whit.build.contracts import contract_of_program
    from whit.model.contract import LABEL, encode_label

    contract = contract_of_program(binary, facts, request, listen)
    labels = {LABEL: encode_label(contract)} if not contract.is_empty else {}
    config = plan.config
    labels |= dict(config.labels)
    config = msgspec.structs.replace(config, labels=tuple(sorted(labels.items())))
    return msgspec.structs.replace(plan, config=config)


def _annotations(binary: Binary, facts: Facts) -> dict[str, str]:
    """What build info, git and the licence file say of a program that was compiled here."""
    if facts.go is None or facts.go.main is None:
        return {}
    from whit.golang.annotations import annotations_of
    from whit.golang.gomod import read_gomod
    from whit.golang.licence import licence_of
    from whit.golang.module import directory_of
    from whit.golang.vcs import Vcs, describe

    module = (facts.go.main.path, facts.go.main.version)
    settings = dict(facts.go.settings)
    recipe = binary.recipe
    is_local = recipe is not None and not recipe.source.version
    # git is asked only where the program was stamped: it costs a few processes.
    stamped = "vcs.revision" in settings
    directory = recipe.source.directory if recipe is not None else ""
    vcs = describe(directory) if is_local and stamped else Vcs()
    if is_local:
        root = read_gomod(directory).root
    elif recipe is not None:
        root = directory_of(*module, os.environ)
    licence = licence_of(root) if recipe is not None else ""
    return dict(annotations_of(binary.name, module, settings, vcs, licence))


def _files(path: str, place: str) -> Iterator[tuple[str, File]]:
    """What lies at `place` here for `path` in the image: a file, or those below a directory."""
    if not os.path.isdir(place):
        yield path, _file(place)
        return
    count = 0
    for directory, names, files in os.walk(place):
        names.sort()
        below = os.path.relpath(directory, place)
        inside = path.rstrip("/") if below == "." else f"{path.rstrip('/')}/{below}"
        for name in sorted(files):
            count += 1
            if count > _MAX_FILES:
                raise BadSetting(
                    f"{place} holds more than {_MAX_FILES:,} files",
                    hint="name a directory further down, or make a layer of it with a Dockerfile",
                )
            yield f"{inside}/{name}", _file(_within(os.path.join(directory, name), place))


def _within(path: str, place: str) -> str:
    """Errors: BadSetting for what is no file, and for a link out of `place`."""
    if os.path.islink(path):
        real, root = os.path.realpath(path), os.path.realpath(place)
        if os.path.commonpath((real, root)) != root:
            raise BadSetting(
                f"{path} is a link to {real}, outside of {place}",
                hint="name that file by itself under [files], or take the link away",
            )
    if not os.path.isfile(path):
        raise BadSetting(f"{path} is neither a file nor a directory", hint="take it away")
    return path


def _file(path: str) -> File:
    """A file of the user's; of its mode only counts whether it can be executed."""
    content = _content(path)
    return File(content, 0o755 if os.stat(path).st_mode & 0o111 else 0o644)


def _content(path: str) -> Content:
    """Its bytes, by their digest."""
    import hashlib

    try:
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return Stored(path, file.tell(), Digest(f"sha256:{digest}"))
    except OSError as error:
        raise BadSetting(
            f"{path} cannot be read: {error.strerror}",
            hint="paths under [files] start at the directory of whit.toml",
        ) from error


def _about(binary: Binary, facts: Facts) -> str:
    if facts.go is None:
        return f"the program, {facts.linkage.value}"
    return f"the program: {facts.go.path or binary.name}, {facts.go.version}, {facts.linkage.value}"


def _facts_text(facts: Facts) -> str:
    parts = [facts.linkage.value]
    if facts.go is not None:
        parts.append(facts.go.version)
        parts.append(count_text(facts.functions.count, "function"))
        parts.append(count_text(len(facts.go.modules), "module"))
    elif facts.functions:
        parts.append(f"{count_text(facts.functions.count, 'function')}, names obfuscated")
    else:
        parts.append("packed by UPX" if facts.is_packed else "no Go functions")
    return ", ".join(parts)
