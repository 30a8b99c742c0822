"""Running an image, and judging it."""

from whit.errors import HostError, RequestError, UsageError


class NoRuntime(HostError):
    """Neither crun nor runc can run a container here."""

    code = "S001"


class CannotStart(RequestError):
    """The runtime works, and the image's program could not be started."""

    code = "S002"


class RuntimeFailed(HostError):
    """The runtime could not set the container up."""

    code = "S003"


class UnknownUser(RequestError):
    """A user or group name that the image's passwd and group do not know."""

    code = "S004"


class BadRunOption(UsageError):
    """A port, mount or network that cannot be read."""

    code = "S005"


class PortTaken(HostError):
    """A port to publish that cannot be listened on."""

    code = "S006"


class BadRootfs(RequestError):
    """Layers that do not make a root file system, or a file in it that leads out of it."""

    code = "S007"


class BrokenImage(RequestError):
    """The image was checked and cannot run."""

    code = "V001"


class NotReproducible(RequestError):
    """--verify: a second build gave other bytes."""

    code = "V003"


class ForeignPlatform(HostError):
    """A program for another platform, which this host cannot run."""

    code = "V002"


class NoTracer(HostError):
    """What a program uses cannot be watched here."""

    code = "S008"
