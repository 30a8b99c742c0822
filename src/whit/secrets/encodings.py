r"""A secret's value in, the byte strings it may hide behind out.

The rule of the room: a pattern is what the value alone decides. Where an encoding mixes the value
with its neighbours (base64 that begins one or two bytes earlier), the mixed characters are left
out; where lines may be broken inside, two pieces of its beginning are looked for and the whole is
checked around them.

    value     s  3  c  r  3  t  …
    base64    a value that begins 0, 1 or 2 bytes into a group of three: three different texts
    wrapped   …czNjcjN \n 0LXZhb…   found by one piece, confirmed without what breaks lines
              |--8---|--8---|        lines of 16 and more break at most one of the two
"""

import base64
import html
import json
import re
from collections import Counter
from collections.abc import Iterator
from math import log2

import msgspec

# Shorter values turn up by chance: four random bytes are in every image, eight in none.
MIN_BYTES = 8
# Up to this size a value is searched for as a whole, above it by its telling pieces.
WHOLE_BYTES = 64
_PIECE_BYTES = 32
_MAX_PIECES = 48
# A text in lines of at least this many characters has one break at most in its first so many: one
# of their halves is always whole, wherever lines begin and however long the text is.
_LINE_BYTES = 16
_PIECE = re.compile(rb"[^\s\"'`,;:=<>(){}\[\]]{16,4096}")
_PEM = re.compile(rb"-----BEGIN [^-]+-----([A-Za-z0-9+/=\s]+)-----END")
# RFC 3986
_UNRESERVED = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
_NAMED = re.compile(
    rb"\bpassword\s+(\S+)"
    rb"|://[^/\s:@]*:([^/\s@]+)@"
    rb"|\"(?:password|secret|token|identitytoken|registrytoken|client_secret)\"\s*:\s*\"([^\"]+)\""
    rb"|\"auth\"\s*:\s*\"(?P<auth>[^\"]+)\""
)
BREAKS = re.compile(rb"\s|\\[nrt]|[\"',]")


class Pattern(msgspec.Struct, frozen=True):
    """Bytes to search for. `whole` is set for a piece of a text that lines may break: what must
    stand there once line breaks are taken out; `before` counts its bytes that come before this one.
    """

    data: bytes
    secret: str
    encoding: str
    whole: bytes = b""
    before: int = 0


def patterns_of(name: str, value: bytes) -> tuple[Pattern, ...]:
    """Every pattern of a secret, each byte string once; a piece once for each text it may begin."""
    found: dict[tuple[bytes, bytes], Pattern] = {}
    for piece, part in _pieces(value):
        for encoding, data in encodings_of(piece):
            said = f"{encoding}{part}"
            if len(data) >= MIN_BYTES:
                found.setdefault((data, b""), Pattern(data, name, said))
            if encoding.startswith(("base64", "hex")) and len(data) >= MIN_BYTES:
                begin = data[:_LINE_BYTES]
                middle = len(begin) // 2
                wrapped = f"{said}, in wrapped lines"
                for half, before in ((begin[:middle], 0), (begin[middle:], middle)):
                    found.setdefault((half, data), Pattern(half, name, wrapped, data, before))
    return tuple(found.values())


def why_unprovable(value: bytes) -> str:
    """Why finding none of this value proves nothing; "" when it proves something."""
    value = value.strip()
    if len(value) < MIN_BYTES:
        return f"it is shorter than {MIN_BYTES} bytes and turns up by chance"
    if len(set(value)) < 4:
        return "it has fewer than four different characters"
    if len(value) <= 40 and _is_guessable(value):
        return "it is made of dictionary words, which stand in programs anyway"
    return ""


def _is_guessable(value: bytes) -> bool:
    try:
        text = value.decode("ascii")
    except UnicodeDecodeError:
        return False
    from zxcvbn import zxcvbn  # noqa: PLC0415 - 30 ms, and only where there are secrets

    # A million guesses: words, dates, keyboard rows and one digit behind them.
    return int(zxcvbn(text)["guesses"]) < 1_000_000


def encodings_of(value: bytes) -> Iterator[tuple[str, bytes]]:
    """(name, bytes); several may be equal, the plainest first."""
    yield "raw", value
    yield from _base64(value)
    for outer, inner in _base64(value):
        if len(inner) >= MIN_BYTES:
            for _, data in _base64(inner):
                yield f"base64 of {outer}", data
    for text in (
        value.hex(),
        value.hex(":"),
        value.hex(" "),
        "".join(f"\\x{byte:02x}" for byte in value),
    ):
        yield "hex", text.encode()
        yield "hex (upper case)", text.replace("x", "X").upper().replace("\\X", "\\x").encode()
    yield from _escapes(value)
    yield "reversed", value[::-1]
    text = value.decode("utf-8", "ignore") or value.decode("latin-1")
    yield "UTF-16 LE", text.encode("utf-16-le")
    yield "UTF-16 BE", text.encode("utf-16-be")


