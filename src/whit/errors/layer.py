"""Layers that cannot be read or written."""

from whit.errors import HostError, RequestError, WorldError


class ContentChanged(WorldError):
    """A file's bytes are no longer those that the plan looked at."""

    code = "L001"
    temporary = True


class ContentUnreadable(RequestError):
    """A file of the plan that is gone, no regular file, or not readable."""

    code = "L002"


class UnwritableNode(RequestError):
    """A path, link, mode, owner or attribute that no layer can say."""

    code = "L003"


class BrokenLayer(RequestError):
    """A layer whose bytes are no tar, or a truncated or contradictory one."""

    code = "L004"


class HostileLayer(RequestError):
    """A layer that reaches out of its root, or holds what no image should."""

    code = "L005"


class LayerTooLarge(RequestError):
    """A layer beyond the limits: bytes, entries, names or compression ratio."""

    code = "L006"


class CannotUnpack(HostError):
    """The host refused to write an unpacked file."""

    code = "L007"
