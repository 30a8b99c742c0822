"""Result and Receipt: what a build hands to whoever asked for it."""

import msgspec

from whit.model.image import Image
from whit.model.plan import Plan
from whit.model.program import Binary
from whit.model.verdict import Verdict


class Receipt(msgspec.Struct, frozen=True):
    """What left the house: `destination` as the user wrote it, `reference` to find it again."""

    destination: str
    reference: str
    digest: str


class Stripping(msgspec.Struct, frozen=True):
    """What leaving out symbols and DWARF saved. `is_measured` is False when scaled from before."""

    full_bytes: int
    stripped_bytes: int
    is_measured: bool

    @property
    def saved_bytes(self) -> int:
        return self.full_bytes - self.stripped_bytes


class Timing(msgspec.Struct, frozen=True):
    step: str
    seconds: float
    was_cached: bool = False


class Result(msgspec.Struct, frozen=True):
    """One image with its plan and verdict. `receipts` is empty when nothing was published; its
    `digest` is what was published: the image's own, or that of the index it is in.
    """

    name: str
    binary: Binary
    go_version: str
    plan: Plan
    image: Image
    verdict: Verdict
    receipts: tuple[Receipt, ...] = ()
    stripping: Stripping | None = None
    timings: tuple[Timing, ...] = ()
    digest: str = ""

    @property
    def reference(self) -> str:
        """What finds this image again: where it was last sent, else in the local store."""
        return found_by(self.receipts)


def found_by(receipts: tuple[Receipt, ...]) -> str:
    """Of the place where an image was last sent the first name; "" where it was sent nowhere."""
    return next((r.reference for r in receipts if r.destination == receipts[-1].destination), "")
