"""whit.lock: what goes into an image besides its source, by version and digest.

    [go]            the release that compiles
    [certificates]  the CA roots          [zones]  the time zones      [modules]  go.mod and go.sum
    [compressors]   they decide the digest of every layer
    [base."NAME"]   base images, by platform
    [debian."DISTRO/MACHINE/LIST"]   what bases are made of, package by package

The file lies beside whit.toml, or beside go.mod where there is none.
"""

import hashlib
import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated

import msgspec

from whit.build.request import Request
from whit.errors.request import BadLock, Drifted
from whit.oci.documents import DigestText

MAX_FILE_BYTES = 4 << 20
FORMAT = 1
_HEAD = """\
# What goes into the images besides the source, by version and digest. Written by `whit lock`;
# `whit lock --update` takes what is current, and `whit build --frozen` refuses anything else.
"""
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


class Input(msgspec.Struct, frozen=True, omit_defaults=True):
    """One input: its version in words, and the SHA-256 of its bytes where they are at hand."""

    version: str = ""
    digest: str = ""

    def __str__(self) -> str:
        return " ".join(filter(None, (self.version, self.digest[:19])))


class LockedRelease(msgspec.Struct, frozen=True, rename="kebab", forbid_unknown_fields=True):
    """The signed Release of a suite that the packages were chosen from; `digest` is that of the
    whole file, `signed_by` the fingerprints of the trusted keys that signed it.
    """

    date: str
    digest: str
    signed_by: tuple[str, ...]
    valid_until: str = ""


class LockedPackage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A package file; `path` is where it lies below a mirror."""

    version: str
    architecture: str
    digest: DigestText
    size: int
    path: Annotated[str, msgspec.Meta(pattern=r"^(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9.+:~%_/-]*$")]
    suite: str


class LockedBase(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The packages of one base by name, in the order in which they were chosen."""

    releases: dict[str, LockedRelease]
    packages: dict[str, LockedPackage]


