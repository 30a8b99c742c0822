"""An image's layers in, a private root file system on this host out (a door).

    layers ─unpack─▶ rootfs/ ─passwd, group─▶ account ─give away─▶ rootfs/ as the image says

As root the layers' owners are set while unpacking. Without root everything first belongs to the
caller, who is root inside; what belongs to others is given away in a user namespace.
"""

import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

from whit.layer.read import Kind, LayerReader
from whit.layer.unpack import unpack_layers
from whit.sandbox.accounts import account_of
from whit.sandbox.spec import Account, HostFacts

LayerOpener = Callable[[], BinaryIO]  # a fresh stream of one layer's blob

_GREATEST_ACCOUNTS_BYTES = 1 << 20
_GREATEST_LINKS = 40


def make_rootfs(layers: Sequence[LayerOpener], root: Path, user: str, host: HostFacts) -> Account:
    """Fill the empty directory `root`; return who `user` is in it.

    Raises what unpacking raises, UnknownUser, and BadRootfs when files cannot be given away.
    """
    for opener in layers:
        with opener() as stream:
            unpack_layers((stream,), root)
    # A run starts with a root directory that everybody can enter, whatever the umask.
    root.chmod(0o755)
    account = account_of(user, read_inside(root, "/etc/passwd"), read_inside(root, "/etc/group"))
    if not host.is_root and not host.has_single_id:
        _give_away(layers, root, host, account)
    return account


def read_inside(root: Path, path: str, limit_bytes: int = _GREATEST_ACCOUNTS_BYTES) -> bytes:
    """A regular file of the root file system; b"" when it is missing, too large or no file."""
    place = resolve_inside(root, path)
    try:
        descriptor = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b""
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > limit_bytes:
            return b""
        return file.read(limit_bytes)


def resolve_inside(root: Path, path: str) -> Path:
    """`path` as a process inside the root sees it; links end at the root, never outside.

    Only for a root that nothing else changes meanwhile.
    """
    waiting = [part for part in reversed(path.split("/")) if part]
    at: list[str] = []
    links = 0
    while waiting:
        part = waiting.pop()
        if part in (".", ".."):
            at = at[:-1] if part == ".." else at
            continue
        here = root.joinpath(*at, part)
        if here.is_symlink() and links < _GREATEST_LINKS:
            links += 1
            target = os.readlink(here)
            at = [] if target.startswith("/") else at
            waiting += [name for name in reversed(target.split("/")) if name]
        else:
            at.append(part)
    return root.joinpath(*at)


def _give_away(
    layers: Sequence[LayerOpener], root: Path, host: HostFacts, account: Account
) -> None:
    """Read the layers again for owners other than root; the last one said of a path counts."""
    from whit.sandbox.ownership import Owner, give_away  # noqa: PLC0415

    owners: dict[str, Owner] = {}
    for opener in layers:
        with opener() as stream:
            for entry in LayerReader(stream):
                owners.pop(entry.path, None)
                is_link = entry.kind is Kind.SYMLINK
                is_own = entry.kind in (Kind.FILE, Kind.DIRECTORY, Kind.SYMLINK)
                if is_own and (entry.uid or entry.gid):
                    mode = None if is_link else entry.mode
                    owners[entry.path] = Owner(entry.path, entry.uid, entry.gid, mode)
    # What a higher layer removed is not there to be given.
    there = (o for o in owners.values() if os.path.lexists(resolve_inside(root, o.path)))
    give_away(root, there, host, account)
