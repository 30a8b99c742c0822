"""What every scenario is given: where to work, what to keep, how often to repeat."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Stage:
    """`work` is deleted when the benchmark ends; `cache` keeps fetched peers between runs."""

    work: Path
    cache: Path
    is_quick: bool

    def room(self, name: str) -> Path:
        """A new directory for one scenario."""
        room = self.work / name
        room.mkdir()
        return room

    def rounds(self, full: int, quick: int) -> int:
        return quick if self.is_quick else full
