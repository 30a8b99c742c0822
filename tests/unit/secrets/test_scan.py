"""Every encoding planted, at every awkward place, and found; nothing found where nothing is."""

import base64
import bz2
import gzip
import html
import io
import json
import lzma
import random
import shlex
import urllib.parse
import zipfile
import zlib

import pytest
import zstandard

from whit.model.secret import Secret, Secrets
from whit.secrets.scan import Bounds, Search

VALUE = b"q8Zr/+w2Lk&9s\"T'vB4x$"
NOISE = random.Random(7).randbytes(5000)
SEARCH = Search(Secrets([Secret("token", VALUE), Secret("other", b"Kx93-yQ0z_wJw11f")]))


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/first", bytes(3000))
        archive.writestr("a/second", NOISE + VALUE)
    return out.getvalue()


def hard(size: int) -> bytes:
    return base64.b64encode(random.Random(size).randbytes(size))


PLANTED = {
    "raw": VALUE,
    "basic auth": base64.b64encode(b"user:" + VALUE),
    "base64 0": base64.b64encode(b"abc" + VALUE + b"z"),
    "base64 1": base64.b64encode(b"a" + VALUE + b"zz"),
    "base64 2": base64.b64encode(b"ab" + VALUE),
    "base64 url": base64.urlsafe_b64encode(b"ab" + VALUE),
    "base64 wrapped": base64.encodebytes(b"a" * 45 + VALUE + b"b" * 50),
    "base64 indented": base64.b64encode(b"a" * 20 + VALUE).replace(b"a", b"a\n      "),
    "base64 in JSON lines": base64.encodebytes(b"a" * 45 + VALUE + b"c").replace(b"\n", b"\\n"),
    "base64 twice": base64.b64encode(b'{"auth":"' + base64.b64encode(b"user:" + VALUE) + b'"}'),
    "hex": VALUE.hex().encode(),
    "HEX": VALUE.hex().upper().encode(),
    "hex colons": VALUE.hex(":").encode(),
    "hex escapes": "".join(f"\\x{b:02x}" for b in VALUE).encode(),
    "hex wrapped": b"\n".join(VALUE.hex()[i : i + 30].encode() for i in range(0, 60, 30)),
    "percent": urllib.parse.quote(VALUE.decode(), safe="").encode(),
    "percent path": urllib.parse.quote(VALUE.decode()).encode(),
    "percent plus": urllib.parse.quote_plus(VALUE.decode()).encode(),
    "JSON": json.dumps(VALUE.decode()).encode(),
    "JSON of Go": json.dumps(VALUE.decode()).replace("&", "\\u0026").encode(),
    "HTML": html.escape(VALUE.decode()).encode(),
    "HTML of Go": html.escape(VALUE.decode())
    .replace("&quot;", "&#34;")
    .replace("&#x27;", "&#39;")
    .encode(),
    "shell": shlex.quote(VALUE.decode()).encode(),
    "shell double": b'"' + VALUE.replace(b'"', b'\\"').replace(b"$", b"\\$") + b'"',
    "UTF-16": VALUE.decode().encode("utf-16"),
    "UTF-16 BE": VALUE.decode().encode("utf-16-be"),
    "reversed": VALUE[::-1],
    "gzip": gzip.compress(NOISE + VALUE),
    "zlib": zlib.compress(b"blob 21\0" + VALUE),
    "zlib fast": zlib.compress(b"blob 21\0" + VALUE, 1),
    "bzip2": bz2.compress(NOISE + VALUE),
    "xz": lzma.compress(VALUE * 3 + NOISE),
    "zstd": zstandard.compress(VALUE * 3 + NOISE),
    "zip": zipped(),
    "gzip in xz": lzma.compress(NOISE + gzip.compress(NOISE + VALUE)),
    "base64 of gzip": base64.b64encode(gzip.compress(hard(999) + VALUE + hard(99))),
    "base64 of gzip, wrapped": base64.encodebytes(gzip.compress(hard(999) + VALUE + hard(99))),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_a_planted_value_is_found(planted: str):
    data = PLANTED[planted]
    for before in (0, 1, (1 << 20) - 2053, (1 << 20) - 7):
        searched = SEARCH.whole(bytes(before) + data + bytes(3000))
        assert {spot.secret for spot in searched.spots} == {"token"}
    # What is found does not depend on how the bytes arrive.
    whole = SEARCH.whole(data)
    assert SEARCH.stream([bytes([byte]) for byte in data]).spots == whole.spots
    assert VALUE.decode() not in str(whole)


# One begins as the other does, as all tokens of one issuer do.
TOKENS = [b"github_pat_11AB" + random.Random(n).randbytes(9).hex().encode() for n in range(2)]
WRAPPED = [VALUE, b"Vt9-kQ!8", b"Zq8-wM!7??>>~~x" * 2, *TOKENS]
ENCODERS = (base64.b64encode, base64.urlsafe_b64encode, bytes.hex, lambda data: data.hex(" "))


@pytest.mark.parametrize("column", [16, 19, 20, 60, 64, 76])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\\n", b"\n    "])
def test_lines_of_any_length_hide_nothing(column: int, end: bytes):
    """Wherever the value begins in its line."""
    search = Search(Secrets([Secret(value.decode(), value) for value in WRAPPED]))
    for value in WRAPPED:
        for encode in ENCODERS:
            for before in range(column):
                text = encode(b"#" * before + value + b"##")
                data = text.encode() if isinstance(text, str) else text
                lines = (data[at : at + column] for at in range(0, len(data), column))
                found = {spot.secret for spot in search.whole(end.join(lines)).spots}
                assert found == {value.decode()}, (encode, before)


def test_a_hit_says_where_and_how():
    (spot,) = SEARCH.whole(b"12345" + VALUE).spots
    assert (spot.offset, spot.encoding, spot.inside) == (5, "raw", ())
    (spot,) = SEARCH.whole(b"AB" + gzip.compress(b"x" * 100_000 + VALUE)).spots
    assert (spot.offset, spot.inside) == (100_000, ("gzip at 2",))


def test_other_bytes_hold_nothing():
    noise = random.Random(3).randbytes(3 << 20)
    searched = SEARCH.whole(noise + base64.b64encode(noise) + noise.hex().encode())
    assert not searched.spots
    for near in (VALUE[:-1], VALUE[1:], VALUE.swapcase(), base64.b64encode(VALUE[:-2])):
        assert not SEARCH.whole(near).spots


PEM = (
    b"-----BEGIN PRIVATE KEY-----\n"
    + base64.encodebytes(random.Random(5).randbytes(1200))
    + b"-----END PRIVATE KEY-----\n"
)


def test_a_long_value_is_found_by_its_parts():
    search = Search(Secrets([Secret("key", PEM)]))
    lines = PEM.splitlines()
    assert search.whole(PEM).spots
    assert search.whole(b"\n".join(lines[1:4])).spots, "a torn piece"
    assert search.whole(random.Random(5).randbytes(1200)).spots, "DER instead of PEM"
    assert search.whole(b"".join(lines[1:-1])).spots, "without its line breaks"
    assert not search.whole(lines[0] + b"\n" + lines[-1]).spots, "what every key has"


def test_a_document_is_not_found_by_what_others_share():
    account = {
        "type": "service_account",
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "private_key_id": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b",
        "client_email": "robot@project-name.iam.gserviceaccount.com",
    }
    search = Search(Secrets([Secret("account", json.dumps(account, indent=1).encode())]))
    assert search.whole(account["private_key_id"].encode()).spots
    assert not search.whole(account["auth_uri"].encode()).spots


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (b"short7!", "shorter than 8"),
        (b"password123", "dictionary"),
        (b"aaaaaaaaaaaaaaaa", "different characters"),
        (b"Vt9-kQm2xLw8", ""),
    ],
)
def test_what_cannot_be_proven_is_said(value: bytes, why: str):
    said = Search(Secrets([Secret("it", value)])).unprovable
    assert why in said["it"] if why else not said


def test_a_bomb_is_not_unpacked_to_its_end():
    bomb = gzip.compress(bytes(64 << 20))
    searched = SEARCH.stream([bomb], Bounds(unpacked_bytes=8 << 20))
    assert searched.unpacked_bytes < 12 << 20
    assert any("unpacks to too much" in why for why in searched.unread)


def test_nesting_has_an_end_and_says_so():
    data = VALUE
    for _ in range(6):
        data = gzip.compress(NOISE + data)
    searched = SEARCH.whole(data)
    assert any("nested too deep" in why for why in searched.unread)


def test_thousands_of_false_beginnings_cost_little():
    data = (b"\x78\x9c" + b"\xff" * 30 + b"PK\x03\x04" + b"\xff" * 40 + b"\x1f\x8b\x08") * 3000
    searched = SEARCH.whole(data + VALUE)
    assert [spot.offset for spot in searched.spots] == [len(data)]
