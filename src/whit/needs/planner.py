"""Needs, providers and the program in, Plan out: which file satisfies which need, and why. Pure.

Every need that must be met and that nobody provides is told at once, in one error.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from whit.errors.needs import PathTaken, UnmetNeeds
from whit.model.files import follow
from whit.model.names import Platform
from whit.model.plan import (
    Dropped,
    Entry,
    Evidence,
    Need,
    Plan,
    Provided,
    RunConfig,
    Standing,
    What,
)
from whit.model.tree import Dir, File, Link, Stored, normal_path, parents_of
from whit.needs.rules import LIBRARIES, RULES, rule_named

# The program's own entry; not a rule, but every path has a code that explains it.
PROGRAM_CODE = "N001"
FILE_CODE = "N110"
HOME = "/home/nonroot"


class Provider(Protocol):
    """Something that has files. Answers None to a What that is not its business."""

    @property
    def name(self) -> str: ...

    def provide(self, what: What) -> tuple[Provided, ...] | None: ...


class Program(msgspec.Struct, frozen=True):
    """The entrypoint: its bytes on the host, and the path it gets in the image."""

    path: str
    content: Stored
    about: str
    package: str = ""


class PlanRequest(msgspec.Struct, frozen=True):
    """What the user and the program say about the image, besides needs."""

    program: Program
    platform: Platform
    user: str = "65532:65532"
    env: tuple[tuple[str, str], ...] = ()
    cmd: tuple[str, ...] = ()
    working_dir: str = "/"
    ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    stop_signal: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    annotations: tuple[tuple[str, str], ...] = ()
    files: tuple[tuple[str, File], ...] = ()


def make_plan(request: PlanRequest, needs: Sequence[Need], providers: Sequence[Provider]) -> Plan:
    """Errors: UnmetNeeds with everything that is missing, PathTaken, and the providers' own."""
    entries = {request.program.path: _program_entry(request.program)}
    for path, file in request.files:
        reason = "given under [files] in whit.toml or by --copy"
        _add(entries, Entry(normal_path(path), file, FILE_CODE, "declared", reason))
    unmet: list[str] = []
    for need in needs:
        if not need.standing.is_provided:
            continue
        for what in need.what:
            _provide(entries, need, what, providers, unmet)
    if request.working_dir != "/" and request.working_dir not in entries:
        reason = "the working directory"
        entry = Entry(normal_path(request.working_dir), Dir(), FILE_CODE, "declared", reason)
        _add(entries, entry)
    _refuse_files_as_parents(entries)
    if unmet:
        raise UnmetNeeds(
            "nothing here provides what the program cannot do without:\n"
            + "\n".join(f"  {line}" for line in unmet),
            hint=_unmet_hint(needs),
        )
    return Plan(
        entries=tuple(sorted(entries.values(), key=lambda e: e.path.split("/"))),
        config=_config(request, needs),
        needs=tuple(_with_known_zones(need, entries) for need in needs),
        dropped=tuple(_dropped(needs)),
        warnings=(
            *_warnings(needs, entries),
            *_unknown_zones(needs, entries),
            *_zone_warnings(request, entries),
        ),
    )


def why(plan: Plan, path: str) -> tuple[Entry, Need | None] | None:
    """The entry at `path`, or else the topmost one below it, and the need it serves."""
    links = {e.path: e.node.target for e in plan.entries if isinstance(e.node, Link)}
    known = {e.path for e in plan.entries}
    reached = follow(path, links.get) if path not in known else None
    wanted = (reached.path if reached else path).rstrip("/") or "/"
    below = wanted.rstrip("/") + "/"
    found = [e for e in plan.entries if e.path == wanted or e.path.startswith(below)]
    if not found:
        return None
    entry = min(found, key=lambda e: len(e.path))
    return entry, next((need for need in plan.needs if need.code == entry.code), None)


