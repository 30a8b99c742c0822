"""What is known of a program in, the levers that are safe for it out: ways to build it smaller.

A lever is a change of settings, so that what was tried is what whit.toml will say. Never among
them: -B (no bounds checks) and -wb=false (no write barriers), which break programs.
"""

import re

import msgspec

from whit.golang.knowntags import KnownTag
from whit.golang.versions import Release, parse_release
from whit.model.image import Effort, Format
from whit.model.program import Cgo, Strip
from whit.model.trial import Lever, Standing, Trial

FREE, TRADE, MEASURED = Standing.FREE, Standing.TRADE, Standing.MEASURED
NO_INLINING = "all=-l"
TIMETZDATA = "timetzdata"
PIE = "-buildmode=pie"
# Function and address alignment, where `go tool link` knows the flag.
_ALIGNMENTS = (16, 1)
_PROCESSORS = (("v2", "processors before 2009"), ("v3", "processors before 2013, some after"))
_STRIPS = {
    Strip.ALL: ("strip-all", "names in debuggers"),
    Strip.DWARF: ("strip-dwarf", "variables in debuggers"),
    Strip.NONE: ("strip-none", ""),
}
_OPTION = re.compile(r"^  -(\w+)", re.MULTILINE)


class Known(msgspec.Struct, frozen=True):
    """What the levers depend on: the settings that are in force, what the program is like, and
    what its tools offer. `goflags` is the GOFLAGS of [go.env].
    """

    architecture: str
    platform: str
    variant: str
    strip: Strip
    cgo: Cgo
    gcflags: tuple[str, ...]
    ldflags: tuple[str, ...]
    tags: tuple[str, ...]
    goflags: str
    experiment: str
    format: Format
    effort: Effort
    trims: bool
    go: str
    has_zones: bool
    linker_options: frozenset[str]
    known_tags: tuple[KnownTag, ...]
    releases: tuple[str, ...]


def linker_options(text: str) -> frozenset[str]:
    """What `go tool link -help` prints, as names of options."""
    return frozenset(_OPTION.findall(text))


def levers_of(known: Known) -> tuple[Lever, ...]:
    """In the order of the table. None that the settings already have."""
    return (*_stripping(known), *_compiling(known), *_tags(known), *_machines(known),
            *_releases(known), *_compressing(known))  # fmt: skip


def _stripping(known: Known) -> list[Lever]:
    found = [
        Lever(name, (("go.strip", strip.value),), FREE, price, "strip")
        for strip, (name, price) in _STRIPS.items()
        if strip is not known.strip
    ]
    if known.trims:
        price = "the same bytes elsewhere: paths of this machine"
        found.append(Lever("no-trimpath", (("go.trimpath", False),), MEASURED, price))
    return found


def _compiling(known: Known) -> list[Lever]:
    found = []
    if NO_INLINING not in known.gcflags:
        price = "speed: small functions are called"
        found.append(Lever("no-inlining", (("go.gcflags", (NO_INLINING,)),), TRADE, price))
    if "funcalign" in known.linker_options and not _mentions(known.ldflags, "funcalign"):
        found += [
            Lever(
                f"funcalign-{size}", (("go.ldflags", (f"-funcalign={size}",)),), TRADE,
                "speed, perhaps: functions begin anywhere", "alignment",
            )
            for size in _ALIGNMENTS
        ]  # fmt: skip
    release = parse_release(known.go)
    if release is not None and release >= Release(1, 27) and not known.experiment:
        price = "encoding/json as Go 1.27 has it"
        found.append(Lever("json-v1", (("go.env.GOEXPERIMENT", "nojsonv2"),), TRADE, price))
    offers_pages = known.architecture == "arm64" and "R" in known.linker_options
    if offers_pages and not _mentions(known.ldflags, "R"):
        price = "kernels with larger pages"
        found.append(Lever("pages-4k", (("go.ldflags", ("-R=4096",)),), TRADE, price))
    if PIE not in known.goflags:
        goflags = f"{known.goflags} {PIE}".strip()
        price = "(it gains an address that cannot be guessed)"
        found.append(Lever("pie", (("go.env.GOFLAGS", goflags),), MEASURED, price))
    return found


def _mentions(ldflags: tuple[str, ...], option: str) -> bool:
    return any(re.search(rf"(^|\s)-{option}[=\s]", flags) for flags in ldflags)


def _tags(known: Known) -> list[Lever]:
    found = [
        Lever(f"tag-{one.tag}", (("go.tags", (one.tag,)),), TRADE, one.price)
        for one in known.known_tags
        if one.tag not in known.tags
    ]
    if known.cgo is Cgo.DYNAMIC:
        found += [
            Lever(f"tag-{tag}", (("go.tags", (tag,)),), TRADE, price)
            for tag, price in (
                ("netgo", "names that only libc resolves (nsswitch)"),
                ("osusergo", "users that only libc knows (LDAP)"),
            )
            if tag not in known.tags
        ]
    if known.has_zones and TIMETZDATA not in known.tags:
        price = "zone data newer than Go's release"
        change = (("go.tags", (TIMETZDATA,)),)
        found.append(Lever("zones-inside", change, TRADE, price))
    return found


def _machines(known: Known) -> list[Lever]:
    if known.architecture != "amd64" or known.variant:
        return []
    return [
        Lever(f"goamd64-{variant}", (("platform", f"{known.platform}/{variant}"),), TRADE,
              price, "processor")
        for variant, price in _PROCESSORS
    ]  # fmt: skip


def _releases(known: Known) -> list[Lever]:
    have = parse_release(known.go)
    found = []
    for release in sorted(set(filter(None, map(parse_release, known.releases)))):
        is_newer = have is not None and release > have
        standing, price = (FREE, "") if is_newer else (MEASURED, "what was mended since")
        if release != have:
            changes = (("go.version", str(release)),)
            found.append(Lever(f"go-{release}", changes, standing, price, "go"))
    return found


def _compressing(known: Known) -> list[Lever]:
    found = []
    for form in (Format.GZIP, Format.ZSTD):
        for effort in Effort:
            if (form, effort) != (known.format, known.effort):
                changes = (("output.compression", form.value), ("output.effort", effort.value))
                is_same = form is known.format or form is Format.GZIP
                price = "" if is_same else "engines that know only gzip"
                name = f"{form.value}-{effort.value}"
                standing = FREE if is_same else TRADE
                found.append(Lever(name, changes, standing, price, "compression"))
    return found


def combined(
    unchanged: Trial, trials: tuple[Trial, ...], taken: frozenset[str], *, all_trades: bool
) -> tuple[Lever, ...]:
    """The levers that save bytes and did what the unchanged program does: those that give up
    nothing, those that were `taken` by name, and `all_trades`; of a group the one that saves most.
    """
    best: dict[str, Trial] = {}
    for trial in trials:
        lever = trial.lever
        is_meant = lever.standing is FREE or (
            lever.standing is TRADE and (all_trades or lever.name in taken)
        )
        if not is_meant or not trial.check.passed or saved(unchanged, trial) <= 0:
            continue
        key = lever.group or lever.name
        if key not in best or saved(unchanged, trial) > saved(unchanged, best[key]):
            best[key] = trial
    return tuple(trial.lever for trial in best.values())


def saved(unchanged: Trial, trial: Trial) -> int:
    """Bytes of the image on disk and in a registry, both together."""
    return unchanged.disk - trial.disk + unchanged.compressed - trial.compressed
