"""The text of --chmod and a mode in, the new mode out: octal, or chmod(1)'s symbolic list."""

import re

from whit.errors.dockerfile import RefusedInstruction

_UMASK = 0o022
_CLAUSE = re.compile(r"([ugoa]*)((?:[-+=](?:[ugo]|[rwxXst]*))+)")
_ACTION = re.compile(r"([-+=])([ugo]|[rwxXst]*)")
_SHIFT = {"u": 6, "g": 3, "o": 0}
_BITS = {"r": 4, "w": 2, "x": 1}


def is_octal(text: str) -> bool:
    return bool(re.fullmatch(r"[0-7]{1,5}", text)) and int(text, 8) <= 0o7777


def check_mode(text: str) -> str:
    """Return `text`. Errors: RefusedInstruction."""
    if not is_octal(text) and not all(_CLAUSE.fullmatch(part) for part in text.split(",")):
        raise RefusedInstruction(
            f"--chmod={text} is no mode",
            hint="write it in octal (755, 0644) or as chmod does (u=rwX,go=rX)",
        )
    return text


def changed_mode(text: str, mode: int, *, is_directory: bool) -> int:
    """`mode` (the low twelve bits) after chmod `text`, which `check_mode` let pass."""
    if is_octal(text):
        return int(text, 8)
    for part in text.split(","):
        match = _CLAUSE.fullmatch(part)
        who = match[1] if match else ""
        for operator, bits in _ACTION.findall(match[2] if match else ""):
            mode = _applied(who, operator, bits, mode, is_directory=is_directory)
    return mode


def _applied(who: str, operator: str, letters: str, mode: int, *, is_directory: bool) -> int:
    whom = "ugo" if not who or "a" in who else who
    masked = _UMASK if not who else 0
    given = 0
    for one in whom:
        if letters in _SHIFT:
            bits = mode >> _SHIFT[letters] & 7
        else:
            bits = sum(_BITS[letter] for letter in set(letters) & set(_BITS))
            if "X" in letters and (is_directory or mode & 0o111):
                bits |= 1
        given |= bits << _SHIFT[one]
    given &= ~masked
    if "s" in letters:
        given |= (0o4000 if "u" in whom else 0) | (0o2000 if "g" in whom else 0)
    if "t" in letters and "o" in whom:
        given |= 0o1000
    if operator == "+":
        return mode | given
    if operator == "-":
        return mode & ~given
    reached = sum(7 << _SHIFT[one] for one in whom)
    return mode & ~reached | given
