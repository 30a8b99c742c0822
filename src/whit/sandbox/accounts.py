"""The bytes of passwd and group in, an Account out: who an image's USER is.

The rules are docker's: `user`, `user:group`, each a name or a number; a number needs no entry; the
group defaults to the entry's, else 0; extra groups count only when no group was named.
"""

from whit.errors.sandbox import UnknownUser
from whit.sandbox.spec import Account

_GREATEST_ID = 2**32 - 2  # 2^32 - 1 is the kernel's "no change"


def account_of(user: str, passwd: bytes = b"", group: bytes = b"") -> Account:
    """Resolve `user` ("" is root). Raises UnknownUser for a name that no file knows."""
    wanted, _, wanted_group = user.partition(":")
    wanted = wanted or "0"
    found = next((row for row in _rows(passwd, 7) if _is(row, wanted)), None)
    if found:
        uid, gid, name, home = int(found[2]), int(found[3]), found[0], found[5]
    else:
        uid, gid, name, home = _number(wanted, "user", "/etc/passwd"), 0, "", ""
    groups = tuple(_rows(group, 4))
    if wanted_group:
        row = next((row for row in groups if _is(row, wanted_group)), None)
        gid = int(row[2]) if row else _number(wanted_group, "group", "/etc/group")
        return Account(uid, gid, (), home)
    extra = {int(row[2]) for row in groups if name and name in row[3].split(",")}
    return Account(uid, gid, tuple(sorted(extra)), home)


def _rows(data: bytes, width: int) -> list[list[str]]:
    """Lines with enough fields and numbers where numbers belong; anything else is ignored."""
    found = []
    for line in data.decode("utf-8", "replace").splitlines():
        row = line.split(":")
        numbers = row[2:4] if width == 7 else row[2:3]
        if len(row) >= width and all(_is_id(number) for number in numbers):
            found.append(row)
    return found


def _is(row: list[str], wanted: str) -> bool:
    return row[0] == wanted or (_is_id(wanted) and int(row[2]) == int(wanted))


def _is_id(text: str) -> bool:
    digits = text.isascii() and text.isdigit() and len(text) < 11
    return digits and int(text) <= _GREATEST_ID


def _number(text: str, kind: str, file: str) -> int:
    if _is_id(text):
        return int(text)
    raise UnknownUser(
        f"the image has no {kind} named {text!r}",
        hint=f"name it by number (65532:65532), or put it into the image's {file}",
    )
