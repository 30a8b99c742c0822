"""Manifests in, the same manifests out with every program built and named by its digest.

Each program is built once, however often it is named. A path is seen from the directory whit was
called in, as `whit build` sees it; no file outside of the directory named is read.
"""

import os
import stat
from collections.abc import Callable
from typing import IO

import msgspec

from whit.build.mentions import Mention, find_mentions, replaced
from whit.errors import Place, WhitError
from whit.errors.golang import ChooseProgram
from whit.errors.request import BadManifest
from whit.model.names import Reference
from whit.model.result import Result

SUFFIXES = (".yaml", ".yml", ".json", ".tpl")
MAX_FILE_BYTES = 16 << 20
MAX_FILES = 10_000
STDIN = "-"


class Manifest(msgspec.Struct, frozen=True):
    """One file. `name` is its path below what was named; `left` are mentions inside of text."""

    file: str
    name: str
    text: str
    mentions: tuple[Mention, ...] = ()
    left: tuple[Place, ...] = ()


def read_manifests(named: str, stdin: IO[bytes]) -> tuple[Manifest, ...]:
    """The files of a directory in order of their names, one file, or stdin for `-`.
    Errors: BadManifest.
    """
    if named == STDIN:
        return (_manifest("<stdin>", "stdin", stdin.read(MAX_FILE_BYTES + 1)),)
    if not os.path.isdir(named):
        return (_manifest(named, os.path.basename(named), _read(named)),)
    root, found = os.path.realpath(named), []
    for place, directories, files in os.walk(root):
        directories[:] = sorted(name for name in directories if not name.startswith("."))
        for name in files:
            path = os.path.join(place, name)
            inside = os.path.commonpath((root, os.path.realpath(path))) == root
            if name.endswith(SUFFIXES) and not name.startswith(".") and inside:
                found.append(os.path.relpath(path, root))
        if len(found) > MAX_FILES:
            raise BadManifest(
                f"{named} holds more than {MAX_FILES} manifests", hint="name a directory of its own"
            )
    if not found:
        raise BadManifest(
            f"{named} holds no manifest", hint="they end in .yaml, .yml, .json or .tpl"
        )
    return tuple(
        _manifest(os.path.join(named, name), name, _read(os.path.join(root, name)))
        for name in sorted(found)
    )


def resolve(
    manifests: tuple[Manifest, ...], build_one: Callable[[str], tuple[Result, ...]]
) -> tuple[tuple[Manifest, ...], dict[str, str]]:
    """The manifests with references in them, and which source became which.
    Errors: those of a build, at the place of the first mention.
    """
    first: dict[str, Place] = {}
    for manifest in manifests:
        for mention in manifest.mentions:
            first.setdefault(mention.source, mention.place)
    references = {source: _built(source, place, build_one) for source, place in first.items()}
    return tuple(
        msgspec.structs.replace(m, text=replaced(m.text, m.mentions, references), mentions=())
        for m in manifests
    ), references


def joined(manifests: tuple[Manifest, ...]) -> str:
    """Several files as one stream of documents; one file as it is."""
    if len(manifests) == 1:
        return manifests[0].text
    parts: list[str] = []
    for manifest in manifests:
        text = manifest.text
        if parts and not text.startswith(("---", "%")):
            parts.append("---\n")
        parts.append(text if not text or text.endswith("\n") else text + "\n")
    return "".join(parts)


def write_manifests(manifests: tuple[Manifest, ...], place: str, *, as_tree: bool) -> None:
    """Below a directory by their names, or all into one file; each is complete or not there.
    Errors: BadManifest, those of `write_file`.
    """
    from whit.build.publish import write_file

    if not as_tree:
        data = joined(manifests).encode()
        write_file(place, lambda out: out.write(data))
        return
    if os.path.exists(place) and not os.path.isdir(place):
        raise BadManifest(
            f"{place} is no directory, and a directory was named",
            hint="name another -o, or leave it out and take stdout",
        )
    for manifest in manifests:
        path = os.path.join(place, manifest.name)
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        text = manifest.text.encode()
        write_file(path, lambda out, text=text: out.write(text))  # type: ignore[misc]


def _built(source: str, place: Place, build_one: Callable[[str], tuple[Result, ...]]) -> str:
    try:
        results = build_one(source)
        if len({result.digest for result in results}) != 1:
            raise ChooseProgram(
                f"{source} holds {len(results)} programs",
                hint="name one of them: " + ", ".join(f"./cmd/{r.name}" for r in results[:3]),
            )
    except WhitError as error:
        if error.place is None:
            error.place = place
        raise
    found = Reference.parse(results[0].reference)
    # A tag beside the digest says nothing, and not every engine takes both.
    return str(msgspec.structs.replace(found, tag="")) if found.registry else results[0].reference


def _manifest(file: str, name: str, data: bytes) -> Manifest:
    if len(data) > MAX_FILE_BYTES:
        raise BadManifest(f"{file} is larger than 16 MiB", hint="is this the right file?")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadManifest(
            f"{file} is not UTF-8", hint="save it as UTF-8", place=Place(file, line)
        ) from None
    return Manifest(file, name, text, *find_mentions(text, file))


def _read(path: str) -> bytes:
    try:
        # A FIFO or a device would never end.
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise BadManifest(
                f"{path} is no regular file", hint="-f takes a file, a directory or -"
            )
        with open(path, "rb") as file:
            return file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise BadManifest(
            f"{path}: {error.strerror}", hint="-f takes a file, a directory or -"
        ) from None
