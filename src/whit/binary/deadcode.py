"""Facts in, whether methods that nobody calls were dropped and what prevented it out. Pure.

The linker writes -1 for the entries of a method it dropped, into the method table of the type. A
type with an interface table is in an interface, and keeps all exported methods where dropping is
off: of real programs at most 3 % are missing then (tables whose conversion is never reached), and
40 % to 80 % where it is on. Who switched it off, the callers of reflection say.
"""

import numpy as np

from whit.binary.calls import Code
from whit.binary.elf import PF_X
from whit.binary.facts import Facts
from whit.binary.itabs import itabs_among
from whit.binary.moduledata import read_landmarks
from whit.binary.packages import Modules, package_of
from whit.binary.tables import Records, read_records
from whit.binary.targets import References, data_references, distinct
from whit.binary.typedata import TypeBytes, read_method_tables
from whit.model.deadcode import Blocker, DeadCode

_DROPPED = 0xFFFFFFFF
_DATA = (".rodata", ".data", ".noptrdata", ".go.type", ".itab")
_SHARE = 0.15
_ENOUGH = 40  # the smallest program that prints has 127
_LOOK_UP = ("reflect.Value.MethodByName", "reflect.Value.Method")
_LOOK_UP_TYPE = ("reflect.(*rtype).MethodByName", "reflect.(*rtype).Method")
_NAME_WORD = 3  # reflect.Value takes three words, the name comes behind
# These call reflect.Type's methods, which no call in the code shows, or are met most often.
_KNOWN = (
    *("text/template.(*state).evalField", "net/rpc.suitableMethods", "plugin.Open"),
    *("go.uber.org/dig.isIgnorable", "github.com/robertkrimen/otto.getValueOfMethod"),
)
_CONSTANT_NAMES_SINCE = 22


def find_dead_code(facts: Facts, records: Records | None = None) -> DeadCode:
    """`blockers` have no way yet: `blockers_in` finds it, which takes longer. `records` are those
    of its function table, where they were read.
    """
    if facts.table is None or facts.go is None:
        return DeadCode(None)
    is_dropped = _is_dropped(facts, records or read_records(facts.table))
    if is_dropped is not False:
        return DeadCode(is_dropped)
    return DeadCode(is_dropped, blockers_in(facts, Code(facts), ways=False))


def blockers_in(facts: Facts, code: Code, *, ways: bool) -> tuple[Blocker, ...]:
    """The functions that look methods up, nearest to main first.

    What is only there because nothing is dropped is told from what did it by the way: nobody calls
    it from main.
    """
    modules = Modules(facts.go)
    names = [
        name for name in _KNOWN if facts.links(name) and (name != "plugin.Open" or _loads(facts))
    ]
    known = bool(names)
    if not known or ways:
        names += [name for name in _callers(facts, code) if name not in names]
    found = []
    for name in names:
        way = code.chain(name) if ways or not known else ()
        package = package_of(name)
        found.append(Blocker(name, package, modules.of(package), way))
    reached = [one for one in found if one.way and one.way[0] != one.function] or found
    return tuple(sorted(reached, key=lambda one: (len(one.way), one.function)))


def _loads(facts: Facts) -> bool:
    """Without C a program cannot load plugins, and the linker knows."""
    return facts.go is not None and facts.go.setting("CGO_ENABLED") == "1"


def _callers(facts: Facts, code: Code) -> list[str]:
    """Who calls the functions of reflect, but with a name that stands in the program."""
    minor = facts.go.minor if facts.go else 0
    constant: set[str] = set()
    if minor >= _CONSTANT_NAMES_SINCE:
        sites = code.constants(dict.fromkeys(_LOOK_UP[:1], _NAME_WORD))[_LOOK_UP[0]]
        constant = {site.caller for site in sites} - {s.caller for s in sites if s.value is None}
    callers = code.callers(_LOOK_UP + _LOOK_UP_TYPE)
    found: dict[str, None] = {}
    for asked, some in callers.items():
        for caller in some:
            is_own = package_of(caller.function) == "reflect" or not caller.function
            is_named = asked == _LOOK_UP[0] and caller.function in constant
            # A type that holds a reflect.Value has its methods too, which call them.
            is_wrapper = caller.function.endswith((".Method", ".MethodByName"))
            if not is_own and not is_named and not is_wrapper and caller.how in ("call", "inlined"):
                found[caller.function] = None
    return list(found)


def _is_dropped(facts: Facts, records: Records | None) -> bool | None:
    table, elf = facts.table, facts.elf
    if table is None or records is None:
        return None
    landmarks = read_landmarks(table, records)
    if landmarks is None or not landmarks.types[1]:
        return None
    low, high = landmarks.types
    data = [
        (s.address, s.address + s.size)
        for s in elf.sections.values()
        if s.address and s.name.startswith(_DATA)
    ] or [(s.address, s.address + s.file_size) for s in elf.loads if not s.flags & PF_X]
    words = data_references(elf, data)
    inside = (words.targets >= low) & (words.targets < high)
    words = References(words.places[inside], words.targets[inside])
    region = TypeBytes(elf, low, high)
    types = read_method_tables(region, words.targets)
    concrete = distinct(itabs_among(elf, words, types.addresses, types.kinds, types.hashes)[2])
    first, count = types.first[concrete], types.exported[concrete]
    number = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
    entries = region.u4(np.repeat(first, count) + 16 * number + 12)
    if len(entries) < _ENOUGH:
        return None
    return bool(np.mean(entries == _DROPPED) > _SHARE)
