"""Zone names in, /usr/share/zoneinfo out: the tzdata package's slim files, equal ones as links.

A tree of slim files with hard links is the cheapest form that both time.LoadLocation and TZ read:
51 kB with zstd, where time/tzdata in the program costs 150 (Go's fat format).
"""

import difflib
import os
from collections.abc import Iterator, Sequence

from whit.errors import UnknownZone
from whit.model.names import Digest, digest_of
from whit.model.plan import Provided
from whit.model.tree import Bytes, File, Link, Node

ROOT = "/usr/share/zoneinfo"
MAGIC = b"TZif"
MAX_ZONE_BYTES = 1 << 20


def zones_of(names: Sequence[str]) -> tuple[Provided, ...]:
    """The zones named, or all when none is. Errors: UnknownZone."""
    import tzdata  # noqa: PLC0415

    place = os.path.join(os.path.dirname(tzdata.__file__), "zoneinfo")
    known = dict(_zones(place, ""))
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            raise UnknownZone(
                f"there is no time zone {name!r} in tzdata {tzdata.IANA_VERSION}",
                hint=f"did you mean {close[0]!r}?"
                if close
                else "zones are named by area and city: Europe/Rome, America/New_York, UTC",
            )
    chosen = sorted(set(names) or known)
    count = "1 zone" if len(chosen) == 1 else f"{len(chosen)} zones"
    source = f"tzdata {tzdata.IANA_VERSION}, {count}"
    first: dict[Digest, str] = {}
    found = []
    for name in chosen:
        with open(known[name], "rb") as file:
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
            if name not in ("right", "posix", "__pycache__") and entry.name != "__pycache__":
                yield from _zones(place, f"{name}/")
        elif not entry.name.endswith((".py", ".tab", ".zi", ".list")):
            with open(entry.path, "rb") as file:
                if file.read(4) == MAGIC:
                    yield name, entry.path
