"""A request in, a Comparison out: the program built in each way, on each base.

    image on a base = the base + the program + what the program needs and the base lacks

What is lacking is what a person would have to know and copy by hand; it is whit's own plan that
says so, file by file, and each file is weighed as a layer of its own. Nothing is published: what
is built lies in a scratch directory until the numbers are known.
"""

import tempfile
from concurrent.futures import ThreadPoolExecutor

import msgspec

from whit.build.counting import Counted, count_bases, places_of
from whit.build.events import Listener, unheard
from whit.build.house import House
from whit.build.pipeline import image_of
from whit.build.planning import Planned, planned
from whit.build.programs import start_programs
from whit.build.request import Request
from whit.errors import UsageError, WhitError
from whit.layer.inventory import Shelf
from whit.model.comparison import Base, Built, Comparison, Inventory, Skipped, Variant, resolved
from whit.model.image import Compression, Image, Layer
from whit.model.plan import Entry, Plan
from whit.model.program import Cgo, Strip
from whit.model.tree import Dir, File, Tree
from whit.store.blobs import Store

OWN, EMPTY = "whit", "scratch"
STRIPS = (Strip.NONE, Strip.DWARF, Strip.ALL)
# Records travel with the libraries that whit takes along; nobody copies them by hand.
_RECORDS = "N079"
_LIBRARIES = "N070"
_EXECUTABLE = 0o111


class Made(msgspec.Struct, frozen=True):
    """A variant with its plan, and the image that whit makes of it."""

    variant: Variant
    plan: Plan
    image: Image
    go_version: str


class Bench(msgspec.Struct, frozen=True):
    """Where a comparison works: `store` is the user's, `scratch` goes away with what is in it."""

    request: Request
    house: House
    store: Store
    scratch: Store
    place: str
    listen: Listener


def compare(request: Request, house: House, asked: tuple[str, ...], listen: Listener) -> Comparison:
    """Errors: those of a build; UsageError for more than one program."""
    places = places_of(request, asked)
    store = Store.open(house.store)
    try:
        with tempfile.TemporaryDirectory(prefix="whit-compare-") as place:
            bench = Bench(request, house, store, Store.open(f"{place}/store"), place, listen)
            try:
                with ThreadPoolExecutor(1) as thread:
                    counting = thread.submit(count_bases, places, request, house, store, listen)
                    made, skipped = _made(bench)
                    counted, missing = counting.result()
                return _compared(made, counted, [*skipped, *missing], bench)
            finally:
                bench.scratch.close()
    finally:
        store.close()


# ---- building -----------------------------------------------------------------------------------


def _made(bench: Bench) -> tuple[list[Made], list[Skipped]]:
    """Every way of linking and stripping; the first build says which ways there are."""
    first, linkage = _build(bench, bench.request)
    if first.variant.strip == "":
        return [first], []
    made, skipped = [], []
    is_open = linkage is not Cgo.OFF and bench.request.settings.go.cgo is Cgo.AUTO
    for way in (Cgo.STATIC, Cgo.DYNAMIC) if is_open else (linkage,):
        for strip in STRIPS:
            if way is linkage and strip == first.variant.strip:
                made.append(first)
                continue
            go = msgspec.structs.replace(bench.request.settings.go, cgo=way, strip=strip)
            settings = msgspec.structs.replace(bench.request.settings, go=go)
            try:
                one = msgspec.structs.replace(bench.request, settings=settings)
                made.append(_build(bench, one)[0])
            except WhitError as error:
                if way is linkage:
                    raise
                skipped.append(Skipped(f"{way.value} program", "", error.message))
                break
    return made, skipped


def _build(bench: Bench, request: Request) -> tuple[Made, Cgo]:
    programs = start_programs(request, out=bench.place)
    try:
        opened = programs.opened(bench.listen)
    finally:
        programs.cancel()
    if len(opened) > 1:
        names = ", ".join(one.binary.name for one in opened[:6])
        raise UsageError(
            f"{len(opened)} programs cannot be compared at once: {names}",
            hint="name one: whit compare ./cmd/app",
        )
    recipe = opened[0].binary.recipe
    plan = planned(opened[0], request, bench.house, bench.store, unheard)
    image = image_of(plan.plan, request, bench.house, bench.scratch, unheard)
    variant = Variant(
        linkage=_linkage(plan),
        strip=recipe.strip.value if recipe is not None else "",
        disk=plan.binary.size,
        compressed=image.layers[-1].size,
    )
    return Made(variant, plan.plan, image, plan.go_version), recipe.cgo if recipe else Cgo.OFF


