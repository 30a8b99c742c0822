"""The machine in, HostFacts out: who runs us, with which subordinate ids and cgroups (a door)."""

import os
from pathlib import Path

from whit.sandbox.spec import HostFacts, IdRange

_GREATEST_FILE_BYTES = 1 << 20


def read_host() -> HostFacts:
    """Read the few files that decide how a container can be confined; no process is started."""
    uid, gid = os.geteuid(), os.getegid()
    if uid == 0 and _owns_the_machine():
        return HostFacts(has_cgroup_limits=cgroup_mode() != "none")
    name = _name_of(uid)
    uids, gids = (
        ranges_of(_text(file), name, uid) if has_id_mappers() else ()
        for file in ("/etc/subuid", "/etc/subgid")
    )
    return HostFacts(uid, gid, is_root=False, uid_ranges=uids, gid_ranges=gids)


def ranges_of(text: str, name: str, uid: int) -> tuple[IdRange, ...]:
    """The caller's lines (`name:start:count` or `uid:start:count`) of subuid or subgid."""
    found = []
    for line in text.splitlines():
        owner, _, numbers = line.partition(":")
        start, _, size = numbers.partition(":")
        is_ours = bool(owner) and owner in (name, str(uid))
        if is_ours and _is_count(start) and _is_count(size):
            found.append(IdRange(int(start), int(size)))
    return tuple(found)


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 11 and 0 < int(text) < 2**32


def has_id_mappers() -> bool:
    """Whether newuidmap and newgidmap (package uidmap) are there to use subordinate ids."""
    return bool(find_program("newuidmap") and find_program("newgidmap"))


def find_program(name: str) -> str:
    """The program's path, or ""; sbin counts too, where Debian puts runc for root alone."""
    path = os.environ.get("PATH") or os.defpath
    for directory in (*path.split(":"), "/usr/local/sbin", "/usr/sbin", "/sbin"):
        found = f"{directory}/{name}"
        if directory.startswith("/") and os.path.isfile(found) and os.access(found, os.X_OK):
            return found
    return ""


def cgroup_mode() -> str:
    """v2, hybrid (v1 with controllers left in v2), v1 or none: what lies at /sys/fs/cgroup."""
    root = Path("/sys/fs/cgroup")
    if (root / "cgroup.controllers").exists():
        return "v2"
    if (root / "unified" / "cgroup.controllers").exists():
        return "hybrid"
    return "v1" if (root / "memory").exists() else "none"


def boot_id() -> str:
    """Changes with every boot; "" where the kernel does not say."""
    return _text("/proc/sys/kernel/random/boot_id").strip()


def _owns_the_machine() -> bool:
    """Root of the first user namespace: one mapping of all ids onto themselves."""
    return _text("/proc/self/uid_map").split() in (["0", "0", "4294967295"], [])


def _name_of(uid: int) -> str:
    import pwd  # noqa: PLC0415

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return ""


def _text(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return file.read(_GREATEST_FILE_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
