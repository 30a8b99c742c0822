"""Needs of the rules and of a closure in, one need a code out: the stronger stands. Pure."""

from collections.abc import Iterable, Mapping

from whit.model.plan import Need, Standing

RANK: Mapping[Standing, int] = {
    Standing.ABSENT: 0,
    Standing.ASSUMED_NOT: 1,
    Standing.EMBEDDED: 2,
    Standing.RUNTIME: 3,
    Standing.OPTIONAL: 3,
    Standing.REQUIRED: 4,
    Standing.DECLARED: 5,
}


def merged(needs: Iterable[Need], others: Iterable[Need]) -> list[Need]:
    """The needs of rules, with those that imported names make stronger, and the others added."""
    found = {need.code: need for need in needs}
    for other in others:
        there = found.get(other.code)
        if there is None or RANK[other.standing] > RANK[there.standing]:
            found[other.code] = other
    return list(found.values())
