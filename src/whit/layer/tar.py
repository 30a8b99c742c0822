"""Tar bytes in, raw entries out: ustar, GNU long names and PAX, strictly.

Strict means: every checksum, every number, every record length is checked, and what is not
understood (sparse files, unknown types) is an error, since guessing would make this reader see
another tree than the engine that runs the image.
"""

from collections.abc import Iterator
from zlib import adler32

import msgspec

from whit.errors.layer import BrokenLayer, LayerTooLarge
from whit.layer.header import BLOCK, XATTR_PREFIX, padding
from whit.layer.inflate import TarBytes

_ZERO_BLOCK = bytes(BLOCK)
_FILE_TYPES = (b"0", b"\0", b"7")
_WITHOUT_CONTENT = (b"1", b"2", b"3", b"4", b"5", b"6")
_LONG_NAME, _LONG_LINK = b"L", b"K"
_PAX, _GLOBAL_PAX = b"x", b"g"
_MAX_NUMBER = 1 << 62
_ADLER = 65521  # what Adler-32 counts modulo


class RawEntry(msgspec.Struct):
    """A header as it stands in the tar; `kind` is the type byte, files are `0`."""

    kind: bytes
    name: bytes
    link: bytes
    mode: int
    uid: int
    gid: int
    mtime: int
    size: int
    xattrs: tuple[tuple[str, bytes], ...] = ()


def raw_entries(source: TarBytes) -> Iterator[RawEntry]:
    """Each entry; its content is the next `size` bytes of `source`, which the caller may read
    with `pieces` before asking for the next entry: what is left is skipped.

    Errors: BrokenLayer, LayerTooLarge.
    """
    defaults: dict[bytes, bytes] = {}
    extended: dict[bytes, bytes] = {}
    for _ in range(source.limits.entries + 1):
        block = source.read_block(BLOCK)
        if block == _ZERO_BLOCK:
            # POSIX wants two zero blocks; Go's reader takes one at the very end, and so do we.
            if source.read_block(BLOCK).strip(b"\0") or extended:
                raise BrokenLayer("the layer's tar ends with half an end marker")
            return
        if not block:
            # Some tools write no end marker, and Go's reader does not miss it: what tells a whole
            # layer from half of one is its digest.
            if extended:
                raise BrokenLayer("the layer's tar is truncated", hint="fetch or build it again")
            return
        raw = _parsed(block)
        if raw.kind in (_PAX, _GLOBAL_PAX):
            (extended if raw.kind == _PAX else defaults).update(_records(_body(source, raw)))
        elif raw.kind in (_LONG_NAME, _LONG_LINK):
            key = b"path" if raw.kind == _LONG_NAME else b"linkpath"
            extended[key] = _body(source, raw).split(b"\0", 1)[0]
        else:
            if raw.kind != b"0" or defaults or extended or raw.name.endswith(b"/"):
                _extend(raw, {**defaults, **extended})
                extended.clear()
            before = source.position
            yield raw
            source.skip(raw.size + padding(raw.size) - (source.position - before))
    raise LayerTooLarge(f"the layer has more than {source.limits.entries} entries")


def _body(source: TarBytes, raw: RawEntry) -> bytes:
    if raw.size > source.limits.extended_bytes:
        raise LayerTooLarge(f"an extended header of {raw.size} bytes in the layer")
    return source.read(raw.size + padding(raw.size))[: raw.size]


def _parsed(block: bytes) -> RawEntry:
    stored = _number(block[148:156])
    # The checksum counts itself as blanks; the lower half of Adler-32 is the sum of bytes and 1.
    total = (adler32(block) & 0xFFFF) - 1 if stored < _ADLER else sum(block)
    if (total - sum(block[148:156]) + 8 * 0x20 - stored) % _ADLER:
        raise BrokenLayer("a header of the layer's tar has a wrong checksum")
    name = _text(block[:100])
    # POSIX ustar keeps the front of long paths in `prefix`; GNU tar keeps times there.
    if block[257:263] == b"ustar\0" and block[345]:
        name = _text(block[345:500]) + b"/" + name
    kind = block[156:157]
    mode, uid, gid, size, mtime = _plain_numbers(block) or (
        *(_number(block[at : at + 8]) for at in (100, 108, 116)),
        _number(block[124:136]),
        _number(block[136:148], is_signed=True),
    )
    return RawEntry(
        kind=kind,
        name=name,
        link=_text(block[157:257]) if block[157] else b"",
        mode=mode & 0o7777,
        uid=uid,
        gid=gid,
        mtime=mtime,
        # Links and directories have no content, whatever they say (POSIX; Go reads it so too)
        size=0 if kind in _WITHOUT_CONTENT else size,
    )


