"""Bases: Debian's archive, its packages, and programs that stand on an image."""

from whit.errors import HostError, RequestError, WorldError


class NoMirror(RequestError):
    """Nobody says where Debian's packages come from, or what they say is no mirror."""

    code = "A001"


class MirrorFailed(WorldError):
    """A mirror that cannot be reached, or that lacks what its index names."""

    code = "A002"
    temporary = True


class UntrustedRelease(RequestError):
    """An InRelease that no trusted key signed as it stands."""

    code = "A003"


class OldRelease(RequestError):
    """An InRelease that has run out, or is older than one that was seen before."""

    code = "A004"


class WrongBytes(RequestError):
    """An index or a package whose bytes are not those that the signed Release means."""

    code = "A005"


class BrokenPackage(RequestError):
    """A package that cannot be read, or that holds what no base should."""

    code = "A006"


class UnknownPackage(RequestError):
    """A package that the archive lacks, or whose dependencies cannot be met."""

    code = "A007"


class NoVerifier(HostError):
    """The library that checks signatures is not installed."""

    code = "A008"


class CannotStandOn(RequestError):
    """A program that could not run on the base it was given, or a base that is none."""

    code = "A009"
