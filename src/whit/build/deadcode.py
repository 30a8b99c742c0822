"""A program in, DeadCode out: what keeps methods alive that nobody calls, and what they weigh.

From source the linker's own objects say it exactly: walked as if nothing looked methods up, the
functions that do and are still reached are the causes; all others are there only because of them.
How much it is, a second link tells, of objects in which the mark of these functions is taken away.
That program is measured and thrown away: it would crash where a template calls a method.
"""

import os
from tempfile import TemporaryDirectory

import msgspec

from whit.binary.calls import open_code
from whit.binary.deadcode import blockers_in, find_dead_code
from whit.binary.facts import Facts
from whit.binary.goobj import REFLECT_METHOD
from whit.build.linked import Linked
from whit.golang.objects import relink
from whit.model.deadcode import Blocker, DeadCode, Measured

_PLUGINS = "plugin.Open"
_CALLERS_SINCE = 22


def explain_dead_code(facts: Facts, linked: Linked | None) -> DeadCode:
    """With the way to each blocker; measured where the graph is at hand. Errors: those of Go."""
    if linked is None or not _marks_callers(facts):
        found = find_dead_code(facts)
        blockers = explain_blockers(facts, None) if found.is_dropped is False else ()
        return msgspec.structs.replace(found, blockers=blockers)
    blockers = explain_blockers(facts, linked)
    found = DeadCode(not blockers, blockers, "objects")
    if not blockers or linked.loads_plugins:
        return found
    return msgspec.structs.replace(found, measured=_measured(linked, facts))


def explain_blockers(facts: Facts, linked: Linked | None) -> tuple[Blocker, ...]:
    """The blockers of a program that has some, with the way to each."""
    if linked is None or not _marks_callers(facts):
        return blockers_in(facts, open_code(facts.elf.data, facts), ways=True)
    return blockers_of(linked)


def _marks_callers(facts: Facts) -> bool:
    """Before Go 1.22 the linker looked whether reflect's own functions are reached."""
    return facts.go is None or not 0 < facts.go.minor < _CALLERS_SINCE


def blockers_of(linked: Linked) -> tuple[Blocker, ...]:
    """The causes, nearest to main first."""
    reached = linked.walk(eliminates=True)
    found = []
    for symbol in reached.reflects:
        name = linked.graph.name(symbol)
        found.append(_blocker(linked, name, linked.way(reached, symbol)))
    found.sort(key=lambda one: (one.way[:1] != ("main.main",), len(one.way), one.function))
    if linked.loads_plugins:
        way = next((linked.way(reached, one) for one in linked.graph.named(_PLUGINS)), ())
        found.insert(0, _blocker(linked, _PLUGINS, way))
    return tuple(found)


def _blocker(linked: Linked, name: str, way: tuple[str, ...]) -> Blocker:
    symbols = linked.graph.named(name)
    package = linked.graph.package(symbols[0]) if symbols else ""
    known = next((one for one in linked.objects.packages if one.name == package), None)
    return Blocker(name, package, known.module if known else "", way)


def _measured(linked: Linked, facts: Facts) -> Measured | None:
    """None where Go does not link it so."""
    patched: dict[str, bytearray] = {}
    archives = {package.name: package.archive for package in linked.objects.packages}
    for symbol in linked.walk(eliminates=True).reflects:
        unit = linked.graph.units[int(linked.graph.unit_of[symbol])]
        archive = archives[unit.package]
        if archive not in patched:
            with open(archive, "rb") as file:
                patched[archive] = bytearray(file.read())
        place = unit.flag_place(int(linked.graph.place_of[symbol]))
        patched[archive][place] &= ~REFLECT_METHOD & 0xFF
    with TemporaryDirectory(prefix="whit-dead-code-") as place_of:
        data = {archive: bytes(content) for archive, content in patched.items()}
        path = relink(linked.linking, data, place_of)
        return Measured(facts.size, os.path.getsize(path)) if path else None