def why_not(plan: Plan, word: str) -> tuple[Need, ...]:
    """The needs that would bring `word` (a path, code or name) and that did not stand."""
    codes = {
        rule.code
        for rule in RULES
        if any(
            word.startswith(p) or p.startswith(word.rstrip("/") + "/") for p in places_of(rule.code)
        )
    }
    named = rule_named(word)
    if named is not None:
        codes = {named.code}
    return tuple(need for need in plan.needs if need.code in codes)


def places_of(code: str) -> tuple[str, ...]:
    """Where the files of a need lie in an image."""
    return _PLACES.get(code, ())


_PLACES = {
    "N010": ("/etc/ssl", "/etc/pki"),
    "N020": ("/usr/share/zoneinfo",),
    "N021": ("/etc/localtime",),
    "N030": ("/etc/passwd", "/etc/group"),
    "N031": ("/etc/nsswitch.conf",),
    "N040": ("/etc/services",),
    "N041": ("/etc/protocols",),
    "N042": ("/etc/mime.types",),
    "N050": ("/tmp",),
    "N051": ("/home",),
    "N060": ("/bin", "/usr/bin", "/sbin", "/usr/sbin", "/usr/local/bin"),
    "N070": ("/lib", "/lib64", "/usr/lib", "/etc/ld.so.cache"),
    "N071": ("/lib", "/usr/lib"),
    "N072": ("/lib", "/usr/lib"),
    "N073": ("/usr/lib",),
    "N074": ("/usr/lib/locale",),
    "N075": ("/usr/lib/ssl", "/etc/ssl/openssl.cnf"),
    "N079": ("/usr/share/doc",),
    "N080": ("/dev/log",),
    "N090": ("/etc/resolv.conf", "/etc/hosts"),
}


def _program_entry(program: Program) -> Entry:
    node = File(program.content, mode=0o755)
    about = f"{program.about}; {program.package}" if program.package else program.about
    return Entry(
        program.path, node, PROGRAM_CODE, "program", about,
        is_program=True, package=program.package,
    )  # fmt: skip


def _provide(
    entries: dict[str, Entry],
    need: Need,
    what: What,
    providers: Sequence[Provider],
    unmet: list[str],
) -> None:
    given = " ".join(what.names)
    if what.kind == "file" and given in entries:
        return
    for provider in providers:
        found = provider.provide(what)
        if found is None:
            continue
        why = what.why or reason_of(need)
        for one in found:
            reason = f"{why}; {one.source}" if one.source else why
            entry = Entry(one.path, one.node, need.code, provider.name, reason, package=one.package)
            _add(entries, entry)
        return
    unmet.append(
        f"{need.code}  {what.kind} {given}".rstrip() + f"  ({what.why or reason_of(need)})"
    )


def _unmet_hint(needs: Sequence[Need]) -> str:
    hint = "leave a need out with --without CODE"
    if any(need.code == LIBRARIES[0] and need.what for need in needs):
        return (
            "--sysroot DIR takes libraries from another root; a Go program without C code needs "
            f"none (CGO_ENABLED=0); or {hint}"
        )
    return f"give the files under [files] in whit.toml, or {hint}"


def _refuse_files_as_parents(entries: Mapping[str, Entry]) -> None:
    """A program called `etc` leaves no place for /etc/passwd."""
    for path, entry in entries.items():
        for parent in parents_of(path):
            above = entries.get(parent)
            if above is not None and not isinstance(above.node, Dir):
                raise PathTaken(
                    f"{path} cannot lie under {parent}, which is a file: {above.reason}",
                    hint="give the program another name"
                    if above.is_program
                    else f"leave one out, for example with --without {entry.code}",
                )


def _add(entries: dict[str, Entry], entry: Entry) -> None:
    there = entries.get(entry.path)
    if there is None or there.node == entry.node:
        entries.setdefault(entry.path, entry)
    elif isinstance(there.node, Dir) and isinstance(entry.node, Dir):
        # A directory asked for as such stands over one that is only a parent.
        if there.node == Dir():
            entries[entry.path] = entry
    else:
        raise PathTaken(
            f"two things claim {entry.path}: {there.reason}, and {entry.reason}",
            hint=f"leave one out, for example with --without {entry.code}",
        )


