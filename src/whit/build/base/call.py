"""The words of `whit base` in, bases in the store and wherever they are sent out.

whit.lock ─┐
           ├─▶ Chosen ─▶ Image ─▶ store, --to, --push
mirror ────┘      └─▶ whit.lock
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

import msgspec

from whit.bases.debian.sets import ARCHITECTURES, DISTROS, KINDS, Order, parse_order
from whit.build.base.assembling import Kitchen, make_image
from whit.build.base.choosing import Archive, Chosen, from_archive, from_lock
from whit.build.base.fetching import Larder, Mirror
from whit.build.events import Finished, Listener
from whit.build.house import House
from whit.build.lock import Difference, Lock, LockedBase, read_lock, write_lock
from whit.build.publish import Release, publish
from whit.build.request import Request, lock_path
from whit.errors.request import BadSetting, Drifted
from whit.model.bases import BaseImage, BasePackage, BaseRelease
from whit.model.image import Compression, Image
from whit.model.names import Platform
from whit.model.result import Receipt
from whit.oci.graph import content_of, index_of, joined
from whit.report.words import count_text
from whit.store.blobs import Store


class Based(msgspec.Struct, frozen=True):
    """The bases of one command, and where they went; `lock` is the file that names the packages."""

    bases: tuple[BaseImage, ...]
    receipts: tuple[Receipt, ...]
    lock: str

    @property
    def reference(self) -> str:
        """How to name the image where it was sent last."""
        return self.receipts[-1].reference


class Counter:
    """Where bases are chosen and made; open it with `opened`. What is chosen is locked."""

    def __init__(
        self, request: Request, kitchen: Kitchen, mirror: Mirror, *, allows_old: bool
    ) -> None:
        self.kitchen = kitchen
        self.lock_path = lock_path(request)
        self._is_frozen, self._allows_old = request.is_frozen, allows_old
        self._mirror = mirror
        self._lock = read_lock(self.lock_path)

    def base(self, order: Order, listen: Listener) -> BaseImage:
        """As it is locked; else as the archive has it now, and then it is locked."""
        locked = self._lock.debian.get(order.key) if self._lock else None
        if locked is None and self._is_frozen:
            raise Drifted(
                f"--frozen: {order.key} is not in {self.lock_path}",
                hint="make it once without --frozen; commit whit.lock with the source",
            )
        chosen = from_lock(locked) if locked is not None else self.choose(order, listen)
        image = make_image(order, chosen, self.kitchen, listen)
        if not chosen.was_locked:
            self.write({order.key: chosen.locked()})
        return _told(order, chosen, image)

    def choose(self, order: Order, listen: Listener) -> Chosen:
        """The newest there is. Errors: those of the A pages."""
        begun = perf_counter()
        with self.archive(order) as archive:
            chosen = from_archive(order, archive)
        newest = max(release.date for release in chosen.releases.values())
        detail = f"{count_text(len(chosen.packages), 'package')} of {order.distro} as of {newest}"
        listen(Finished("choose", detail, perf_counter() - begun))
        return chosen

    @contextmanager
    def archive(self, order: Order) -> Iterator[Archive]:
        """All suites, verified. Errors: those of the A pages."""
        kitchen = self.kitchen
        dates = {} if self._allows_old else self._dates()
        archive = Archive(
            order, kitchen.settings, kitchen.home, self._mirror, kitchen.larder, dates,
            allows_old=self._allows_old,
        )  # fmt: skip
        try:
            yield archive
        finally:
            archive.close()

    def write(self, bases: dict[str, LockedBase]) -> None:
        """Put bases into whit.lock."""
        before = self._lock or Lock()
        self._lock = msgspec.structs.replace(before, debian={**before.debian, **bases})
        write_lock(self.lock_path, self._lock)

    @property
    def locked(self) -> dict[str, LockedBase]:
        return self._lock.debian if self._lock else {}

    def _dates(self) -> dict[str, int]:
        """The newest Release of each suite that the lock or the cache knows of."""
        from datetime import datetime

        found = self.kitchen.larder.seen()
        for base in self.locked.values():
            for suite, release in base.releases.items():
                try:
                    date = int(datetime.fromisoformat(release.date).timestamp())
                except ValueError:
                    continue
                found[suite] = max(found.get(suite, 0), date)
        return found


@contextmanager
def opened(
    request: Request, house: House, store: Store, *, allows_old: bool = False
) -> Iterator[Counter]:
    """Errors: BadLock, BadSetting."""
    if request.settings.base.distro not in DISTROS:
        raise BadSetting(
            f"base.distro is {request.settings.base.distro!r}",
            hint="there are " + ", ".join(DISTROS),
        )
    mirror = Mirror(offline=request.offline)
    output = request.settings.output
    kitchen = Kitchen(
        request.settings.base, request.home, house, store, Larder(house.cache, mirror),
        Compression(output.compression, output.effort),
    )  # fmt: skip
    try:
        yield Counter(request, kitchen, mirror, allows_old=allows_old)
    finally:
        mirror.close()


def made_for(
    request: Request, house: House, store: Store, listen: Listener
) -> Callable[[str, Platform], Image]:
    """What makes bases by their names, as in `static-debian12:nonroot`."""

    def make(text: str, platform: Platform) -> Image:
        order = parse_order(text, request.settings.base.distro, platform)
        if order is None:
            raise BadSetting(
                f"whit-base:{text}: there is no such base",
                hint=f"there are {', '.join(KINDS)}; with a distro and a variant: "
                "static-debian12:nonroot",
            )
        with opened(request, house, store) as counter:
            return counter.base(order, listen).image

    return make


def make_bases(
    orders: tuple[Order, ...],
    request: Request,
    house: House,
    listen: Listener,
    *,
    allows_old: bool = False,
) -> Based:
    """An image, or an index of one for each platform. Errors: those of the A pages."""
    store = Store.open(house.store)
    try:
        with opened(request, house, store, allows_old=allows_old) as counter:
            bases = tuple(counter.base(order, listen) for order in orders)
        images = tuple(one.image for one in bases)
        content = joined(index_of(images, {}), images) if len(images) > 1 else content_of(images[0])
        names = request.names or (orders[0].name,)
        receipts = publish(Release(content, images), names, request, store, listen)
        return Based(bases, receipts, str(counter.lock_path))
    finally:
        store.close()


def _told(order: Order, chosen: Chosen, image: Image) -> BaseImage:
    return BaseImage(
        name=order.name,
        image=image,
        packages=tuple(
            BasePackage(p.name, p.version, p.architecture, p.digest, p.size, p.suite)
            for p in chosen.packages
        ),
        releases=tuple(
            BaseRelease(suite, r.date, r.valid_until, r.digest, r.signed_by)
            for suite, r in chosen.releases.items()
        ),
        was_locked=chosen.was_locked,
    )


def update_bases(
    request: Request, house: House, listen: Listener, *, allows_old: bool = False
) -> tuple[tuple[Difference, ...], Path]:
    """Choose anew all that is locked, write it down, and say what changed, package by package."""
    store = Store.open(house.store)
    try:
        with opened(request, house, store, allows_old=allows_old) as counter:
            found: list[Difference] = []
            fresh: dict[str, LockedBase] = {}
            for key, before in counter.locked.items():
                after = counter.choose(order_of(key), listen).locked()
                found += package_differences(key, before, after)
                fresh[key] = after
            if fresh != counter.locked:
                counter.write(fresh)
            return tuple(found), counter.lock_path
    finally:
        store.close()


def package_differences(key: str, before: LockedBase, after: LockedBase) -> list[Difference]:
    """Versions that are other than before; a package that is new or gone has one side only."""
    found = []
    for name in sorted({*before.packages, *after.packages}):
        one, other = before.packages.get(name), after.packages.get(name)
        if (one.digest if one else "") != (other.digest if other else ""):
            pair = (one.version if one else "", other.version if other else "")
            found.append(Difference(f"{key} {name}", *pair))
    return found


def order_of(key: str) -> Order:
    """What a key of the lock means. Errors: BadSetting."""
    distro, _, rest = key.partition("/")
    architecture, _, words = rest.partition("/")
    kind, *packages = words.split(",")
    machine = next((go for go, name in ARCHITECTURES.items() if name == architecture), "")
    variant = "debug" if kind.endswith("-debug") else ""
    kind = kind.removesuffix("-debug")
    if distro not in DISTROS or not machine or kind not in KINDS:
        raise BadSetting(f"whit.lock: {key} is no base", hint="remove the section")
    return Order(kind, distro, variant, Platform("linux", machine), tuple(packages))