def _base64(value: bytes) -> Iterator[tuple[str, bytes]]:
    for shift in range(3):
        text = base64.b64encode(bytes(shift) + value)
        # Six bits a character: those that hold bits of neighbours go.
        text = text[(shift * 8 + 5) // 6 : (shift + len(value)) * 8 // 6]
        suffix = f", {shift} into a group" if shift else ""
        yield f"base64{suffix}", text
        yield f"base64 (URL form){suffix}", text.translate(bytes.maketrans(b"+/", b"-_"))


def _escapes(value: bytes) -> Iterator[tuple[str, bytes]]:
    for safe in (b"", b"/", b"!*'()", b"/:@!$&'()*+,;="):
        text = "".join(chr(b) if b in _UNRESERVED + safe else f"%{b:02X}" for b in value)
        for form in (text, text.replace("%20", "+")):
            yield "percent", form.encode()
            yield "percent", re.sub(r"%..", lambda m: m[0].lower(), form).encode()
    yield "percent", "".join(f"%{byte:02X}" for byte in value).encode()
    yield "percent", "".join(f"%{byte:02x}" for byte in value).encode()
    text = value.decode("utf-8", "surrogateescape")
    for form in (json.dumps(text), json.dumps(text, ensure_ascii=False)):
        inner = form[1:-1]
        # Go escapes what HTML would read; PHP and others the slash.
        go = re.sub(r"[<>&]", lambda m: f"\\u{ord(m[0]):04x}", inner)
        for variant in (inner, go, inner.replace("/", "\\/")):
            yield "JSON", variant.encode("utf-8", "surrogateescape")
    for quote in (True, False):
        escaped = html.escape(text, quote=quote)
        go = escaped.replace("&quot;", "&#34;").replace("&#x27;", "&#39;")
        for variant in (escaped, go, go.replace("+", "&#43;")):
            yield "HTML", variant.encode("utf-8", "surrogateescape")
    yield "shell", value.replace(b"'", b"'\\''")
    yield "shell", value.replace(b"'", b"'\"'\"'")
    yield "shell", re.sub(rb'(["$`\\])', rb"\\\1", value)
    yield "shell", re.sub(rb"([^A-Za-z0-9_@%+=:,./-])", rb"\\\1", value)


def _pieces(value: bytes) -> Iterator[tuple[bytes, str]]:
    """What is looked for: the value, or of a long one the pieces that only it can have."""
    value = value.strip()
    for password in _passwords(value):
        if len(password) >= MIN_BYTES and len(password) <= WHOLE_BYTES:
            yield password, " (the password in it)"
    if len(value) <= WHOLE_BYTES:
        if value:
            yield value, ""
        return
    body = _PEM.search(value)
    chosen: list[bytes] = []
    if body is not None:
        try:
            chosen += _spread(base64.b64decode(body[1], validate=False))
        except ValueError:
            chosen = []
        chosen += _spread(b"".join(body[1].split()))
    else:
        tokens = [token for token in _PIECE.findall(value) if _is_telling(token)]
        # From the whole length: what leaks may be any part of it.
        for token in tokens[:: len(tokens) // _MAX_PIECES + 1]:
            chosen += _spread(token) if len(token) > WHOLE_BYTES else [token]
        chosen = chosen or _spread(value)
    for piece in chosen[:_MAX_PIECES]:
        yield piece, f" (a part of {len(piece)} bytes)"


def _passwords(value: bytes) -> Iterator[bytes]:
    """What a credential file names as its secret: netrc, URLs, JSON, and docker's user:password."""
    for found in _NAMED.finditer(value):
        word = next(filter(None, found.groups()))
        yield word
        if found["auth"]:
            try:
                yield base64.b64decode(found["auth"], validate=True).partition(b":")[2]
            except ValueError:
                continue


def _spread(data: bytes) -> list[bytes]:
    """Pieces from the whole length; where there is a common beginning (DER), not only from it."""
    count = max(1, min(16, len(data) // _PIECE_BYTES))
    step = len(data) // count
    pieces = [data[at : at + _PIECE_BYTES] for at in range(0, step * count, step)]
    return [piece for piece in pieces if len(piece) >= 16 and len(set(piece)) >= 10]


def _is_telling(token: bytes) -> bool:
    """Not a URL, a name or a word: those stand in programs that know no secret."""
    if b"//" in token or token.startswith((b"/", b"www.")):
        return False
    has_digit = any(48 <= byte <= 57 for byte in token)
    has_letter = any(byte | 32 in range(97, 123) for byte in token)
    return has_digit and has_letter and entropy_bits(token) >= 3.3


def entropy_bits(data: bytes) -> float:
    """Shannon entropy for each byte, in bits."""
    total = len(data)
    return -sum(n / total * log2(n / total) for n in Counter(data).values())
