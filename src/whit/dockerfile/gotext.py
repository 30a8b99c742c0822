"""Values in, the text Go prints for them out: docker's history is full of it. Pure."""

from collections.abc import Iterable

_ESCAPES = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    '"': '\\"',
    "\\": "\\\\",
}


def quoted(text: str) -> str:
    """As Go's %q."""
    return '"' + "".join(map(_character, text)) + '"'


def quoted_list(words: Iterable[str]) -> str:
    """A []string as Go's %q: `["a" "b"]`."""
    return f"[{' '.join(map(quoted, words))}]"


def plain_list(words: Iterable[str]) -> str:
    """A []string as Go's %v: `[a b]`."""
    return f"[{' '.join(words)}]"


def _character(character: str) -> str:
    code = ord(character)
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
