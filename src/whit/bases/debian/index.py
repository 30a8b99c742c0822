"""A Packages index in, the candidates that are asked for out. Pure; the bytes may be mapped.

An index of Debian has 60 MB and 65,000 stanzas, of which a base wants six: they are found by
searching for the line that begins them, and nothing else is parsed (python-debian takes nine
seconds for the whole, a search 10 ms).
"""

import mmap
import re
from collections.abc import Iterable

import msgspec

from whit.errors.bases import WrongBytes
from whit.model.names import Digest

MAX_STANZA_BYTES = 256 << 10
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PATH = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+~%_-]*(?:/[A-Za-z0-9][A-Za-z0-9.+:~%_-]*)+")
_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]{1,127}")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+:~-]{0,199}")


class Candidate(msgspec.Struct, frozen=True, omit_defaults=True):
    """A package of one version, as an index states it. Relations are as they are written there."""

    name: str
    version: str
    architecture: str
    path: str
    size: int
    digest: Digest
    suite: str = ""
    depends: str = ""
    provides: str = ""
    conflicts: str = ""

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


class Index:
    """One suite's packages of one architecture."""

    def __init__(self, data: "bytes | mmap.mmap", suite: str) -> None:
        self._data, self._suite = data, suite

    def named(self, name: str) -> tuple[Candidate, ...]:
        """All versions of a package. Errors: WrongBytes for a stanza that cannot be meant."""
        found: list[Candidate] = []
        line = b"Package: " + name.encode() + b"\n"
        at = self._data.find(line)
        while at >= 0:
            if at == 0 or self._data[at - 1 : at] == b"\n":
                found.append(self._candidate(at))
            at = self._data.find(line, at + 1)
        return tuple(found)

    def providing(self, name: str) -> tuple[Candidate, ...]:
        """Packages that say Provides: NAME, in the order of the index."""
        line = re.compile(
            rb"\nProvides:[^\n]*[ ,]" + re.escape(name.encode()) + rb"(?:[ ,(][^\n]*)?\n"
        )
        found = []
        for match in line.finditer(self._data):
            begin = self._data.rfind(b"\n\n", 0, match.start() + 1)
            found.append(self._candidate(begin + 2 if begin >= 0 else 0))
        return tuple(found)

    def _candidate(self, at: int) -> Candidate:
        end = self._data.find(b"\n\n", at)
        if end < 0:
            end = len(self._data)
        if end - at > MAX_STANZA_BYTES:
            raise WrongBytes(f"the index of {self._suite} has a stanza of {end - at} bytes")
        fields = fields_of(bytes(self._data[at:end]))
        return self._checked(fields)

    def _checked(self, fields: dict[str, str]) -> Candidate:
        name, version, path = (fields.get(key, "") for key in ("Package", "Version", "Filename"))
        digest, size = fields.get("SHA256", ""), fields.get("Size", "")
        is_good = (
            _NAME.fullmatch(name) and _VERSION.fullmatch(version) and _PATH.fullmatch(path)
            and _SHA256.fullmatch(digest) and size.isdigit() and len(size) < 12
        )  # fmt: skip
        if not is_good:
            raise WrongBytes(
                f"the index of {self._suite} describes {name or 'a package'} in a way that nobody "
                "can follow",
                hint="ask another mirror",
            )
        return Candidate(
            name=name,
            version=version,
            architecture=fields.get("Architecture", ""),
            path=path,
            size=int(size),
            digest=Digest(f"sha256:{digest}"),
            suite=self._suite,
            depends=_joined(fields, ("Pre-Depends", "Depends")),
            provides=fields.get("Provides", ""),
            conflicts=_joined(fields, ("Conflicts", "Breaks")),
        )


def fields_of(stanza: bytes) -> dict[str, str]:
    """The fields of a stanza (deb822(5)); lines that go on keep their line break."""
    fields: dict[str, str] = {}
    name = ""
    for line in stanza.decode("utf-8", "replace").splitlines():
        if line[:1] in (" ", "\t"):
            if name:
                fields[name] += "\n" + line
        else:
            name, _, value = line.partition(":")
            fields[name] = value.strip()
    return fields


def _joined(fields: dict[str, str], names: Iterable[str]) -> str:
    return ", ".join(filter(None, (fields.get(name, "") for name in names)))
