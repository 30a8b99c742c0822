"""Zone names in, /usr/share/zoneinfo out: the tzdata package's slim files, equal ones as links.

A tree of slim files with hard links is the cheapest form that both time.LoadLocation and TZ read:
51 kB with zstd, where time/tzdata in the program costs 150 (Go's fat format).
"""

import difflib
import os
import re
from collections.abc import Iterator, Mapping, Sequence

from whit.errors.needs import UnknownZone
from whit.model.names import Digest, digest_of
from whit.model.plan import Provided
from whit.model.tree import Bytes, File, Link, Node

ROOT = "/usr/share/zoneinfo"
MAGIC = b"TZif"
MAX_ZONE_BYTES = 1 << 20
NAME = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*")
LEAP_SECONDS = ("right", "posix")
MAX_NAME = 64


def zones_of(names: Sequence[str]) -> tuple[Provided, ...]:
    """The zones named, or all when none is. Errors: UnknownZone."""
    version, place = _package()
    known = _files_of(names, place) or dict(_zones(place, ""))
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name[:MAX_NAME], known, n=1, cutoff=0.5)
            raise UnknownZone(
                f"there is no time zone {name[:MAX_NAME]!r} in tzdata {version}",
                hint=f"did you mean {close[0]!r}?"
                if close
                else "zones are named by area and city: Europe/Rome, America/New_York, UTC",
            )
    chosen = sorted(set(names) or known)
    count = "1 zone" if len(chosen) == 1 else f"{len(chosen)} zones"
    return _tree_of({name: known[name] for name in chosen}, f"tzdata {version}, {count}")


def zones_asked_by_program(names: Sequence[str]) -> tuple[Provided, ...]:
    """The zones that a program names, without those that nobody knows: asking for them fails
    anywhere, and no other zone would mend that.
    """
    _, place = _package()
    known = [name for name in names if _files_of((name,), place)]
    return zones_of(known) if known or not names else ()


def _package() -> tuple[str, str]:
    """Release of the zone data, and the directory where it lies."""
    import tzdata  # noqa: PLC0415

    return tzdata.IANA_VERSION, os.path.join(os.path.dirname(tzdata.__file__), "zoneinfo")


def _files_of(names: Sequence[str], place: str) -> dict[str, str]:
    """Name -> file of these zones, without a look at the 600 others; empty if one is unknown."""
    found = {}
    for name in names:
        path = os.path.join(place, name)
        named = len(name) <= MAX_NAME and NAME.fullmatch(name)
        if not named or name.partition("/")[0] in LEAP_SECONDS or not _is_zone(path):
            return {}
        found[name] = path
    return found


def _is_zone(path: str) -> bool:
    if not os.path.isfile(path):
        return False
    with open(path, "rb") as file:
        return file.read(4) == MAGIC


def _tree_of(files: Mapping[str, str], source: str) -> tuple[Provided, ...]:
    """The files, of which equal ones are hard links to the first."""
    first: dict[Digest, str] = {}
    found = []
    for name, place in files.items():
        with open(place, "rb") as file:
            data = file.read(MAX_ZONE_BYTES)
        path = f"{ROOT}/{name}"
        same = first.setdefault(digest_of(data), path)
        node: Node = File(Bytes(data)) if same == path else Link(same, is_hard=True)
        found.append(Provided(path, node, source))
    return tuple(found)


def _zones(place: str, prefix: str) -> Iterator[tuple[str, str]]:
    """Name and file of every zone; the package also holds tables and Python files."""
    for entry in os.scandir(os.path.join(place, prefix)):
        name = f"{prefix}{entry.name}"
        if entry.is_dir():
            if name not in LEAP_SECONDS and entry.name != "__pycache__":
                yield from _zones(place, f"{name}/")
        elif not entry.name.endswith((".py", ".tab", ".zi", ".list")) and _is_zone(entry.path):
            yield name, entry.path
