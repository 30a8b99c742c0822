"""PEM files in, the CA bundle out: certifi's roots and the user's own, certificates only.

Comments are left out (a quarter of the file). Roots that have expired are dropped and counted;
one that the user gives is refused, since they count on it.
"""

import ssl
from collections.abc import Sequence
from typing import Any

from whit.errors import BadCertificates
from whit.model.plan import Provided
from whit.model.tree import Bytes, File

PATH = "/etc/ssl/certs/ca-certificates.crt"
BEGIN, END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
MAX_FILE_BYTES = 16 << 20


def roots_of(extra: Sequence[str], now: int) -> Provided:
    """The bundle with `extra` PEM files merged; `now` is seconds since 1970.

    Errors: BadCertificates.
    """
    import certifi  # noqa: PLC0415

    roots = blocks_of(_read(certifi.where()))
    ends = _expiries(roots)
    kept = [block for block in roots if ends.get(der_of(block), 0) > now]
    expired = len(roots) - len(kept)
    own: list[str] = []
    for place in extra:
        own += _own_blocks(place, now)
    merged = dict.fromkeys((*kept, *own))
    source = f"certifi {certifi.__version__}: {len(kept)} roots"
    source += f", {expired} expired left out" if expired else ""
    source += f", {len(merged) - len(kept)} of your own" if own else ""
    return Provided(PATH, File(Bytes("".join(merged).encode())), source)


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


def der_of(block: str) -> bytes:
    return ssl.PEM_cert_to_DER_cert(block)


def _expiries(blocks: Sequence[str]) -> dict[bytes, int]:
    """DER -> end of every certificate, read in one go (117 roots: 15 ms, one by one 110)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata="".join(blocks))
    ders, texts = context.get_ca_certs(binary_form=True), context.get_ca_certs()
    return {
        der: int(ssl.cert_time_to_seconds(str(text["notAfter"])))
        for der, text in zip(ders, texts, strict=True)
    }


def expiry_of(block: str) -> int:
    """When a certificate ends, in seconds since 1970. Errors: BadCertificates."""
    said = _decoded(block)["notAfter"]
    return int(ssl.cert_time_to_seconds(said))


def _decoded(block: str) -> dict[str, Any]:
    """What the ssl module reads of a certificate. It takes CA certificates only."""
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
