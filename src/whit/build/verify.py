"""A build in, whether another one gives the same bytes out: in changed surroundings.

The second build runs in a process of its own, from a copy of the source at another path, with
empty caches (Go's too), another time zone, locale, umask and hash seed, and one processor.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from whit.build.request import Request
from whit.errors.sandbox import NotReproducible
from whit.golang.gomod import read_gomod
from whit.model.result import Result

SECONDS = 3600
MAX_COPIED_BYTES = 2 << 30


class Second(msgspec.Struct, frozen=True):
    """Of the second build's document, what is compared."""

    name: str
    digest: str
    layers: tuple["SecondLayer", ...]


class SecondLayer(msgspec.Struct, frozen=True, rename="camel"):
    diff_id: str
    comment: str


def verify(request: Request, arguments: Sequence[str], results: tuple[Result, ...]) -> None:
    """Build again with `arguments`, the words of the first command line, and compare.

    Errors: NotReproducible, with the layers that differ.
    """
    with tempfile.TemporaryDirectory(prefix="whit-verify-") as place:
        cwd = _copied(request, Path(place) / "elsewhere" / "source")
        output = _run([*arguments, "--json"], cwd, _surroundings(os.environ, place))
    try:
        found = msgspec.json.decode(output, type=Second | tuple[Second, ...])
    except msgspec.DecodeError as error:
        raise NotReproducible(
            f"the second build gave no result: {error}", hint="build with --json by hand"
        ) from None
    second = (found,) if isinstance(found, Second) else found
    pairs = zip(results, second, strict=False)
    different = [
        line
        for one, other in pairs
        if one.image.manifest_digest != other.digest
        for line in _differences(one, other)
    ]
    if different or len(second) != len(results):
        raise NotReproducible(
            "a second build in other surroundings gave another image",
            hint="look for the time, a path or a random number in the program or its ldflags",
            output="\n".join(different) or f"{len(second)} images instead of {len(results)}",
        )


def _differences(one: Result, other: Second) -> list[str]:
    lines = [f"{one.name} for {one.image.platform}: {one.image.manifest_digest} and {other.digest}"]
    ours = [layer.diff_id for layer in one.image.layers]
    for mine, layer in zip(ours, other.layers, strict=False):
        same = "the same" if mine == layer.diff_id else "different"
        lines.append(f"  layer of {layer.comment}: {same}")
    if ours == [layer.diff_id for layer in other.layers]:
        lines.append("  the configuration differs")
    return lines


def _copied(request: Request, place: Path) -> Path:
    """A copy of the source's repository or module; the directory in it where the build runs."""
    directory = Path(request.directory)
    root = Path(_root_of(directory))
    if "@" in request.source:
        place.mkdir(parents=True)
        for name in ("whit.toml", "whit.lock"):
            if (root / name).is_file():
                shutil.copy(root / name, place / name)
        return place
    size = sum(
        entry.stat(follow_symlinks=False).st_size
        for parent, _, files in os.walk(root)
        for entry in map(Path(parent).joinpath, files)
    )
    if size > MAX_COPIED_BYTES:
        raise NotReproducible(
            f"{root} holds more than 2 GiB: too much to copy for a second build",
            hint="verify from a clean checkout",
        )
    shutil.copytree(root, place, symlinks=True)
    return place / directory.relative_to(root)


def _root_of(directory: Path) -> str:
    """The repository, so that VCS stamps stay; else the module; else the directory."""
    for place in (directory, *directory.parents):
        if (place / ".git").exists():
            return str(place)
    return read_gomod(str(directory)).root or str(directory)


def _surroundings(environment: Mapping[str, str], place: str) -> dict[str, str]:
    env = dict(environment)
    env |= {
        "WHIT_STORE": f"{place}/store",
        "WHIT_CACHE": f"{place}/cache",
        "GOCACHE": f"{place}/gocache",
        "GOMAXPROCS": "1",
        "TZ": "Pacific/Kiritimati",
        "LC_ALL": "C",
        "PYTHONHASHSEED": "4242",
        "TMPDIR": place,
    }
    return env


def _run(arguments: list[str], cwd: Path, env: dict[str, str]) -> bytes:
    command = [sys.executable, "-m", "whit.cli.entry", "-q", *arguments]
    try:
        done = subprocess.run(
            command, cwd=cwd, env=env, capture_output=True, check=False, timeout=SECONDS,
            umask=0o077, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotReproducible(f"the second build could not run: {error}") from None
    if done.returncode:
        raise NotReproducible(
            "the second build failed where the first did not",
            hint="it ran from a copy of the source, with empty caches",
            output=done.stderr.decode("utf-8", "replace")[-4000:],
        )
    return done.stdout
