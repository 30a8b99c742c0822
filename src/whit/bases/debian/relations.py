"""What packages say of each other in, the packages that must come along out. Pure.

    Depends: libc6 (>= 2.36), debconf (>= 0.5) | debconf-2.0

Groups between commas must all be met, by the first of their alternatives that can be. A package
that is there already meets what it can; the others are taken in the newest version there is.
"""

import re
from collections.abc import Callable, Iterable
from typing import Protocol

import msgspec

from whit.bases.debian.index import Candidate
from whit.bases.debian.versions import compare, satisfies
from whit.errors.bases import UnknownPackage

MAX_PACKAGES = 2000
_RELATION = re.compile(
    r"\s*([a-z0-9][a-z0-9+.-]*)(?::[a-z0-9-]+)?\s*"
    r"(?:\(\s*(<<|<=|=|>=|>>)\s*([A-Za-z0-9.+:~-]+)\s*\))?\s*"
)


class Relation(msgspec.Struct, frozen=True):
    """`libc6 (>= 2.36)`; `relation` is "" where any version will do."""

    name: str
    relation: str = ""
    version: str = ""

    def is_met_by(self, version: str) -> bool:
        return not self.relation or satisfies(version, self.relation, self.version)

    def __str__(self) -> str:
        return f"{self.name} ({self.relation} {self.version})" if self.relation else self.name


class Archive(Protocol):
    """Where candidates are looked up: all indexes of a distribution."""

    def named(self, name: str) -> tuple[Candidate, ...]: ...
    def providing(self, name: str) -> tuple[Candidate, ...]: ...


def parse(text: str) -> tuple[tuple[Relation, ...], ...]:
    """Groups of alternatives. Errors: UnknownPackage for what is no relation."""
    groups = []
    for group in filter(str.strip, text.split(",")):
        matches = [_RELATION.fullmatch(one) for one in group.split("|")]
        if not all(matches):
            raise UnknownPackage(f"{group.strip()[:200]!r} is no relation between packages")
        groups.append(tuple(Relation(m[1], m[2] or "", m[3] or "") for m in matches if m))
    return tuple(groups)


def newest(candidates: Iterable[Candidate]) -> Candidate | None:
    """The highest version; of equal ones the first."""
    best: Candidate | None = None
    for one in candidates:
        if best is None or compare(one.version, best.version) > 0:
            best = one
    return best


def named(name: str, archive: Archive) -> Candidate:
    """The newest version of a package. Errors: UnknownPackage."""
    found = newest(archive.named(name))
    if found is None:
        raise UnknownPackage(
            f"the archive has no package {name}",
            hint="is the name right, and is it in the component main?",
        )
    return found


def resolve(
    present: Iterable[Candidate], names: Iterable[str], archive: Archive
) -> tuple[Candidate, ...]:
    """`present` as they are, then `names` with all that they depend on, each once. What `present`
    depends on is not followed: those lists are complete by themselves.

    Errors: UnknownPackage, with everything that cannot be met.
    """
    chosen = {one.name: one for one in present}
    waiting: list[Candidate] = []
    unmet: list[str] = []

    def take(one: Candidate) -> None:
        if one.name not in chosen:
            chosen[one.name] = one
            waiting.append(one)

    for name in names:
        take(named(name, archive))
    while waiting:
        one = waiting.pop(0)
        for group in parse(one.depends):
            if any(_is_met(relation, chosen.values()) for relation in group):
                continue
            found = _first(group, archive, chosen.get)
            if found is None:
                unmet.append(f"{one} needs {' | '.join(map(str, group))}")
            else:
                take(found)
        if len(chosen) > MAX_PACKAGES:
            raise UnknownPackage(f"{one.name} is one of more than {MAX_PACKAGES} packages")
    unmet += _conflicts(tuple(chosen.values()))
    if unmet:
        raise UnknownPackage(
            "these packages do not go together:\n" + "\n".join(f"  {line}" for line in unmet),
            hint="another --distro may have what is missing",
        )
    return tuple(chosen.values())


def _is_met(relation: Relation, packages: Iterable[Candidate]) -> bool:
    return any(
        (one.name == relation.name and relation.is_met_by(one.version))
        or _provides(one, relation)
        for one in packages
    )  # fmt: skip


def _provides(one: Candidate, wanted: Relation) -> bool:
    """A Provides without a version meets no relation that asks for one (Policy, section 7.5)."""
    if wanted.name not in one.provides:
        return False
    return any(
        given.name == wanted.name
        and (not wanted.relation or (bool(given.version) and wanted.is_met_by(given.version)))
        for (given, *_) in parse(one.provides)
    )


def _first(
    group: tuple[Relation, ...], archive: Archive, taken: Callable[[str], Candidate | None]
) -> Candidate | None:
    """The first alternative's best candidate: a package of that name, else one that provides it."""
    for relation in group:
        real = newest(c for c in archive.named(relation.name) if relation.is_met_by(c.version))
        if real is not None and taken(real.name) is None:
            return real
        providers = [c for c in archive.providing(relation.name) if _provides(c, relation)]
        for name in sorted({c.name for c in providers}):
            best = newest(c for c in providers if c.name == name)
            if best is not None and taken(name) is None:
                return best
    return None


def _conflicts(packages: tuple[Candidate, ...]) -> list[str]:
    return [
        f"{one} conflicts with {other}"
        for one in packages
        for (relation, *_) in parse(one.conflicts)
        for other in packages
        if other.name != one.name and _is_met(relation, (other,))
    ]
