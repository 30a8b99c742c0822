"""What in, Provided out: files that whit makes by itself or takes from the packages it depends on.

Works offline. Each kind of need has one maker; a kind that is not here is not this provider's.
"""

from collections.abc import Callable, Mapping

from whit.bases.users import Owner, directory_of, home_of, owner_of, users_of
from whit.model.plan import Provided, What
from whit.model.tree import Bytes, Dir, File, Link

# What Go does without the file (net/conf.go), said for programs that ask libc.
NSSWITCH = b"passwd: files\ngroup: files\nhosts: files dns\n"


class Embedded:
    """`now` is seconds since 1970 and decides which certificates have expired."""

    name = "embedded"

    def __init__(self, now: int, user: str = "65532:65532") -> None:
        self._now = now
        self._owner: Owner = owner_of(user)
        self._makers: Mapping[str, Callable[[What], tuple[Provided, ...]]] = {
            "ca-roots": self._ca_roots,
            "zones": self._zones,
            "zones-of-program": self._zones_of_program,
            "users": lambda _: users_of(self._owner),
            "home": lambda _: home_of(self._owner),
            "directory": lambda what: (directory_of(what.names[0], self._owner),),
            "link": lambda what: (Provided(what.names[0], Link(what.names[1]), ""),),
            "loader-cache": _loader_cache,
            "tmp": lambda what: (Provided((*what.names, "/tmp")[0], Dir(mode=0o1777), ""),),
            "nsswitch": lambda _: (Provided("/etc/nsswitch.conf", File(Bytes(NSSWITCH)), ""),),
        }

    def provide(self, what: What) -> tuple[Provided, ...] | None:
        """None when this is not this provider's business. Errors: P010, P011."""
        maker = self._makers.get(what.kind)
        return maker(what) if maker else None

    def _ca_roots(self, what: What) -> tuple[Provided, ...]:
        from whit.bases.certificates import roots_of  # noqa: PLC0415

        return (roots_of(what.names, self._now),)

    def _zones(self, what: What) -> tuple[Provided, ...]:
        from whit.bases.zones import zones_of  # noqa: PLC0415

        return zones_of(what.names)

    def _zones_of_program(self, what: What) -> tuple[Provided, ...]:
        from whit.bases.zones import zones_asked_by_program  # noqa: PLC0415

        return zones_asked_by_program(what.names)


def _loader_cache(what: What) -> tuple[Provided, ...]:
    from whit.binary.librarycache import CACHE_PATH, write_cache  # noqa: PLC0415

    architecture, *pairs = what.names
    libraries = dict(pair.partition("=")[::2] for pair in pairs)
    data = write_cache(libraries, architecture)
    return (Provided(CACHE_PATH, File(Bytes(data)), "made for this image"),)
