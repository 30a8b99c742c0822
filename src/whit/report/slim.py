"""Slimmed in, the last lines of `whit slim` out."""

from whit.model.image import Image
from whit.model.slimmed import Slimmed
from whit.report.words import count_text, size_text

MOST = 6


def _weight(image: Image) -> str:
    disk, compressed = size_text(image.file_bytes), size_text(image.size)
    return f"{disk} on disk, {compressed} compressed, {count_text(image.file_count, 'file')}"


def slim_lines(slimmed: Slimmed) -> list[str]:
    """Before and after, what went, and what cannot be known."""
    before, after = slimmed.before, slimmed.result.image
    lines = [f"before: {_weight(before)}", f"after:  {_weight(after)}"]
    if slimmed.left:
        shown = ", ".join(f"{path} {size_text(size)}" for path, size in slimmed.left[:MOST])
        lines.append(f"left out: {shown}")
    return [*lines, *(f"note: {note}" for note in slimmed.notes)]
