"""The signed text of a Release in, the Release as a value out. Pure."""

import re
from email.utils import mktime_tz, parsedate_tz

import msgspec

from whit.errors.bases import OldRelease, UntrustedRelease
from whit.model.names import Digest

_LINE = re.compile(r" ([0-9a-f]{64})\s+(\d{1,12})\s+(\S{1,200})")


class Listed(msgspec.Struct, frozen=True):
    """A file that a Release names."""

    digest: Digest
    size: int


class Release(msgspec.Struct, frozen=True):
    """Times are seconds since 1970, 0 for a time that is not said. `files` are by their paths
    below dists/SUITE/.
    """

    codename: str
    date: int
    valid_until: int
    has_hashed_paths: bool
    files: dict[str, Listed]


def read_release(text: bytes, suite: str, wanted: str) -> Release:
    """`wanted` is the beginning of the paths that are of interest, as "main/binary-amd64/".

    Errors: UntrustedRelease for a text that is none, or is another suite's.
    """
    fields: dict[str, str] = {}
    files: dict[str, Listed] = {}
    section = ""
    for line in text.decode("utf-8", "replace").splitlines():
        if line.startswith(" "):
            match = _LINE.fullmatch(line) if section == "SHA256" else None
            if match and match[3].startswith(wanted):
                files[match[3]] = Listed(Digest(f"sha256:{match[1]}"), int(match[2]))
            continue
        section, _, value = line.partition(":")
        fields.setdefault(section, value.strip())
    if fields.get("Codename") != suite:
        said = fields.get("Codename", "nothing")
        raise UntrustedRelease(
            f"the Release of {suite} says that it is {said}",
            hint="the mirror is set up wrongly, or somebody exchanged one suite for another",
        )
    return Release(
        codename=suite,
        date=_seconds(fields.get("Date", ""), suite, is_needed=True),
        valid_until=_seconds(fields.get("Valid-Until", ""), suite, is_needed=False),
        has_hashed_paths=fields.get("Acquire-By-Hash") == "yes",
        files=files,
    )


def refuse_old(release: Release, now: int, newest_date: int) -> None:
    """`newest_date` is that of the newest Release of this suite that was ever seen.

    Errors: OldRelease.
    """
    hint = "ask another mirror; --allow-old takes it all the same"
    if release.date < newest_date:
        raise OldRelease(
            f"the Release of {release.codename} is of {day(release.date)}, and one of "
            f"{day(newest_date)} was seen before",
            hint=hint,
        )
    if release.valid_until and release.valid_until < now:
        raise OldRelease(
            f"the Release of {release.codename} was valid until {day(release.valid_until)}",
            hint=hint,
        )
    if release.date > now + 86_400:
        raise OldRelease(
            f"the Release of {release.codename} is of {day(release.date)}, which is yet to come",
            hint="is this machine's clock right?",
        )


def day(seconds: int) -> str:
    """`2026-07-11T10:16:37Z`."""
    from datetime import UTC, datetime  # noqa: PLC0415

    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _seconds(text: str, suite: str, *, is_needed: bool) -> int:
    parsed = parsedate_tz(text) if text else None
    if parsed is not None:
        return int(mktime_tz(parsed))
    if text or is_needed:
        raise UntrustedRelease(f"the Release of {suite} has no date that can be read: {text!r}")
    return 0
