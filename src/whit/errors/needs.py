"""Needs, and what provides for them."""

from whit.errors import RequestError


class UnknownNeed(RequestError):
    """A code or name after --need or --without that no rule has."""

    code = "N000"


class UnmetNeeds(RequestError):
    """Needs that stand and that no provider can meet, all of them."""

    code = "P001"


class PathTaken(RequestError):
    """Two things claim one path of the image."""

    code = "P002"


class BadCertificates(RequestError):
    """A file after --ca-extra that holds no usable CA certificate, or holds a private key."""

    code = "P010"


class UnknownZone(RequestError):
    """A time zone that the data does not have."""

    code = "P011"


class TreeTooLarge(RequestError):
    """A directory to take along that holds more than any image should."""

    code = "P013"


class BadUser(RequestError):
    """A --user that is neither numbers nor a name the image has."""

    code = "P012"