def reason_of(need: Need) -> str:
    """One line that says why, from the evidence."""
    if not need.evidence:
        return need.note
    return "; ".join(_told(evidence) for evidence in need.evidence[:2])


def _told(evidence: Evidence) -> str:
    text = evidence.where
    if evidence.kind == "function":
        text += " is linked"
    if len(evidence.chain) > 1:
        text += f" ({' → '.join(_shortened(evidence.chain))})"
    return text


def _shortened(chain: tuple[str, ...]) -> list[str]:
    """The packages that a chain goes through, each once: main → net/http → crypto/tls."""
    packages: list[str] = []
    for function in chain:
        head, slash, tail = function.partition("[")[0].rpartition("/")
        package = head + slash + tail.partition(".")[0]
        if not packages or packages[-1] != package:
            packages.append(package)
    return packages if len(packages) <= 5 else [*packages[:3], "…", packages[-1]]


def _config(request: PlanRequest, needs: Sequence[Need]) -> RunConfig:
    env = dict(request.env)
    standing = {need.code: need for need in needs}
    home = standing.get("N051")
    if home is not None and home.standing.is_provided and home.what:
        env.setdefault("HOME", HOME)
    return RunConfig(
        platform=request.platform,
        entrypoint=(request.program.path,),
        cmd=request.cmd,
        env=tuple(sorted(env.items())),
        user=request.user,
        working_dir=request.working_dir,
        ports=request.ports,
        volumes=request.volumes,
        stop_signal=request.stop_signal,
        labels=request.labels,
        annotations=request.annotations,
    )


def _dropped(needs: Sequence[Need]) -> list[Dropped]:
    found = []
    for need in needs:
        if need.standing.is_provided and need.what:
            continue
        if need.code == FILE_CODE:
            continue
        found.append(Dropped(need.title, need.code, need.standing, need.note or reason_of(need)))
    return found


def _with_known_zones(need: Need, entries: Mapping[str, Entry]) -> Need:
    """The need without zones that nobody has: they cannot be missed in the image."""
    what = tuple(
        one for one in need.what
        if one.kind != "zones-of-program"
        or all(f"{_PLACES['N020'][0]}/{name}" in entries for name in one.names)
    )  # fmt: skip
    return need if what == need.what else msgspec.structs.replace(need, what=what)


def _unknown_zones(needs: Sequence[Need], entries: Mapping[str, Entry]) -> list[str]:
    """Zones that the program names and that no zone data has: Go's error, not the image's."""
    asked = {
        n for need in needs for w in need.what if w.kind == "zones-of-program" for n in w.names
    }
    unknown = sorted(n for n in asked if f"{_PLACES['N020'][0]}/{n}" not in entries)
    return [
        f"N020 time zone data: the program asks for {name[:64]!r}, and there is no such zone:"
        " time.LoadLocation fails on it anywhere"
        for name in unknown
    ]


def _zone_warnings(request: PlanRequest, entries: Mapping[str, Entry]) -> list[str]:
    """TZ in the image's environment needs the zone's file; without it Go silently takes UTC."""
    zone = dict(request.env).get("TZ", "").removeprefix(":")
    path = zone if zone.startswith("/") else f"{_PLACES['N020'][0]}/{zone}"
    if zone in ("", "UTC") or path in entries:
        return []
    return [f"N021 local time: TZ is {zone}, but {path} is not in the image: add --tz {zone}"]


def _warnings(needs: Sequence[Need], entries: Mapping[str, Entry]) -> list[str]:
    """Needs that stand and that no file of whit's can meet; one that the user gave may."""
    return [
        f"{need.code} {need.title}: {need.note}"
        for need in needs
        if need.standing is Standing.REQUIRED
        and not need.what
        and not any(place in entries for place in places_of(need.code))
    ]
