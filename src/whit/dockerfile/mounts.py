"""The text of a `--mount` in, a typed mount out; and the numbers and sizes in it. Pure."""

import posixpath
import re
from collections.abc import Callable, Iterable
from typing import NoReturn

import msgspec

from whit.dockerfile.flags import did_you_mean
from whit.dockerfile.instructions import (
    BindMount,
    CacheMount,
    Mount,
    MountText,
    Owner,
    SecretMount,
    Sharing,
    SshMount,
    TmpfsMount,
)
from whit.errors.dockerfile import BadInstruction

TYPES = ("bind", "cache", "tmpfs", "secret", "ssh")
_ALIASES = {
    "src": "source",
    "dst": "target",
    "destination": "target",
    "ro": "readonly",
    "rw": "readwrite",
}
_KEYS = (
    *("type", "from", "source", "target", "readonly", "readwrite", "id", "sharing", "required"),
    *("size", "mode", "uid", "gid", "env"),
)
# Keys that may stand without a value.
_SWITCHES = ("readonly", "readwrite", "required")
# Go's strconv.ParseBool.
_TRUE = ("1", "t", "T", "TRUE", "true", "True")
_FALSE = ("0", "f", "F", "FALSE", "false", "False")
_SIZE = re.compile(r"(\d+(?:\.\d*)?|\.\d+) ?(?:([kmgtp])(?:i?b)?|b)?", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_MAX_NUMBER = 0xFFFFFFFF
_MAX_SIZE = 1 << 62


class Fields(msgspec.Struct):
    """The keys of one mount while they are read; a key's last value wins."""

    kind: str = "bind"
    values: dict[str, str] = {}
    is_read_only: bool | None = None


def read_mount_text(text: str) -> MountText:
    """Split a `--mount` at its commas. Errors: BadInstruction, without a place."""
    fields = split_csv(text)
    origin = ""
    for field in fields:
        key, equals, value = field.partition("=")
        if key.lower() == "from" and equals:
            if "$" in value[:-1]:
                raise BadInstruction(
                    "the `from` of a mount takes no variables",
                    hint=f"give it a stage: FROM {value} AS name, and write from=name",
                )
            origin = value
    return MountText(fields, origin)


def split_csv(text: str) -> tuple[str, ...]:
    """One row of comma-separated values; a field in double quotes may hold commas."""
    fields: list[str] = []
    at = 0
    while at <= len(text):
        match = re.compile(r'"((?:[^"]|"")*)"(?=,|\Z)|([^",]*)(?=,|\Z)').match(text, at)
        if match is None:
            raise BadInstruction(
                f"the quotes in {text!r} do not fit", hint='a quoted field is "whole,field"'
            )
        quoted = match[1]
        fields.append(match[2] if quoted is None else quoted.replace('""', '"'))
        at = match.end() + 1
    return tuple(fields) if text else ()


def read_mount(mount: MountText, expand: Callable[[str], str]) -> Mount:
    """The mount with its values expanded. Errors: BadInstruction, and what `expand` raises."""
    found = Fields(values={})
    for field in mount.fields:
        _read_field(found, field, expand)
    kind, values = found.kind, found.values
    _check(kind, values)
    owner = Owner(*(_number(values, key, base) for key, base in _OWNER))
    is_read_only = found.is_read_only
    target, source = values.get("target", ""), values.get("source", "")
    origin, identity = values.get("from", ""), values.get("id", "")
    if kind == "secret":
        return _secret(values, owner)
    if kind == "ssh":
        if source:
            _refuse("an ssh mount has no source")
        return SshMount(identity or "default", target, _required(values), owner)
    if kind == "tmpfs":
        return TmpfsMount(target, _size(values.get("size", "")), bool(is_read_only))
    inner = posixpath.normpath("/" + source)
    if kind == "cache":
        sharing = Sharing(values.get("sharing", "").lower() or "shared")
        name = identity or posixpath.normpath(target or ".")
        return CacheMount(target, name, sharing, origin, inner, bool(is_read_only), owner)
    return BindMount(target, origin, inner, is_read_only is not False)


_OWNER = (("uid", 10), ("gid", 10), ("mode", 8))


def _read_field(found: Fields, field: str, expand: Callable[[str], str]) -> None:
    key, equals, value = field.partition("=")
    key = _ALIASES.get(key.lower(), key.lower())
    if not equals:
        if key not in _SWITCHES:
            _refuse(f"{field!r} is not written as key=value")
        value = "true"
    else:
        value = expand(value)
    if key not in _KEYS:
        _refuse(f"a mount has no key {key!r}", did_you_mean(key, [*_KEYS, *_ALIASES]))
    if key == "type":
        found.kind = value.lower()
        if found.kind not in TYPES:
            _refuse(f"there is no mount of type {value!r}", _one_of(value, TYPES))
    elif key in ("readonly", "readwrite"):
        found.is_read_only = _truth(key, value) is (key == "readonly")
    else:
        found.values[key] = value
        if key == "required":
            _truth(key, value)
        if key in ("required", "size") and found.kind not in _ONLY[key]:
            _refuse(f"a mount of type {found.kind} has no key {key!r}")
        if key == "sharing" and value.lower() not in list(Sharing):
            _refuse(f"there is no sharing {value!r}", _one_of(value, list(Sharing)))


_ONLY = {"required": ("secret", "ssh"), "size": ("tmpfs",)}


def _check(kind: str, values: dict[str, str]) -> None:
    if kind not in ("secret", "ssh", "cache"):
        for key, _ in _OWNER:
            if key in values:
                _refuse(f"a mount of type {kind} has no key {key!r}")
    if values.get("sharing") and kind not in ("cache", "secret"):
        _refuse(f"a mount of type {kind} has no key 'sharing'")


def _secret(values: dict[str, str], owner: Owner) -> SecretMount:
    for key in ("from", "sharing"):
        if values.get(key):
            _refuse(f"a secret has no key {key!r}")
    target, source, identity = (values.get(key, "") for key in ("target", "source", "id"))
    if source and identity:
        _refuse("a secret takes an id or a source, and not both")
    name = source or identity or posixpath.basename(target.rstrip("/"))
    if not name:
        _refuse("a secret needs an id", "write --mount=type=secret,id=NAME")
    variable = values.get("env")
    if variable is None and not target:
        target = f"/run/secrets/{posixpath.basename(name.rstrip('/'))}"
    return SecretMount(name, target, variable or "", _required(values), owner)


def _required(values: dict[str, str]) -> bool:
    return "required" in values and values["required"] in _TRUE


def _truth(key: str, value: str) -> bool:
    if value not in (*_TRUE, *_FALSE):
        _refuse(f"{key} is true or false, and not {value!r}")
    return value in _TRUE


def _number(values: dict[str, str], key: str, base: int) -> int | None:
    text = values.get(key)
    if text is None:
        return None
    digits = "01234567" if base == 8 else "0123456789"
    if not text or len(text) > 20 or not set(text) <= set(digits) or int(text, base) > _MAX_NUMBER:
        _refuse(f"{key} is {'an octal' if base == 8 else 'a'} number, and not {text!r}")
    return int(text, base)


def _size(text: str) -> int:
    if not text:
        return 0
    match = _SIZE.fullmatch(text)
    if match is None or len(text) > 40:
        _refuse(f"{text!r} is no size", "write it as 64m or 1g")
    size = int(float(match[1]) * 1024 ** _POWERS[(match[2] or "").lower()])
    if size > _MAX_SIZE:
        _refuse(f"{text} is larger than any memory")
    return size


def _one_of(word: str, known: Iterable[str]) -> str:
    return did_you_mean(word, known) or "one of " + ", ".join(known)


def _refuse(message: str, hint: str | None = None) -> NoReturn:
    raise BadInstruction(message, hint=hint)


def placed(mount: Mount, working_dir: str) -> Mount:
    """The mount with its target as an absolute path. Errors: BadInstruction for the root."""
    if not mount.target and isinstance(mount, CacheMount | TmpfsMount):
        kind = "cache" if isinstance(mount, CacheMount) else "tmpfs"
        _refuse(f"--mount=type={kind} has no target", "add target=/a/path")
    if not mount.target and not isinstance(mount, BindMount):
        return mount
    target = posixpath.normpath(posixpath.join("/", working_dir, mount.target))
    if target.strip("/") == "":
        _refuse("a mount cannot cover the root directory")
    return msgspec.structs.replace(mount, target=target.replace("//", "/"))