def _plain_numbers(block: bytes) -> tuple[int, ...] | None:
    """Mode, uid, gid, size and mtime where all are octal digits with blanks around, as almost
    always; else None.
    """
    fields = block[100:148]
    if fields.translate(None, b"01234567\0 "):
        return None
    fields = fields.replace(b"\0", b" ")
    try:
        return (
            *(int(fields[:8], 8), int(fields[8:16], 8), int(fields[16:24], 8)),
            *(int(fields[24:36], 8), int(fields[36:], 8)),
        )
    except ValueError:  # an empty one, or blanks inside
        return None


def _text(field: bytes) -> bytes:
    return field.split(b"\0", 1)[0]


def _number(field: bytes, *, is_signed: bool = False) -> int:
    """Octal digits between blanks, or GNU's base 256 where the first bit is set."""
    if field[0] & 0x80:
        value = int.from_bytes(field, "big", signed=False) & ((1 << (8 * len(field) - 1)) - 1)
        if field[0] & 0x40:
            value -= 1 << (8 * len(field) - 1)
        if not (-_MAX_NUMBER if is_signed else 0) <= value <= _MAX_NUMBER:
            raise BrokenLayer("a header of the layer's tar has a number out of range")
        return value
    digits = field.strip(b" \0")
    if digits.strip(b"01234567"):
        raise BrokenLayer(f"a header of the layer's tar has {digits[:12]!r} for a number")
    return int(digits or b"0", 8)


def _records(body: bytes) -> dict[bytes, bytes]:
    r"""PAX records: `LENGTH key=value\n`, LENGTH counting the whole record."""
    found: dict[bytes, bytes] = {}
    at = 0
    while at < len(body):
        blank = body.find(b" ", at, at + 12)
        digits = body[at : max(at, blank)]
        end = at + int(digits) if digits.isdigit() else 0
        if not at < blank < end <= len(body) or body[end - 1] != 0x0A:
            raise BrokenLayer("an extended header of the layer's tar is damaged")
        key, equals, value = body[blank + 1 : end - 1].partition(b"=")
        if not equals or not key:
            raise BrokenLayer("an extended header of the layer's tar has a record without a key")
        found[key] = value
        at = end
    return found


def _extend(raw: RawEntry, records: dict[bytes, bytes]) -> None:
    """Let extended headers replace what the plain header could not say."""
    if raw.kind == b"S" or any(key.startswith(b"GNU.sparse.") for key in records):
        raise BrokenLayer("the layer holds a sparse file, which OCI layers must not")
    raw.name = records.get(b"path", raw.name)
    if raw.kind in _FILE_TYPES:
        # V7 tar: a directory is a file whose name ends in a slash. A long name that is cut behind
        # one, as Python writes it, is whole only here.
        is_directory = raw.kind != b"7" and raw.name.endswith(b"/")
        raw.kind, raw.size = (b"5", 0) if is_directory else (b"0", raw.size)
    raw.link = records.get(b"linkpath", raw.link)
    raw.uid = _decimal(records.get(b"uid"), raw.uid)
    raw.gid = _decimal(records.get(b"gid"), raw.gid)
    if raw.kind == b"0":
        raw.size = _decimal(records.get(b"size"), raw.size)
    seconds, _, _ = records.get(b"mtime", b"").partition(b".")
    if seconds:
        sign = -1 if seconds.startswith(b"-") else 1
        raw.mtime = sign * _decimal(seconds.removeprefix(b"-"), 0)
    prefix = XATTR_PREFIX.encode()
    raw.xattrs = tuple(
        (key.removeprefix(prefix).decode("utf-8", "surrogateescape"), value)
        for key, value in sorted(records.items())
        if key.startswith(prefix) and len(key) > len(prefix)
    )


def _decimal(text: bytes | None, otherwise: int) -> int:
    if text is None:
        return otherwise
    if not text.isdigit() or len(text) > 18:
        raise BrokenLayer(f"an extended header of the layer's tar has {text[:20]!r} for a number")
    return int(text)
