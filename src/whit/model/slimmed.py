"""What making an image smaller gave."""

import msgspec

from whit.model.image import Image
from whit.model.result import Result


class Slimmed(msgspec.Struct, frozen=True):
    """`left` pairs a directory with the bytes below it that were left out, the largest first."""

    before: Image
    result: Result
    left: tuple[tuple[str, int], ...]
    notes: tuple[str, ...]