def _linkage(plan: Planned) -> str:
    return "static" if plan.facts.linkage.value.startswith("static") else "dynamic"


# ---- putting together ---------------------------------------------------------------------------


def _compared(
    made: list[Made], counted: list[Counted], skipped: list[Skipped], bench: Bench
) -> Comparison:
    output, first = bench.request.settings.output, made[0]
    compression = Compression(output.compression, output.effort)
    nothing = Counted(EMPTY, "", "", 0, Inventory())
    bases = [_on_base(base, made, compression, bench) for base in (*counted, nothing)]
    return Comparison(
        name=first.plan.config.entrypoint[0].rpartition("/")[2],
        platform=str(bench.request.platform),
        go_version=first.go_version,
        compression=first.image.layers[-1].compressor,
        variants=tuple(one.variant for one in made),
        bases=(*bases, _own(made, bench.scratch)),
        skipped=tuple(skipped),
    )


def _on_base(base: Counted, made: list[Made], compression: Compression, bench: Bench) -> Base:
    known = frozenset(base.inventory.paths)
    names = frozenset(path.rpartition("/")[2] for path in known)
    images = []
    for one in made:
        lacking = [
            entry for entry in one.plan.entries
            if not entry.is_program and not _has(base.inventory, known, names, entry)
        ]  # fmt: skip
        layers = [_program_layer(one)]
        if lacking:
            tree = Tree.of({entry.path: entry.node for entry in lacking})
            layers.append(bench.scratch.write_layer(tree, compression))
        copied = sum(layer.file_bytes for layer in layers[1:])
        images.append(
            Built(
                linkage=one.variant.linkage,
                strip=one.variant.strip,
                disk=base.inventory.disk + one.variant.disk + copied,
                compressed=base.compressed + sum(layer.size for layer in layers),
                files=base.inventory.files + sum(layer.file_count for layer in layers),
                programs=base.inventory.programs + 1 + sum(map(_is_program, lacking)),
                copied=_titles(one.plan, lacking),
                copied_disk=copied,
            )
        )
    return _base(base, tuple(images))


def _base(base: Counted, images: tuple[Built, ...]) -> Base:
    found = base.inventory
    return Base(
        name=base.name,
        place=base.place,
        digest=base.digest,
        disk=found.disk,
        compressed=base.compressed,
        files=found.files,
        programs=found.programs,
        setuid=found.setuid,
        shells=found.shells,
        packages=found.packages,
        images=images,
    )


def _program_layer(made: Made) -> Layer:
    """What the program needs is written first, the program last."""
    return made.image.layers[-1]


def _has(base: Inventory, known: frozenset[str], names: frozenset[str], entry: Entry) -> bool:
    """A library is the same wherever the loader finds it; anything else has its path."""
    if entry.code == _RECORDS:
        return True
    if entry.code == _LIBRARIES and not isinstance(entry.node, Dir):
        return entry.path.rpartition("/")[2] in names
    return resolved(entry.path, base.links) in known


def _is_program(entry: Entry) -> bool:
    is_library = ".so" in entry.path.rpartition("/")[2]
    return isinstance(entry.node, File) and bool(entry.node.mode & _EXECUTABLE) and not is_library


def _titles(plan: Plan, lacking: list[Entry]) -> tuple[str, ...]:
    titles = {need.code: need.title for need in plan.needs}
    return tuple(dict.fromkeys(titles.get(entry.code, entry.path) for entry in lacking))


def _own(made: list[Made], scratch: Store) -> Base:
    """The image of whit's own, read as every other is."""
    images, own = [], Inventory()
    for one in made:
        shelf = Shelf()
        for layer in one.image.layers:
            with scratch.open_blob(layer.digest, layer.size) as stream:
                shelf.add(stream)
        own = shelf.inventory()
        images.append(
            Built(
                linkage=one.variant.linkage,
                strip=one.variant.strip,
                disk=one.image.file_bytes,
                compressed=one.image.size,
                files=own.files,
                programs=own.programs,
                copied=_titles(one.plan, [e for e in one.plan.entries if not e.is_program]),
                copied_disk=one.image.file_bytes - one.variant.disk,
            )
        )
    rest = Inventory(setuid=own.setuid, shells=own.shells, packages=own.packages)
    return _base(Counted(OWN, "", "", 0, rest), tuple(images))
