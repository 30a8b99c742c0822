"""An order in, the packages it means out: those of whit.lock, or the newest that a signed Release
leads to.

    InRelease ─signature─▶ Release ─digest─▶ Packages ─search─▶ Candidate… ─digest─▶ .deb
"""

import mmap
import os
import time
from collections.abc import Mapping
from contextlib import ExitStack

import msgspec

from whit.bases.debian.index import Candidate, Index
from whit.bases.debian.keys import Key, archive_keys
from whit.bases.debian.relations import named, resolve
from whit.bases.debian.release import Release, day, read_release, refuse_old
from whit.bases.debian.sets import Order, packages_of
from whit.bases.debian.signature import MAX_BYTES, signed_text
from whit.build.base.fetching import Larder, Mirror, shown
from whit.build.base.mirrors import Source, sources_of
from whit.build.lock import LockedBase, LockedPackage, LockedRelease
from whit.build.settings import BaseSettings
from whit.errors.bases import MirrorFailed, NoMirror, UntrustedRelease, WrongBytes
from whit.model.names import Digest, digest_of


class Chosen(msgspec.Struct, frozen=True):
    """`packages` of the list come first, sorted by name, then those that were asked for with what
    they depend on. `releases` are what stood for them when they were chosen.
    """

    packages: tuple[Candidate, ...]
    releases: dict[str, LockedRelease]
    was_locked: bool = False

    def locked(self) -> LockedBase:
        return LockedBase(
            releases=self.releases,
            packages={
                one.name: LockedPackage(
                    one.version, one.architecture, one.digest, one.size, one.path, one.suite
                )
                for one in self.packages
            },
        )


def from_lock(locked: LockedBase) -> Chosen:
    packages = tuple(
        Candidate(name, p.version, p.architecture, p.path, p.size, Digest(p.digest), p.suite)
        for name, p in locked.packages.items()
    )
    return Chosen(packages, locked.releases, was_locked=True)


class Archive:
    """All suites of a distribution for one machine, verified. Close it after use.

    `dates` are those of the newest Release that is known of each suite.
    """

    def __init__(
        self,
        order: Order,
        settings: BaseSettings,
        home: str,
        mirror: Mirror,
        larder: Larder,
        dates: Mapping[str, int],
        *,
        allows_old: bool = False,
    ) -> None:
        self.releases: dict[str, LockedRelease] = {}
        self._allows_old = allows_old
        self._order, self._mirror, self._larder = order, mirror, larder
        self._keys = _own_keys(settings, home)
        self._indexes: list[Index] = []
        self._closing = ExitStack()
        try:
            for source in sources_of(settings, order.codename, order.architecture, home):
                self._open(source, dates.get(source.suite, 0))
        except BaseException:
            self.close()
            raise

    def named(self, name: str) -> tuple[Candidate, ...]:
        return tuple(one for index in self._indexes for one in index.named(name))

    def providing(self, name: str) -> tuple[Candidate, ...]:
        return tuple(one for index in self._indexes for one in index.providing(name))

    def close(self) -> None:
        self._indexes.clear()
        self._closing.close()

    def _open(self, source: Source, newest_date: int) -> None:
        directory = f"dists/{source.suite}"
        what = f"{shown(source.url)}/{directory}/InRelease"
        now = int(time.time())
        try:
            data = self._mirror.read(source.url, f"{directory}/InRelease", MAX_BYTES)
        except MirrorFailed as error:
            error.hint = (
                f"without {source.suite} the base would lack updates: --mirror and "
                "base.security-mirror name mirrors, base.suites says which suites they have"
            )
            raise
        keys = self._keys or archive_keys(self._order.codename, is_security=source.is_security)
        signed = signed_text(data, keys, now, what)
        wanted = f"main/binary-{self._order.architecture}/Packages"
        release = read_release(signed.text, source.suite, wanted)
        if not self._allows_old:
            refuse_old(release, now, newest_date)
        try:
            self._index(source, release, directory)
        except WrongBytes as error:
            platform = self._order.platform
            error.message = f"{source.suite} for {platform}: {error.message}"
            error.hint = f"{error.hint}, or leave {platform} out"
            raise
        self.releases[source.suite] = LockedRelease(
            date=day(release.date),
            valid_until=day(release.valid_until) if release.valid_until else "",
            digest=digest_of(data),
            signed_by=signed.signers,
        )
        self._larder.note_seen({source.suite: release.date})

    def _index(self, source: Source, release: Release, directory: str) -> None:
        path = self._larder.index(
            source.url, directory, release.files, hashed=release.has_hashed_paths
        )
        if not os.path.getsize(path):
            return  # a suite without packages
        file = self._closing.enter_context(open(path, "rb"))  # noqa: SIM115 - closed by the stack
        data = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
        self._closing.callback(data.close)
        self._indexes.append(Index(data, source.suite))


def from_archive(order: Order, archive: Archive) -> Chosen:
    """Errors: UnknownPackage, WrongBytes."""
    listed = tuple(named(name, archive) for name in packages_of(order))
    packages = resolve(listed, order.packages, archive)
    return Chosen(packages, archive.releases)


def urls_of(settings: BaseSettings, order: Order, home: str) -> dict[str, str]:
    """Where the packages of each suite lie."""
    try:
        known = sources_of(settings, order.codename, order.architecture, home)
        return {source.suite: source.url for source in known}
    except NoMirror:
        return {}  # everything may be here already


def _own_keys(settings: BaseSettings, home: str) -> tuple[Key, ...]:
    found = []
    for name in settings.keys:
        path = os.path.join(home, name)
        try:
            with open(path, "rb") as file:
                found.append(Key(file.read(MAX_BYTES)))
        except OSError as error:
            raise UntrustedRelease(
                f"base.keys: {path} cannot be read: {error.strerror}",
                hint="name OpenPGP certificates; paths start at the directory of whit.toml",
            ) from None
    return tuple(found)
