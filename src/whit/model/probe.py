"""Probe: what the entry program can ask, or wait for.

```text
tcp://HOST:PORT             a connection is taken
http://HOST[:PORT]/PATH     the answer is 2xx or 3xx
grpc://HOST:PORT[/SERVICE]  grpc.health.v1 says SERVING
file:/PATH                  it exists
exec:PROGRAM ARGUMENTS      it ends with 0
```
"""

import re
import shlex
from typing import Self

import msgspec

from whit.errors.request import BadProbe

_NAME = r"\$\{[A-Za-z0-9_]+(?::-[^}]*)?\}"
_URL = re.compile(
    rf"(?P<kind>tcp|http|grpc)://(?P<host>\[[0-9a-fA-F:]+\]|(?:[A-Za-z0-9._-]|{_NAME})+)"
    rf"(?::(?P<port>[0-9]{{1,5}}|{_NAME}))?(?P<path>/[!-~]*)?"
)
_FORMS = (
    "write tcp://HOST:PORT, http://HOST:PORT/PATH, grpc://HOST:PORT/SERVICE, file:/PATH or "
    "exec:PROGRAM"
)
_VARIABLE = re.compile(r"\$\{([A-Za-z0-9_]+)(?::-([^}]*))?\}")


class Probe(msgspec.Struct, frozen=True):
    """`text` is all of it as it was written; `port` is None where only the run knows it."""

    text: str
    kind: str
    host: str = ""
    port: int | None = None
    path: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Errors: BadProbe."""
        kind, _, rest = text.partition(":")
        if kind == "file" and rest.startswith("/") and "\0" not in text:
            return cls(text, kind, path=rest)
        if kind == "exec" and _words(rest):
            return cls(text, kind, path=rest)
        if kind == "https":
            raise BadProbe(
                f"{text}: the entry program speaks no TLS",
                hint="ask a port without TLS, tcp:// whether it is open, or exec: the program",
            )
        match = _URL.fullmatch(text)
        if match is None:
            raise BadProbe(f"{text!r} is nothing that can be asked", hint=_FORMS)
        said = match["port"] or ("80" if kind == "http" else "")
        port = int(said) if said.isdigit() else None
        if not said or (port is not None and not 0 < port < 65536):
            raise BadProbe(f"{text!r} names no port", hint=_FORMS)
        return cls(text, kind, match["host"], port, (match["path"] or "").removeprefix("/"))

    @property
    def words(self) -> tuple[str, ...]:
        """The command of an exec probe."""
        return _words(self.path)

    def filled(self, values: dict[str, str]) -> "Probe":
        """With ${NAME} replaced, where it can be: as the entry program will."""
        return Probe.parse(_VARIABLE.sub(lambda m: values.get(m[1]) or m[2] or m[0], self.text))


def names_in(text: str) -> dict[str, bool]:
    """Variables of a template -> whether one of its uses has nothing to stand in for it."""
    found: dict[str, bool] = {}
    for match in re.finditer(r"(?<!\$)" + _VARIABLE.pattern, text):
        found[match[1]] = found.get(match[1], False) or match[2] is None
    return found


def _words(text: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(text))
    except ValueError:
        return ()
