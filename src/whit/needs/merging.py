"""Needs of the rules and of a closure in, one need a code out: the stronger stands. Pure."""

from collections.abc import Iterable, Mapping

import msgspec

from whit.model.plan import Need, Standing

MAX_EVIDENCE = 64
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
        if there is None or _is_stronger(other, there):
            found[other.code] = other
    return list(found.values())


def _is_stronger(one: Need, other: Need) -> bool:
    """An assumption without evidence takes the place of another such only: not of a proof."""
    if one.standing is Standing.ASSUMED_NOT and not one.evidence:
        return other.standing is Standing.ASSUMED_NOT and not other.evidence
    return RANK[one.standing] > RANK[other.standing]


def combined(groups: Iterable[Iterable[Need]]) -> list[Need]:
    """The needs of several programs in one image: everything that any of them needs."""
    found: dict[str, Need] = {}
    for group in groups:
        for need in group:
            there = found.get(need.code)
            found[need.code] = need if there is None else _both(there, need)
    return list(found.values())


def _both(one: Need, other: Need) -> Need:
    strong, weak = (other, one) if RANK[other.standing] > RANK[one.standing] else (one, other)
    known = {(what.kind, what.names) for what in strong.what}
    more = tuple(what for what in weak.what if (what.kind, what.names) not in known)
    evidence = tuple(dict.fromkeys((*strong.evidence, *weak.evidence)))
    return msgspec.structs.replace(
        strong, what=(*strong.what, *more), evidence=evidence[:MAX_EVIDENCE]
    )
