"""Two versions of Debian packages in, their order out. Pure.

The rules of Debian Policy, section 5.6.12: `[epoch:]upstream[-revision]`, compared piece by piece,
text and numbers in turn; `~` sorts before everything, even the end.
"""

import re

_PIECE = re.compile(r"(\D*)(\d*)")


def compare(one: str, other: str) -> int:
    """Below zero when `one` is older."""
    for first, second in zip(_parts(one), _parts(other), strict=True):
        order = _compare_part(first, second)
        if order:
            return order
    return 0


def satisfies(version: str, relation: str, wanted: str) -> bool:
    """Whether `version` stands in `relation` (<<, <=, =, >=, >>) to `wanted`."""
    order = compare(version, wanted)
    return {
        "<<": order < 0, "<=": order <= 0, "=": order == 0, ">=": order >= 0, ">>": order > 0,
    }.get(relation, False)  # fmt: skip


def _parts(version: str) -> tuple[str, str, str]:
    epoch, colon, rest = version.partition(":")
    upstream, _, revision = (rest if colon else version).rpartition("-")
    return (epoch if colon else "0", upstream or revision, revision if upstream else "0")


def _compare_part(one: str, other: str) -> int:
    while one or other:
        first, second = _PIECE.match(one), _PIECE.match(other)
        assert first is not None and second is not None  # noqa: S101, PT018 - it matches anything
        texts = _weights(first[1]), _weights(second[1])
        if texts[0] != texts[1]:
            return -1 if texts[0] < texts[1] else 1
        numbers = int(first[2] or 0), int(second[2] or 0)
        if numbers[0] != numbers[1]:
            return numbers[0] - numbers[1]
        one, other = one[first.end() :], other[second.end() :]
    return 0


def _weights(text: str) -> list[int]:
    """`~` before the end, the end before letters, letters before the rest."""
    return [*(-1 if c == "~" else ord(c) if c.isalpha() else ord(c) + 256 for c in text), 0]
