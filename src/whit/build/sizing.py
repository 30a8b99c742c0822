"""A target in, its Weight out: a program, Go source, or an image wherever it lies.

FILE that is ELF               a program
FILE that is a tar             an OCI or docker archive
Dockerfile, app.dockerfile     the image that it builds, with its directory as the context
DIR with oci-layout            a layout
DIR, PATTERN                   Go source, which is compiled first
NAME, oci:DIR, docker-daemon:NAME, registry.example/app:1      an image, as `whit copy` reads it
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from whit.binary.facts import Facts, read_facts
from whit.build.ends import End, Where, parse_end
from whit.build.events import Listener, unheard
from whit.build.house import open_house
from whit.build.programs import Opened, map_file
from whit.build.request import host_platform
from whit.errors import WhitError
from whit.errors.registry import NoSuchPlatform
from whit.layer.origins import origins_in
from whit.layer.waste import waste_in
from whit.layer.weigh import Scale, Weighed
from whit.model.names import Digest, Platform
from whit.model.weight import FILE, LAYER, MODULE, PACKAGE, SYMBOL, LayerWeight, Leaf, Weight
from whit.oci.documents import Config, Manifest, decode
from whit.oci.graph import Content, choose, entries_of
from whit.report.words import count_text, size_text
from whit.store.blobs import Store

if TYPE_CHECKING:
    from whit.binary.sizes import Sizes
    from whit.build.linked import Linked

OpenBlob = Callable[[Digest], BinaryIO]
# Layers that their publisher alone hands out (image-spec, layer.md, non-distributable layers).
_FOREIGN = tuple(
    f"{name}.tar{more}"
    for name in ("foreign.diff", "layer.nondistributable.v1")
    for more in ("", ".gzip", "+gzip", "+zstd")
)
_BINARY_LEVELS = (MODULE, PACKAGE, SYMBOL)
_IMAGE_LEVELS = (LAYER, FILE, MODULE, PACKAGE, SYMBOL)
# As `--effort fast` compresses a large layer: the estimate must not take longer than the analysis.
_LEVEL = 1
_OBFUSCATED = (
    "names are obfuscated: what hides behind them is under (obfuscated), by package where the "
    "names tell packages apart, and no module is known"
)
_PIECE_BYTES = 1 << 20
_WHOLE_BYTES = 24 << 20


def weigh(
    target: str,
    directory: str,
    platform: Platform | None = None,
    listen: Listener = unheard,
    dockerfile: str = "",
    *,
    by_symbol: bool = True,
) -> Weight:
    """With a `dockerfile` TARGET is its context. `listen` hears of its steps. Who asks for no
    symbols gets leaves by section, in half of the time.

    Errors: NotAProgram, BrokenProgram, UnknownImage, those of layers, of Go and of Dockerfiles.
    """
    path = os.path.join(directory, target)
    if dockerfile or is_dockerfile(path):
        from whit.build.dockerfile.sized import image_of_file

        file = dockerfile or target
        context = target if dockerfile else os.path.dirname(target)
        image = image_of_file(file, context or ".", directory, platform, listen)
        built = End(Where.STORE, name=image)
        return _image(built, file, directory, platform, by_symbol=by_symbol)
    end = _end_of(target, path)
    if end is not None:
        return _image(end, target, directory, platform, by_symbol=by_symbol)
    if os.path.isfile(path) and not path.endswith(".go"):
        return weigh_program(os.path.basename(path), map_file(path), by_symbol=by_symbol)
    opened = compile_target(target, directory)
    return weigh_program(opened.binary.name, opened.data, by_symbol=by_symbol)


def is_dockerfile(path: str) -> bool:
    """By its name, as editors and `docker build` know it."""
    name = os.path.basename(path).lower()
    is_named = name.split(".")[0] in ("dockerfile", "containerfile") or name.endswith(".dockerfile")
    return is_named and os.path.isfile(path)


def weigh_program(name: str, data: memoryview, *, by_symbol: bool = True) -> Weight:
    from whit.binary.deadcode import find_dead_code
    from whit.binary.sizes import sizes_of  # not for images without Go programs: it takes numpy
    from whit.binary.tables import read_records

    with ThreadPoolExecutor(1) as threads:
        compressed = threads.submit(_compressed_bytes, data)
        facts = read_facts(data)
        records = read_records(facts.table) if facts.table is not None else None
        sizes = sizes_of(facts, records, by_symbol=by_symbol)
        return Weight(
            name=name,
            kind="program",
            disk=sizes.total,
            compressed=compressed.result(),
            files=1,
            levels=_BINARY_LEVELS,
            leaves=tuple(_leaves(sizes, ())),
            unknown=sizes.unknown,
            dead_code=find_dead_code(facts, records) if facts.go is not None else None,
            go_version=sizes.go_version,
            relocations=sizes.relocations,
            note=_note(facts),
        )


def _note(facts: Facts) -> str:
    if facts.packed is not None:
        whole = f" {size_text(facts.packed)} of program" if facts.packed else ""
        hides = f"it is packed by UPX, which hides{whole or ' what it holds'}"
        return f"{hides}; `upx -d` gives the program that can be read"
    return _OBFUSCATED if facts.is_obfuscated else ""


def _compressed_bytes(data: memoryview) -> int:
    """About: of a large program every fourth piece stands for four."""
    import deflate

    step = _PIECE_BYTES * (4 if len(data) > _WHOLE_BYTES else 1)
    pieces = [data[at : at + _PIECE_BYTES] for at in range(0, len(data), step)]
    compressed = sum(len(deflate.gzip_compress(bytes(piece), _LEVEL)) for piece in pieces)
    return round(compressed * len(data) / max(1, sum(map(len, pieces))))


def _leaves(sizes: "Sizes", above: tuple[str, ...], origin: str = "") -> list[Leaf]:
    modules = sizes.modules
    return [
        Leaf(
            (*above, modules[p.package], p.package or modules[p.package], p.symbol or p.section),
            p.size,
            p.section,
            origin or modules[p.package],
        )
        for p in sizes.parts
    ]


def open_linked(
    target: str, directory: str, *, weighs: bool = False
) -> "tuple[Facts, Linked | None]":
    """A program, or what Go source is compiled to, and then the graph that it was linked from.
    Errors: those of Go and of programs.
    """
    from whit.build.linked import read_linked

    path = os.path.join(directory, target)
    if os.path.isfile(path) and not path.endswith(".go"):
        return read_facts(map_file(path)), None
    opened = compile_target(target, directory)
    facts = read_facts(opened.data)
    return facts, read_linked(opened.binary, facts, weighs=weighs)


def compile_target(target: str, directory: str) -> Opened:
    """What Go source is compiled to; the first of several programs."""
    from pathlib import Path

    from whit.build.call import request_of
    from whit.build.events import unheard
    from whit.build.programs import start_programs

    request = request_of(target, {}, directory=Path(directory))
    return start_programs(request).opened(unheard)[0]


# ---- images -------------------------------------------------------------------------------------


def _end_of(target: str, path: str) -> End | None:
    """Where the image lies; None for a program or source."""
    if os.path.isfile(f"{path}/oci-layout"):
        return End(Where.OCI, place=path)
    if os.path.isfile(path):
        with open(path, "rb") as file:
            start = file.read(512)
        return End(Where.OCI_ARCHIVE, place=path) if start[257:262] == b"ustar" else None
    if os.path.exists(path) or target.startswith((".", "/")) or not target:
        return None
    return parse_end(target)


def _image(
    end: End, name: str, directory: str, platform: Platform | None, *, by_symbol: bool
) -> Weight:
    store = Store.open(open_house().store)
    try:
        content, open_blob = opened_image(end, directory, platform, store)
        manifest = decode(Manifest, content.root.data, name)
        return _weigh_layers(name, content, manifest, open_blob, by_symbol=by_symbol)
    finally:
        store.close()


def opened_image(
    end: End, directory: str, platform: Platform | None, store: Store
) -> tuple[Content, OpenBlob]:
    from whit.build.copy import open_origin
    from whit.build.registries import Registries
    from whit.build.settings import read_settings

    if end.where is Where.STORE:
        return _chosen(store, store.digest_of(end.name), platform), store.open_blob
    if end.where is Where.REGISTRY:
        from pathlib import Path

        settings, home = read_settings({}, os.environ, Path(directory), None)
        registries = Registries(settings.registries, str(home))
        origin = open_origin(end, platform or host_platform(), registries, store, directory)
        origin.bring(origin.content.blobs)
        return origin.content, store.open_blob
    from whit.build.archives import from_place

    try:
        content, open_blob, _ = from_place(end, platform or host_platform(), directory)
    except NoSuchPlatform:
        if platform is not None:
            raise
        # Whichever comes first: a look at an image need not be able to run it.
        index, _, _ = from_place(end, None, directory)
        other = next((entry.platform for entry in entries_of(index.root)), None)
        if other is None:
            raise
        only = Platform(other.os, other.architecture, other.variant)
        content, open_blob, _ = from_place(end, only, directory)
    return content, open_blob


def _chosen(store: Store, digest: Digest, platform: Platform | None) -> Content:
    content = store.content(digest)
    while content.root.is_index:
        try:
            entry = choose(content.root, platform or host_platform())
        except NoSuchPlatform:
            if platform is not None:
                raise
            entry = entries_of(content.root)[0]
        content = store.content(Digest(entry.digest))
    return content


def _weigh_layers(
    name: str, content: Content, manifest: Manifest, open_blob: OpenBlob, *, by_symbol: bool
) -> Weight:
    scale = Scale(partial(_go_sizes, by_symbol=by_symbol))
    missing = 0
    for layer in manifest.layers:
        try:
            stream = open_blob(Digest(layer.digest))
        except WhitError:
            if not layer.media_type.endswith(_FOREIGN):
                raise
            missing += 1
            scale.skip()
            continue
        with stream:
            scale.add(stream)
    weighed = scale.weighed()
    programs = [
        weighed.programs[file.digest]
        for file in weighed.files
        if not file.gone and file.digest in weighed.programs
    ]
    releases = {sizes.go_version for sizes in programs}
    steps = _steps(manifest, open_blob)
    disk, files = [0] * len(manifest.layers), [0] * len(manifest.layers)
    for file in weighed.files:
        disk[file.layer] += file.size
        files[file.layer] += 1
    layers = tuple(
        LayerWeight(
            name=f"layer {number + 1}",
            digest=layer.digest,
            compressed=layer.size,
            disk=disk[number],
            files=files[number],
            made_by=steps[number] if number < len(steps) else "",
        )
        for number, layer in enumerate(manifest.layers)
    )
    return Weight(
        name=name,
        kind="image",
        disk=sum(disk),
        compressed=content.size,
        files=sum(not file.gone for file in weighed.files),
        levels=_IMAGE_LEVELS,
        leaves=tuple(_file_leaves(weighed)),
        layers=layers,
        wasted=waste_in(weighed.files),
        go_version=releases.pop() if len(releases) == 1 else "",
        relocations=sum(sizes.relocations for sizes in programs),
        note=f"{count_text(missing, 'foreign layer')} not here, and not counted" if missing else "",
    )


def _steps(manifest: Manifest, open_blob: OpenBlob) -> list[str]:
    """What made each layer, by the history; nothing where an image has none."""
    with open_blob(Digest(manifest.config.digest)) as stream:
        data = stream.read(manifest.config.size)
    try:
        config = msgspec.json.decode(data, type=Config)
    except msgspec.DecodeError:
        return []
    return [step.created_by or step.comment for step in config.history if not step.empty_layer]


def _file_leaves(weighed: "Weighed[Sizes]") -> list[Leaf]:
    origins = origins_in(weighed.kept)
    found: list[Leaf] = []
    for file in weighed.files:
        above = (f"layer {file.layer + 1}", file.path)
        origin = origins.get(file.path, "")
        sizes = weighed.programs.get(file.digest)
        if sizes is not None:
            found += _leaves(sizes, above, origin)
        else:
            found.append(Leaf(above, file.size, "", origin or "(no package)"))
    return found


def _go_sizes(data: memoryview, *, by_symbol: bool) -> "Sizes | None":
    """None for a program that is not Go's, or cannot be read."""
    try:
        facts = read_facts(data)
    except WhitError:
        return None
    if facts.table is None:
        return None
    from whit.binary.sizes import sizes_of

    return sizes_of(facts, by_symbol=by_symbol)
