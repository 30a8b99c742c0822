"""Unpacked packages in, the Tree of a base out. Pure.

Each package gives its files and, for scanners, its control paragraph and md5sums below
/var/lib/dpkg/status.d. What maintainer scripts would make is made here: accounts, /tmp, a home,
and the bundle of CA certificates. Times are zero.
"""

import re
from collections.abc import Callable, Iterable

import msgspec

from whit.bases.debian.deb import Control
from whit.bases.debian.sets import BUNDLE, CERTIFICATES, SHELL, SHELL_PLACE
from whit.bases.embedded import NSSWITCH
from whit.bases.users import Owner, home_of
from whit.errors import WhitError
from whit.errors.bases import BrokenPackage
from whit.model.tree import Bytes, Content, Dir, File, Link, Node, Tree

STATUS = "/var/lib/dpkg/status.d"
_CERTIFICATES = "/usr/share/ca-certificates/"
# Debian 13 has links in the place of these directories; some packages still name them.
_MERGED = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/libo32")
_PASSWD = b"""\
root:x:0:0:root:/root:/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin
nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin
"""
_GROUP = b"root:x:0:\nnobody:x:65534:\ntty:x:5:\nstaff:x:50:\nnonroot:x:65532:\n"
_NONROOT = Owner(65532, 65532)
# Names of busybox's applets: sorted, each ended by a zero byte, beginning with `[` and `[[`.
_APPLETS = re.compile(rb"\[\0\[\[\0((?:[a-z0-9][a-z0-9_.-]{0,30}\0){40,1000})")


class Unpacked(msgspec.Struct, frozen=True):
    """A package's own name, its control files, and what it installs."""

    name: str
    control: Control
    nodes: tuple[tuple[str, Node], ...]


def content_of(
    packages: Iterable[Unpacked], read: Callable[[Content], bytes], *, has_shell: bool = False
) -> Tree:
    """`read` gives the bytes of a content. Errors: BrokenPackage."""
    found: dict[str, Node] = {}
    for package in packages:
        nodes = package.nodes
        if package.name == CERTIFICATES:
            nodes = _bundled(package, read)
        elif package.name == SHELL and has_shell:
            nodes = _shell(package, read)
        for path, node in (*nodes, *_records(package)):
            _place(found, path, node, package.name)
    merged = {_merged(path, found): _retargeted(node, found) for path, node in found.items()}
    merged |= dict(_made())
    try:
        return Tree.of(merged)
    except WhitError as error:
        raise BrokenPackage(
            f"the packages do not fit into one tree: {error.message}",
            hint="one of them writes through a link of another",
        ) from None


def _place(found: dict[str, Node], path: str, node: Node, name: str) -> None:
    before = found.get(path)
    if path in _MERGED and isinstance(node, Link) and isinstance(before, Dir):
        found[path] = node
        return
    if before is not None and not isinstance(node, Dir):
        if before != node:
            raise BrokenPackage(f"{path} of {name} is also in another package, and is not the same")
        return
    # Of a directory that several packages name, the first one's mode counts; where one has a link
    # in its place, the link.
    found.setdefault(path, node)


def _merged(path: str, found: dict[str, Node]) -> str:
    """`/lib/x` is `/usr/lib/x` where another package made `/lib` a link to it."""
    top = "/" + path.split("/", 2)[1]
    if top in _MERGED and path != top and found.get(top) == Link(f"usr{top}"):
        return "/usr" + path
    return path


def _retargeted(node: Node, found: dict[str, Node]) -> Node:
    """A hard link is to the place where the file went."""
    if isinstance(node, Link) and node.is_hard:
        return msgspec.structs.replace(node, target=_merged(node.target, found))
    return node


def _records(package: Unpacked) -> tuple[tuple[str, Node], ...]:
    place = f"{STATUS}/{package.name}"
    control = package.control
    return (
        (place, File(Bytes(control.paragraph.rstrip(b"\n") + b"\n"))),
        (f"{place}.md5sums", File(Bytes(control.md5sums))),
    )


def _bundled(package: Unpacked, read: Callable[[Content], bytes]) -> tuple[tuple[str, Node], ...]:
    """All its certificates in one file, and its copyright."""
    copyright_file = f"/usr/share/doc/{package.name}/copyright"
    texts = [
        read(node.content).rstrip(b"\n") + b"\n"
        for path, node in sorted(package.nodes)
        if path.startswith(_CERTIFICATES) and isinstance(node, File)
    ]
    if not texts:
        raise BrokenPackage(f"{package.name} holds no certificates")
    kept = tuple((path, node) for path, node in package.nodes if path == copyright_file)
    return (*kept, (BUNDLE, File(Bytes(b"".join(texts)))))


def _shell(package: Unpacked, read: Callable[[Content], bytes]) -> tuple[tuple[str, Node], ...]:
    """Busybox in a directory of its own, with a link for each of its applets."""
    program = program_of(package)
    links = tuple(
        (f"{SHELL_PLACE}/{name}", Link("busybox")) for name in applets_of(read(program.content))
    )
    documents = tuple(
        (path, node) for path, node in package.nodes if path.endswith("/copyright")
    )  # fmt: skip
    return (
        *documents,
        (SHELL_PLACE, Dir()),
        (f"{SHELL_PLACE}/busybox", File(program.content, 0o755)),
        *links,
    )


def program_of(package: Unpacked) -> File:
    """The program of a package of busybox. Errors: BrokenPackage."""
    for path, node in package.nodes:
        if path in ("/bin/busybox", "/usr/bin/busybox") and isinstance(node, File):
            return node
    raise BrokenPackage(f"{package.name} holds no busybox")


def applets_of(program: bytes) -> tuple[str, ...]:
    """The names that busybox goes by, from its own table: nothing has to be run.

    Errors: BrokenPackage.
    """
    match = _APPLETS.search(program)
    names = match[1].decode().split("\0")[:-1] if match else []
    if "sh" not in names:
        raise BrokenPackage("busybox has no table of applets that can be read")
    return ("[", "[[", *(name for name in names if name != "busybox"))


def _made() -> tuple[tuple[str, Node], ...]:
    (home,) = home_of(_NONROOT)
    return (
        ("/etc/passwd", File(Bytes(_PASSWD))),
        ("/etc/group", File(Bytes(_GROUP))),
        ("/etc/nsswitch.conf", File(Bytes(NSSWITCH))),
        ("/tmp", Dir(mode=0o1777)),
        ("/root", Dir(mode=0o700)),
        (home.path, home.node),
    )
