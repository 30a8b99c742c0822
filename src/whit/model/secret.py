"""Secret and Secrets: values that are handed on and searched for, and never shown.

The rule of these types: whoever prints, logs, compares in a failed test or encodes one sees its
name. They are plain classes, because an encoder that meets a Struct writes down its fields.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NoReturn

# Of a credential file, what it is for and no secret: netrc's machine and the host of a URL.
_HOST = re.compile(r"\bmachine\s+(\S+)|://(?:[^/\s@]*@)?([^/\s:@]+)")
_PASSWORD = re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^/\s@]*@")
# A word of a credential file; shorter ones are its own words: machine, login, password.
_MIN_WORD = 9


class Secret:
    """A named value. `reveal` is the only way to the bytes, so that every use can be found.
    `path` is the file it was read from, "" when there is none.
    """

    __slots__ = ("_value", "name", "path")

    def __init__(self, name: str, value: bytes, path: str = "") -> None:
        self.name, self._value, self.path = name, value, path

    def reveal(self) -> bytes:
        return self._value

    def __repr__(self) -> str:
        return f"Secret({self.name!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return self.name == other.name and self._value == other._value

    def __hash__(self) -> int:
        return hash(self.name)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not written down")


class Secrets:
    """Secrets by name, in the order given; the last of a name counts."""

    __slots__ = ("_by_name",)

    def __init__(self, secrets: Iterable[Secret] = ()) -> None:
        self._by_name = {secret.name: secret for secret in secrets}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._by_name)

    def get(self, name: str) -> Secret | None:
        return self._by_name.get(name)

    def joined(self, other: "Secrets") -> "Secrets":
        return Secrets((*self, *other))

    def hidden(self, text: str) -> str:
        """The text with what it holds of the secrets replaced by their names, and without the
        passwords of URLs: for words of other programs, whose texts may hold anything.
        """
        for secret in self:
            for known in _telling(secret.reveal()):
                text = text.replace(known, f"[{secret.name}]")
        return _PASSWORD.sub(r"\1[hidden]@", text)

    def __iter__(self) -> Iterator[Secret]:
        return iter(self._by_name.values())

    def __len__(self) -> int:
        return len(self._by_name)

    def __repr__(self) -> str:
        return f"Secrets({', '.join(self._by_name)})"


def _telling(value: bytes) -> Iterator[str]:
    """The whole value and, of a file with several words, each long one."""
    text = value.decode("utf-8", "replace").strip()
    if text:
        yield text
    words = re.split(r"[\s\"'=,:@]+", text)
    if len(words) > 1:
        hosts = {name for pair in _HOST.findall(text) for name in "".join(pair).split(":")}
        long = (word for word in words if len(word) >= _MIN_WORD)
        yield from (word for word in long if word.strip("/") not in hosts)
