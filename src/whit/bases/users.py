"""A `--user` in; passwd, group, home and writable directories out.

A directory that the program writes to belongs to the image's user, and to group 0 with the same
rights: a platform that picks a user id at random (OpenShift) runs it in group 0.
"""

import msgspec

from whit.errors.needs import BadUser
from whit.model.plan import Provided
from whit.model.tree import Bytes, Dir, File

HOME = "/home/nonroot"
NOLOGIN = "/sbin/nologin"
ACCOUNTS = (("root", 0, "/root"), ("nobody", 65534, "/nonexistent"), ("nonroot", 65532, HOME))
MAX_ID = 2**32 - 2  # one more is the kernel's "no change"
MAX_DIGITS = 10
MAX_SHOWN = 40


class Owner(msgspec.Struct, frozen=True):
    """Numbers of the image's user, who owns what it writes to."""

    uid: int = 0
    gid: int = 0

    def as_user(self, said: str) -> str:
        """As an image's user: what was said, or numbers in place of names."""
        is_number = all(part.isdigit() for part in said.split(":"))
        return said if is_number else f"{self.uid}:{self.gid}"


def owner_of(user: str) -> Owner:
    """`65532`, `65532:65532`, `nonroot` or `1000:nobody`. Errors: BadUser."""
    name, colon, group = user.partition(":")
    known = {name: number for name, number, _ in ACCOUNTS}
    uid = _number(name, known) if name else 0
    return Owner(uid, _number(group, known) if colon else uid if name in known else 0)


def _number(text: str, known: dict[str, int]) -> int:
    if text in known:
        return known[text]
    # Python refuses to read a number of thousands of digits; no user id has more than ten.
    if text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS and int(text) <= MAX_ID:
        return int(text)
    shown = text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…"
    raise BadUser(
        f"--user: {shown!r} is no user that the image would know",
        hint="use numbers (65532:65532), or one of root, nobody, nonroot",
    )


def users_of(owner: Owner) -> tuple[Provided, ...]:
    accounts = [*ACCOUNTS]
    if owner.uid not in {uid for _, uid, _ in accounts}:
        accounts.append(("user", owner.uid, HOME))
    groups = [(name, gid) for name, gid, _ in ACCOUNTS]
    if owner.gid not in {gid for _, gid in groups}:
        groups.append(("user", owner.gid))
    gid_of = {"user": owner.gid}
    passwd = "".join(
        f"{name}:x:{uid}:{gid_of.get(name, uid)}:{name}:{home}:{NOLOGIN}\n"
        for name, uid, home in accounts
    )
    group = "".join(f"{name}:x:{gid}:\n" for name, gid in groups)
    shown = ", ".join(f"{name} {uid}" for name, uid, _ in accounts)
    return (
        Provided("/etc/passwd", File(Bytes(passwd.encode())), shown),
        Provided("/etc/group", File(Bytes(group.encode())), ""),
    )


def home_of(owner: Owner) -> tuple[Provided, ...]:
    return (directory_of(HOME, owner),)


def directory_of(path: str, owner: Owner) -> Provided:
    """A directory that the image's user, and group 0, can write to."""
    return Provided(path, Dir(mode=0o770, uid=owner.uid, gid=0), f"writable for {owner.uid}")
