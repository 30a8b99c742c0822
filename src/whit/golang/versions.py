"""Go release names in, their order out: 1.21, 1.21.13, 1.22rc1.

A release without a patch number is the language version: every patch of it satisfies it.
"""

import re

import msgspec

_RELEASE = re.compile(r"(?:go)?([1-9]\d?)\.(\d{1,3})(?:\.(\d{1,3})|(rc|beta)(\d{1,2}))?")


class Release(msgspec.Struct, frozen=True, order=True):
    """Numbers in comparing order; `stage` is 0 for a beta, 1 for a candidate, 2 when released.
    `patch` is -1 where the name has none, which sorts before every patch.
    """

    major: int
    minor: int
    stage: int = 2
    patch: int = -1

    def covers(self, other: "Release") -> bool:
        """Whether a name as short as 1.21 means `other`, or both are the same release."""
        if self.stage == 2 and self.patch < 0:
            return self.patch_line == other.patch_line
        return self == other

    @property
    def patch_line(self) -> tuple[int, int, int]:
        return self.major, self.minor, self.stage

    def __str__(self) -> str:
        text = f"{self.major}.{self.minor}"
        if self.stage < 2:
            return f"{text}{('beta', 'rc')[self.stage]}{self.patch}"
        return text if self.patch < 0 else f"{text}.{self.patch}"


def parse_release(text: str) -> Release | None:
    """None for what is no release of Go, such as a development build or a typing error."""
    match = _RELEASE.fullmatch(text.strip())
    if match is None:
        return None
    major, minor, patch, stage, number = match.groups()
    if stage:
        return Release(int(major), int(minor), ("beta", "rc").index(stage), int(number))
    return Release(int(major), int(minor), 2, int(patch) if patch else -1)
