"""What a scenario hands back: measured cases, sizes, claims with their targets, absent peers."""

from dataclasses import dataclass, field

from measure import Series


@dataclass(frozen=True)
class Case:
    """Series measured in turn. `baseline` names the one that the others are divided by."""

    name: str
    baseline: str
    series: tuple[Series, ...]

    def of(self, name: str) -> Series | None:
        return next((series for series in self.series if series.name == name), None)


@dataclass(frozen=True)
class Claim:
    """`value` is to stay at or under `limit`, both in `unit` (ms, x or bytes)."""

    text: str
    value: float
    limit: float
    unit: str

    @property
    def holds(self) -> bool:
        return self.value <= self.limit


@dataclass(frozen=True)
class Size:
    """Bytes of one image, all in: manifest, configuration and layers, as its blobs weigh."""

    name: str
    tool: str
    disk_bytes: int
    layer_bytes: int
    image_bytes: int
    file_count: int | None = None


@dataclass(frozen=True)
class Outcome:
    scenario: str
    cases: tuple[Case, ...] = ()
    claims: tuple[Claim, ...] = ()
    sizes: tuple[Size, ...] = ()
    tools: dict[str, str] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
