"""A suite in, the OpenPGP certificates that may sign it out.

The files in keys/ are the public keys of Debian's archive, as the package debian-archive-keyring
has them; ARCHIVE_KEYS pins each by the fingerprint that Debian publishes, so that a file that was
exchanged is worth nothing.
"""

from importlib.resources import files

import msgspec

# codename -> kind -> (file, fingerprint of the primary key)
ARCHIVE_KEYS = {
    "bookworm": {
        "automatic": "B8B80B5B623EAB6AD8775C45B7C5D7D6350947F8",
        "security-automatic": "05AB90340C0C5E797F44A8C8254CF3B5AEC0A8F0",
        "stable": "4D64FEC119C2029067D6E791F8D2585B8783D481",
    },
    "trixie": {
        "automatic": "04B54C3CDCA79751B16BC6B5225629DF75B188BD",
        "security-automatic": "5E04A1E3223A19A20706E20F9904613D4CCE68C6",
        "stable": "41587F7DB8C774BCCF131416762F67A0B2C39DE4",
    },
}


class Key(msgspec.Struct, frozen=True):
    """A certificate, binary or armored; `fingerprint` is pinned, "" for one that the user gave."""

    data: bytes
    fingerprint: str = ""


def archive_keys(codename: str, *, is_security: bool) -> tuple[Key, ...]:
    """Debian's keys for a suite of `codename`."""
    kinds = ("security-automatic",) if is_security else ("automatic", "stable")
    pinned = ARCHIVE_KEYS[codename]
    place = files("whit.bases.debian") / "keys"
    return tuple(
        Key((place / f"{codename}-{kind}.asc").read_bytes(), pinned[kind]) for kind in kinds
    )