class Lock(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The file. `base` maps a reference to the digest of each platform; "" is the index's own.
    `debian` maps `debian13/amd64/static` to what such a base is made of.
    """

    version: int = FORMAT
    go: Input | None = None
    modules: Input | None = None
    certificates: Input | None = None
    zones: Input | None = None
    compressors: dict[str, str] = {}
    base: dict[str, dict[str, str]] = {}
    debian: dict[str, LockedBase] = {}


class Difference(msgspec.Struct, frozen=True):
    """`name` is a section; `locked` or `found` is "" where the other side has it alone."""

    name: str
    locked: str
    found: str

    def __str__(self) -> str:
        if not self.locked:
            return f"{self.name}: {self.found} (new)"
        if not self.found:
            return f"{self.name}: {self.locked} (gone)"
        return f"{self.name}: {self.locked} -> {self.found}"


def read_lock(path: Path) -> Lock | None:
    """None where there is no file. Errors: BadLock."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BadLock(f"{path} cannot be read: {error.strerror}") from None
    hint = "`whit lock --update` writes it anew; it is made to be committed, not edited"
    try:
        if len(data) > MAX_FILE_BYTES:
            raise BadLock(f"{path} is larger than 4 MiB", hint=hint)
        table = tomllib.loads(data.decode())
        lock = msgspec.convert(table, Lock)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise BadLock(f"{path} cannot be read: {error}", hint=hint) from None
    if lock.version != FORMAT:
        raise BadLock(f"{path} has format {lock.version}, and this whit reads {FORMAT}", hint=hint)
    return lock


def write_lock(path: Path, lock: Lock) -> None:
    """Write the file as a whole: equal locks give equal bytes. Errors: BadLock."""
    from whit.oci.layout import write_whole

    try:
        write_whole(str(path), (_HEAD + "\n".join(_lines(lock)) + "\n").encode())
    except OSError as error:
        raise BadLock(f"{path} cannot be written: {error.strerror}") from None


def _lines(lock: Lock) -> Iterator[str]:
    yield f"version = {lock.version}"
    for name, value in msgspec.to_builtins(lock).items():
        if name == "base":
            for reference, digests in sorted(value.items()):
                yield from ("", f"[base.{_key(reference)}]", *_pairs(digests))
        elif name == "debian":
            for key, sections in sorted(value.items()):
                for section, rows in sections.items():
                    yield from ("", f"[debian.{_key(key)}.{section}]", *_rows(rows))
        elif isinstance(value, dict) and value:
            yield from ("", f"[{name}]", *_pairs(value))


def _pairs(table: Mapping[str, str]) -> Iterator[str]:
    for key, value in sorted(table.items()):
        if value:
            yield f"{_key(key)} = {_quoted(value)}"


def _rows(table: Mapping[str, Mapping[str, object]]) -> Iterator[str]:
    """A line for each, in their order, which is one of dependencies."""
    for key, row in table.items():
        cells = ", ".join(f"{name} = {_value(value)}" for name, value in row.items() if value)
        yield f"{_key(key)} = {{ {cells} }}"


def _value(value: object) -> str:
    return _quoted(value) if isinstance(value, str) else msgspec.json.encode(value).decode()


def _key(text: str) -> str:
    return text if _BARE_KEY.fullmatch(text) else _quoted(text)


def _quoted(text: str) -> str:
    """A TOML basic string; JSON's escapes are among its own."""
    return msgspec.json.encode(text).decode().replace("\x7f", "\\u007f")


# ---- what is here now ---------------------------------------------------------------------------


def inputs_of(request: Request, go_version: str, before: Lock | None) -> Lock:
    """What a build would take now; base images stay as `before` has them."""
    from whit.layer.compress import compressor_versions

    return Lock(
        go=Input(go_version) if go_version else None,
        modules=_modules(request),
        certificates=_certificates(),
        zones=_zones(),
        compressors=compressor_versions(),
        base=before.base if before else {},
        debian=before.debian if before else {},
    )


def _certificates() -> Input:
    import certifi

    return Input(f"certifi {certifi.__version__}", _digest_of_files((certifi.where(),)))


def _zones() -> Input:
    import tzdata

    place = os.path.join(os.path.dirname(tzdata.__file__), "zoneinfo")
    files = sorted(
        os.path.join(root, name)
        for root, _, names in os.walk(place)
        for name in names
        if not name.endswith((".py", ".pyc"))
    )
    return Input(f"tzdata {tzdata.IANA_VERSION}", _digest_of_files(files, place))


def _modules(request: Request) -> Input | None:
    """The module graph: go.mod and go.sum say all of it."""
    from whit.golang.gomod import read_gomod

    source = os.path.join(request.directory, request.source)
    gomod = read_gomod(source if os.path.isdir(source) else request.directory)
    if not gomod.root or "@" in request.source:
        return None
    names = ("go.mod", "go.sum", "go.work", "go.work.sum")
    paths = [os.path.join(gomod.root, name) for name in names]
    found = [path for path in paths if os.path.isfile(path)]
    return Input(gomod.module, _digest_of_files(found, gomod.root))


def _digest_of_files(paths: tuple[str, ...] | list[str], root: str = "") -> str:
    """Over names and bytes, so that a file that moves counts."""
    state = hashlib.sha256()
    for path in paths:
        name = os.path.relpath(path, root) if root else os.path.basename(path)
        with open(path, "rb") as file:
            inner = hashlib.file_digest(file, "sha256").hexdigest()
        state.update(f"{inner}  {name}\n".encode())
    return f"sha256:{state.hexdigest()}"


# ---- comparing ----------------------------------------------------------------------------------


def differences(locked: Lock, found: Lock) -> tuple[Difference, ...]:
    """What is not as it was locked, in the order of the file."""
    result = []
    for name in ("go", "modules", "certificates", "zones"):
        before, after = getattr(locked, name), getattr(found, name)
        if before != after:
            result.append(Difference(name, str(before or ""), str(after or "")))
    for section in ("compressors", "base"):
        before, after = getattr(locked, section), getattr(found, section)
        for key in sorted({*before, *after}):
            if before.get(key) != after.get(key):
                pair = (_shown(before.get(key)), _shown(after.get(key)))
                result.append(Difference(f"{section} {key}", *pair))
    return tuple(result)


def module_drift(locked: Lock, request: Request) -> Difference | None:
    """How go.mod and go.sum differ from what was locked, if they were."""
    found = _modules(request)
    if locked.modules is None or found is None or found == locked.modules:
        return None
    return Difference("modules", str(locked.modules), str(found))


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key or 'index'} {digest[:19]}" for key, digest in sorted(value.items()))
    return str(value or "")


def updated(
    before: Lock | None,
    found: Lock,
    names: tuple[str, ...],
    resolve: Callable[[str], dict[str, str]],
) -> Lock:
    """`before` with what is current: all of it, or only the sections or base images `names`. A
    first lock has everything.
    """
    before = before or found
    if not names:
        bases = {name: resolve(name) for name in found.base}
        return msgspec.structs.replace(found, base=bases)
    changes: dict[str, object] = {}
    bases = dict(before.base)
    for name in names:
        if name in ("go", "modules", "certificates", "zones", "compressors"):
            changes[name] = getattr(found, name)
        else:
            # A base image, also one that was not locked yet.
            bases[name] = resolve(name)
    return msgspec.structs.replace(before, **changes, base=bases)


def check_frozen(locked: Lock | None, found: Lock, path: Path) -> None:
    """Errors: Drifted, with every difference."""
    if locked is None:
        raise Drifted(
            f"--frozen: there is no {path}", hint="`whit lock` writes it; commit it with the source"
        )
    drift = differences(locked, found)
    if drift:
        raise Drifted(
            f"{count(len(drift))} not as {path.name} says",
            hint="`whit lock --update` accepts what is here, or install what was locked",
            output="\n".join(str(one) for one in drift),
        )


def count(number: int) -> str:
    return "1 input is" if number == 1 else f"{number} inputs are"
