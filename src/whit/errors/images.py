"""Images, layouts and the store."""

from whit.errors import HostError, RequestError, WorldError


class InvalidImage(RequestError):
    """A manifest, config or index that contradicts the OCI specification or itself."""

    code = "O001"


class NotALayout(RequestError):
    """A directory that holds no OCI layout where one is needed, or holds something else."""

    code = "O002"


class BadTime(RequestError):
    """A creation time that no image can state."""

    code = "O003"


class CannotWriteImage(HostError):
    """The place an image should be written to refuses it."""

    code = "O004"


class StoreUnwritable(HostError):
    """The store cannot be created or written: read-only, or somebody else's."""

    code = "T001"


class StoreFull(HostError):
    """The disk or the quota under the store is full."""

    code = "T002"


class BrokenBlob(WorldError):
    """A blob whose bytes are not those of its name, or that is missing."""

    code = "T003"


class BrokenStore(WorldError):
    """The store's index cannot be read."""

    code = "T004"


class UnknownImage(RequestError):
    """A name or digest that the store does not hold, or that means several images."""

    code = "T005"
