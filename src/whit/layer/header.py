r"""A path and a node in, the tar header blocks that stand before its content out.

Plain ustar where a value fits; a PAX record for each value that does not, and only for those.

    offset  field       offset  field        offset  field
    0       name 100    136     mtime 12     297     group name 32 (empty)
    100     mode 8      148     checksum 8   329     device major 8
    108     uid 8       156     type 1       337     device minor 8
    116     gid 8       157     link 100     345     prefix 155
    124     size 12     257     "ustar\0" "00"
                        265     user name 32 (empty)

Numbers are octal digits and a NUL; POSIX pax, "ustar Interchange Format".
"""

import msgspec

from whit.errors.layer import UnwritableNode
from whit.model.tree import Dir, File, Link, Node

BLOCK = 512
END_OF_TAR = bytes(2 * BLOCK)
TYPE_FILE, TYPE_HARD_LINK, TYPE_SYMLINK, TYPE_DIRECTORY, TYPE_PAX = b"0", b"1", b"2", b"5", b"x"
XATTR_PREFIX = "SCHILY.xattr."

_NAME_BYTES, _PREFIX_BYTES = 100, 155
_MAX_ID = 0o7777777
_MAX_LONG = 0o77777777777  # 8 GiB less one byte, or the year 2242
_DEVICES = b"0000000\0" * 2


class _Fields(msgspec.Struct):
    name: bytes
    kind: bytes
    mode: int
    uid: int
    gid: int
    mtime: int
    size: int = 0
    link: bytes = b""
    xattrs: tuple[tuple[str, bytes], ...] = ()


def padding(size: int) -> int:
    """How many zero bytes follow `size` bytes of content."""
    return -size % BLOCK


def header_of(path: str, node: Node, linked: File | None = None) -> bytes:
    """All header blocks for `node` at `path`; `linked` is the file a hard link stands for.

    Errors: UnwritableNode for what no layer can say.
    """
    _check(path, node)
    name = _encoded(path[1:])
    if isinstance(node, File):
        size = node.content.size
        fields = _Fields(
            name, TYPE_FILE, node.mode, node.uid, node.gid, node.mtime, size, xattrs=node.xattrs
        )
    elif isinstance(node, Dir):
        fields = _Fields(name + b"/", TYPE_DIRECTORY, node.mode, node.uid, node.gid, node.mtime)
    elif node.is_hard:
        # Engines apply a hard link's own mode and owner to the shared inode (docker's
        # createTarFile does): they have to be the file's.
        if linked is None:
            raise UnwritableNode(f"{path} is a hard link to {node.target}, which is no file here")
        fields = _Fields(name, TYPE_HARD_LINK, linked.mode, linked.uid, linked.gid, linked.mtime)
        fields.link = _encoded(node.target[1:])
    else:
        fields = _Fields(name, TYPE_SYMLINK, 0o777, node.uid, node.gid, node.mtime)
        fields.link = _encoded(node.target)
    return _blocks(fields)


def whiteout_header(path: str) -> bytes:
    """The entry that removes `path` of lower layers (OCI image-spec, layer.md "Whiteouts")."""
    above, _, name = path.rpartition("/")
    return _blocks(_Fields(_encoded(f"{above}/.wh.{name}"[1:]), TYPE_FILE, 0, 0, 0, 0))


def _check(path: str, node: Node) -> None:
    last = path.rpartition("/")[2]
    if last.startswith(".wh."):
        # OCI image-spec, layer.md "Whiteouts": such a name deletes, it cannot be a file.
        raise UnwritableNode(
            f"{path} cannot be put into a layer: names that begin with .wh. mean removal there",
            hint="rename the file",
        )
    if isinstance(node, Link):
        if not node.target or "\0" in node.target or len(node.target) > 4096:
            raise UnwritableNode(f"{path} is a link to {node.target[:80]!r}, which is no path")
    elif not 0 <= node.mode <= 0o7777:
        raise UnwritableNode(f"{path} has the mode {node.mode:o}", hint="modes go up to 7777")
    if min(node.uid, node.gid) < 0 or max(node.uid, node.gid) > 0xFFFFFFFE:
        raise UnwritableNode(f"{path} has the owner {node.uid}:{node.gid}, which no system has")
    if isinstance(node, File):
        for key, _ in node.xattrs:
            if not key or "=" in key or "\0" in key:
                raise UnwritableNode(f"{path} has an extended attribute named {key!r}")


def _encoded(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise UnwritableNode(f"{text!r} holds characters that no file name can") from None


def _blocks(fields: _Fields) -> bytes:
    records: list[tuple[bytes, bytes]] = []
    if len(fields.link) > _NAME_BYTES or not fields.link.isascii():
        records.append((b"linkpath", fields.link))
        fields.link = b""
    if not fields.name.isascii() or _split(fields.name) is None:
        records.append((b"path", fields.name))
        fields.name = _shortened(fields.name)
    for key, limit in (("uid", _MAX_ID), ("gid", _MAX_ID), ("size", _MAX_LONG)):
        value = getattr(fields, key)
        if value > limit:
            records.append((key.encode(), b"%d" % value))
            setattr(fields, key, 0)
    if not 0 <= fields.mtime <= _MAX_LONG:
        records.append((b"mtime", b"%d" % fields.mtime))
        fields.mtime = 0
    records += [(_encoded(XATTR_PREFIX + key), value) for key, value in fields.xattrs]
    if not records:
        return _block(fields)
    body = b"".join(_record(key, value) for key, value in sorted(records))
    name = b"PaxHeaders.0/" + fields.name.rstrip(b"/").rpartition(b"/")[2][:80]
    extended = _block(_Fields(name, TYPE_PAX, 0o644, 0, 0, 0, len(body)))
    return extended + body + bytes(padding(len(body))) + _block(fields)


def _shortened(name: bytes) -> bytes:
    """What readers without PAX see: the last part, ASCII, cut to fit."""
    last = name.rstrip(b"/").rpartition(b"/")[2]
    kept = bytes(byte if 32 < byte < 127 else 95 for byte in last)[: _NAME_BYTES - 1]
    return kept + (b"/" if name.endswith(b"/") else b"")


def _record(key: bytes, value: bytes) -> bytes:
    r"""`LENGTH key=value\n`, where the length counts its own digits."""
    rest = b" " + key + b"=" + value + b"\n"
    size = len(rest) + len(str(len(rest)))
    if len(str(size)) + len(rest) != size:
        size += 1
    return b"%d" % size + rest


def _split(name: bytes) -> tuple[bytes, bytes] | None:
    """The ustar prefix and name, or None where the path does not fit."""
    if len(name) <= _NAME_BYTES:
        return b"", name
    # The prefix ends at a slash that leaves a non-empty name of at most 100 bytes.
    cut = name.find(b"/", len(name) - _NAME_BYTES - 1, len(name) - 1)
    if 0 < cut <= _PREFIX_BYTES:
        return name[:cut], name[cut + 1 :]
    return None


def _block(fields: _Fields) -> bytes:
    prefix, name = _split(fields.name) or (b"", fields.name)
    block = bytearray(
        b"%-100b%07o\0%07o\0%07o\0%011o\0%011o\0        %b%-100bustar\x0000%64b%b%-155b%12b"
        % (
            name.ljust(_NAME_BYTES, b"\0"),
            fields.mode,
            fields.uid,
            fields.gid,
            fields.size,
            fields.mtime,
            fields.kind,
            fields.link.ljust(_NAME_BYTES, b"\0"),
            bytes(64),
            _DEVICES,
            prefix.ljust(_PREFIX_BYTES, b"\0"),
            bytes(12),
        )
    )
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)
