"""A clearsigned document and trusted certificates in, the signed text and its signers out.

The rule of the room: only what is inside of the signature is ever read. What stands around it, a
second message, a signature that nobody made, or a certificate that has run out or was revoked
refuses the whole document.
"""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from whit.bases.debian.keys import Key
from whit.errors.bases import NoVerifier, UntrustedRelease

if TYPE_CHECKING:
    from pysequoia import Cert

MAX_BYTES = 8 << 20
_BEGIN, _MIDDLE, _END = (
    b"-----BEGIN PGP SIGNED MESSAGE-----",
    b"-----BEGIN PGP SIGNATURE-----",
    b"-----END PGP SIGNATURE-----",
)
# RFC 9580, section 7: a header of Hash lines, an empty line, the text, one armored signature.
_WHOLE = re.compile(
    _BEGIN + rb"\r?\n(?:Hash: [A-Za-z0-9, -]{1,200}\r?\n)*\r?\n"
    rb".*\n" + _MIDDLE + rb"(?:[^-]|-(?!----))*" + _END + rb"\s*",
    re.DOTALL,
)  # fmt: skip


class Signed(msgspec.Struct, frozen=True):
    """The text without its signature, and the fingerprints of the trusted keys that made it."""

    text: bytes
    signers: tuple[str, ...]


def signed_text(data: bytes, keys: Iterable[Key], now: int, what: str) -> Signed:
    """`now` is in seconds since 1970; `what` names the document in errors.

    Errors: UntrustedRelease, NoVerifier.
    """
    try:
        from pysequoia import verify  # noqa: PLC0415
    except ImportError:
        raise NoVerifier(
            "signatures of Debian's archive are checked by pysequoia, which is not installed",
            hint="pip install 'whit[base]'",
        ) from None
    _refuse_around(data, what)
    trusted = _trusted(keys, now, what)
    try:
        found = verify(data, lambda _: list(trusted.values()))
    except Exception as error:  # noqa: BLE001 - the library says everything with one class
        raise UntrustedRelease(
            f"{what} is not signed by a key that is trusted for it: {_words(error)}",
            hint="somebody may have changed it on the way; ask another mirror",
        ) from None
    signers = {signature.certificate.upper() for signature in found.valid_sigs} & set(trusted)
    if not signers or found.bytes is None:
        raise UntrustedRelease(f"{what} carries no signature by a key that is trusted for it")
    return Signed(bytes(found.bytes), tuple(sorted(signers)))


def _refuse_around(data: bytes, what: str) -> None:
    if len(data) > MAX_BYTES:
        raise UntrustedRelease(f"{what} has {len(data)} bytes: no Release is that large")
    counts = [len(re.findall(rb"(?m)^" + mark, data)) for mark in (_BEGIN, _MIDDLE, _END)]
    if counts != [1, 1, 1] or not _WHOLE.fullmatch(data):
        raise UntrustedRelease(
            f"{what} is not one signed text and nothing else",
            hint="what stands around a signed text is not signed; ask another mirror",
        )


def _trusted(keys: Iterable[Key], now: int, what: str) -> "dict[str, Cert]":
    """Certificates that are what was pinned and still hold, by fingerprint."""
    from pysequoia import Cert  # noqa: PLC0415

    found: dict[str, Cert] = {}
    refused: list[str] = []
    for key in keys:
        try:
            certificates = Cert.split_bytes(key.data)
        except Exception as error:  # noqa: BLE001 - as above
            raise UntrustedRelease(f"a key for {what} cannot be read: {_words(error)}") from None
        for certificate in certificates:
            fingerprint = certificate.fingerprint.upper()
            ends = certificate.expiration
            if key.fingerprint and fingerprint != key.fingerprint:
                refused.append(f"{fingerprint} is not the key that was pinned")
            elif certificate.is_revoked:
                refused.append(f"{fingerprint} was revoked")
            elif ends is not None and ends.timestamp() <= now:
                refused.append(f"{fingerprint} ran out on {ends:%Y-%m-%d}")
            else:
                found[fingerprint] = certificate
    if not found:
        raise UntrustedRelease(
            f"no key that may sign {what} holds any more",
            hint="a newer whit has newer keys; base.keys in whit.toml names others",
            output="\n".join(refused) or None,
        )
    return found


def _words(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
