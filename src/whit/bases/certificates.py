"""PEM files in, the CA bundle out: certifi's roots and the user's own, certificates only.

Comments are left out (a quarter of the file). Roots that have expired are dropped and counted;
one that the user gives is refused, since they count on it.

certifi's are trusted to be certificates, so of them only the end is read, and read here: OpenSSL
takes 60 ms to read them all. The user's go through OpenSSL.
"""

import os
from binascii import a2b_base64
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from time import gmtime, strftime
from typing import Any

from whit.errors.needs import BadCertificates
from whit.model.plan import Provided
from whit.model.tree import Bytes, File

PATH = "/etc/ssl/certs/ca-certificates.crt"
BEGIN, END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
MAX_FILE_BYTES = 16 << 20


def roots_of(extra: Sequence[str], now: int) -> Provided:
    """The bundle with `extra` PEM files merged; `now` is seconds since 1970.

    Errors: BadCertificates.
    """
    version, place = _certifi()
    roots = blocks_of(_read(place))
    today = strftime("%Y%m%d%H%M%S", gmtime(now))
    kept = [block for block in roots if _end_of(block) > today]
    expired = len(roots) - len(kept)
    own: list[str] = []
    for place in extra:
        own += _own_blocks(place, now)
    merged = dict.fromkeys((*kept, *own))
    source = f"certifi {version}: {len(kept)} roots"
    source += f", {expired} expired left out" if expired else ""
    source += f", {len(merged) - len(kept)} of your own" if own else ""
    return Provided(PATH, File(Bytes("".join(merged).encode())), source)


def _certifi() -> tuple[str, str]:
    """Version and file of the installed certifi. Found without importing it where it lies as it is
    published, since with it come 25 ms of importlib.resources.
    """
    spec = find_spec("certifi")
    if spec is not None and spec.origin:
        place = os.path.join(os.path.dirname(spec.origin), "cacert.pem")
        with suppress(OSError), open(spec.origin, encoding="utf-8") as file:
            said = file.read(4096).partition('__version__ = "')[2].partition('"')[0]
            if said and os.path.isfile(place):
                return said, place
    import certifi  # noqa: PLC0415

    return certifi.__version__, certifi.where()


def blocks_of(text: str) -> list[str]:
    """The certificates of a PEM text, each from BEGIN to END with a newline."""
    blocks = []
    at = text.find(BEGIN)
    while at >= 0:
        end = text.find(END, at)
        if end < 0:
            break
        body = "".join(text[at + len(BEGIN) : end].split())
        lines = [body[i : i + 64] for i in range(0, len(body), 64)]
        blocks.append("\n".join([BEGIN, *lines, END]) + "\n")
        at = text.find(BEGIN, end)
    return blocks


def _end_of(block: str) -> str:
    """When a certificate ends, as YYYYMMDDhhmmss; "" where its form is not as X.509 has it.

    SEQUENCE { SEQUENCE { [0] version, serial, algorithm, issuer, SEQUENCE { begin, end } …
    """
    try:
        der = a2b_base64(block[len(BEGIN) : block.index(END)])
        inside = _value(der, _value(der, 0)[0])[0]
        if der[inside] == 0xA0:
            inside = _value(der, inside)[1]
        for _ in ("serial", "algorithm", "issuer"):
            inside = _value(der, inside)[1]
        end_at = _value(der, _value(der, inside)[0])[1]
        first, last = _value(der, end_at)
        text = der[first:last].decode("ascii")
        if der[end_at] == 0x17:  # UTCTime: two digits of the year (RFC 5280, 4.1.2.5.1)
            text = ("19" if text[:2] >= "50" else "20") + text
    except (ValueError, IndexError):
        return ""
    return text[:14] if len(text) == 15 and text[:14].isdigit() and text[14] == "Z" else ""


def _value(der: bytes, at: int) -> tuple[int, int]:
    """Where the value of the DER element at `at` begins and ends."""
    length, first = der[at + 1], at + 2
    if length >= 0x80:
        more = length & 0x7F
        length = int.from_bytes(der[first : first + more], "big")
        first += more
    if first + length > len(der):
        raise ValueError("longer than the certificate")
    return first, first + length


def expiry_of(block: str) -> int:
    """When a certificate ends, in seconds since 1970. Errors: BadCertificates."""
    import ssl  # noqa: PLC0415 - 14 ms, and mostly nobody gives certificates

    said = _decoded(block)["notAfter"]
    return int(ssl.cert_time_to_seconds(said))


def _decoded(block: str) -> dict[str, Any]:
    """What the ssl module reads of a certificate. It takes CA certificates only."""
    import ssl  # noqa: PLC0415

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=block)
        found = context.get_ca_certs()
    except (ssl.SSLError, ValueError, TypeError) as error:
        # TypeError: letters that are not ASCII.
        raise BadCertificates(
            f"a certificate cannot be read: {error}",
            hint="`openssl x509 -in FILE -noout -text` says what is wrong with it",
        ) from None
    if not found:
        raise BadCertificates(
            "a certificate is no CA's: it may not sign others",
            hint="give the CA's own certificate, not the server's",
        )
    return found[0]


def _own_blocks(place: str, now: int) -> list[str]:
    text = _read(place)
    if "PRIVATE KEY-----" in text:
        raise BadCertificates(
            f"{place} holds a private key: it must not go into an image",
            hint="give a file that holds certificates only",
        )
    blocks = blocks_of(text)
    if not blocks:
        raise BadCertificates(
            f"{place} holds no certificate in PEM form",
            hint=f"it should begin with {BEGIN}; `openssl x509 -inform der` turns DER into PEM",
        )
    for block in blocks:
        try:
            ends = expiry_of(block)
        except BadCertificates as error:
            raise BadCertificates(f"{place}: {error.message}", hint=error.hint) from None
        if ends <= now:
            date = _decoded(block)["notAfter"]
            raise BadCertificates(
                f"{place}: the certificate of {_name(block)} expired on {date}",
                hint="give the one that replaced it",
            )
    return blocks


def _name(block: str) -> str:
    pairs = [pair for row in _decoded(block).get("subject", ()) for pair in row]
    names = dict(pairs)
    return str(names.get("commonName") or names.get("organizationName") or "an unnamed CA")


def _read(place: str) -> str:
    try:
        with open(place, "rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        said = error.strerror if isinstance(error, OSError) else error
        raise BadCertificates(
            f"{place!r} cannot be read: {said}", hint="--ca-extra takes a PEM file"
        ) from error
    if len(raw) > MAX_FILE_BYTES:
        raise BadCertificates(f"{place} is larger than 16 MiB", hint="is it a PEM file?")
    return raw.decode("latin-1")
