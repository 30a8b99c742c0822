"""Names, paths and values."""

from whit.errors import RequestError


class BadName(RequestError):
    """A digest, platform or reference that cannot be read."""

    code = "W010"


class BadPath(RequestError):
    """A path inside an image that is not absolute, not normal, or that two things claim."""

    code = "W011"
