"""Bytes and Facts in, answers about machine code out: callers, constants, chains. Pure and lazy.

Nothing is read until something is asked; what was read is kept for the next question.
"""

import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property

import msgspec

from whit.binary.callsites import Calls, search_calls
from whit.binary.constants import constant_at, is_certain
from whit.binary.facts import Facts
from whit.binary.inlining import Inlining
from whit.binary.literals import address_at, held_string, literals_in
from whit.binary.mentions import Loads, Mention, mentions_of, search_loads
from whit.binary.references import References, Uses, is_in_method_table, uses_of
from whit.binary.text import Text, read_text

MAX_CHAIN = 64
# From so much code on numpy is quicker (11 MB: 40 ms instead of 300); its import takes 60 ms.
LARGE_BYTES = 3 << 20


class Caller(msgspec.Struct, frozen=True, order=True):
    """Who reaches a function, and how.

    call, inlined   `function` calls it, or had it inlined
    value           `function` takes it as a value
    variable        a package variable holds it
    table           an interface table holds it
    reflection      only a type's method table names it
    unknown         it is linked, and nothing that reaches it was found
    """

    function: str
    how: str


class Constant(msgspec.Struct, frozen=True):
    """A call site's string argument; None when it is not a constant. Unless `is_certain` other
    values may arrive there as well, on another branch.
    """

    caller: str
    value: str | None
    is_certain: bool = False


class Held(msgspec.Struct, frozen=True):
    """A string that `caller` puts together; which of `values` it is, its form has to say.

    `following` is the function called next ("" for none that is known); `is_argument` says whether
    the string may be handed to it.
    """

    caller: str
    values: tuple[str, ...]
    following: str
    is_argument: bool


class Code:
    """The machine code of a program whose facts are known."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    @property
    def is_readable(self) -> bool:
        """False where calls cannot be found: then nothing may be concluded from their absence."""
        return self._text is not None

    @cached_property
    def _text(self) -> Text | None:
        return read_text(self._facts.table) if self._facts.table else None

    @cached_property
    def _calls(self) -> Calls:
        text = self._text
        if text is None:
            return Calls([], [], [], [])
        if len(text.code) < LARGE_BYTES:
            return search_calls(text)
        from whit.binary.callscan import scan_calls  # noqa: PLC0415

        return scan_calls(text)

    @cached_property
    def _inlining(self) -> Inlining | None:
        return Inlining(self._text) if self._text else None

    @cached_property
    def _named(self) -> Callable[[int], Sequence[int]]:
        """Where a name stands -> its functions; a wrapper has the name of what it wraps."""
        text = self._text
        if text is None:
            return lambda _: ()
        if len(text.code) >= LARGE_BYTES:
            from whit.binary.callscan import scan_names  # noqa: PLC0415

            return scan_names(text)
        found: dict[int, list[int]] = {}
        number, data = struct.Struct("<I").unpack_from, text.elf.data
        for index, place in enumerate(text.places):
            found.setdefault(number(data, place + 4)[0], []).append(index)
        return lambda place: found.get(place, ())

    def _functions(self, name: str) -> list[int]:
        """Indexes of the functions of this name; none when it was only ever inlined."""
        text = self._text
        places = text.offsets_of({name.encode()}) if text else ()
        return [index for place in places for index in self._named(place)]

    def callers(self, names: Iterable[str]) -> dict[str, tuple[Caller, ...]]:
        """Everything that reaches each function; never empty, so that what was not found shows."""
        asked = tuple(names)
        text, inlining = self._text, self._inlining
        if text is None or inlining is None:
            return {name: (Caller("", "unknown"),) for name in asked}
        functions = {name: self._functions(name) for name in asked}
        wanted = {index: name for name, indexes in functions.items() for index in indexes}
        found = self._direct(wanted, asked)
        places = text.offsets_of({name.encode() for name in asked})
        for place, raw in places.items():
            for index in inlining.into(place):
                self._add(found, raw.decode(), index, "inlined")
        uses = uses_of(text, list(wanted)) if wanted else {}
        for index, use in uses.items():
            self._add_uses(found, wanted[index], use)
        return {name: self._finished(name, found[name], functions[name]) for name in asked}

    def direct_callers(self, names: Iterable[str]) -> dict[str, tuple[Caller, ...]]:
        """Direct calls only: quick, and no proof of anything by their absence."""
        asked = tuple(names)
        wanted = {index: name for name in asked for index in self._functions(name)}
        found = self._direct(wanted, asked)
        return {name: tuple(sorted(callers)) for name, callers in found.items()}

    def _direct(self, wanted: Mapping[int, str], asked: tuple[str, ...]) -> dict[str, set[Caller]]:
        text = self._text
        found: dict[str, set[Caller]] = {name: set() for name in asked}
        if text is not None:
            calls = self._calls
            for at in calls.to(wanted):
                self._add(
                    found, wanted[calls.targets[at]], text.function_at(calls.sites[at]), "call"
                )
        return found

    def _add(self, found: dict[str, set[Caller]], name: str, index: int, how: str) -> None:
        caller = self._text.name(index) if self._text else ""
        if caller != name:
            found[name].add(Caller(caller, how))

    def _add_uses(self, found: dict[str, set[Caller]], name: str, use: Uses) -> None:
        for index in use.values:
            self._add(found, name, index, "value")
        if use.variables:
            found[name].add(Caller("", "variable"))
        if use.tables:
            found[name].add(Caller("", "table"))

    def _finished(self, name: str, found: set[Caller], functions: list[int]) -> tuple[Caller, ...]:
        text, inlining = self._text, self._inlining
        if text is None or inlining is None or not inlining.is_known:
            return tuple(sorted({*found, Caller("", "unknown")}))
        if found:
            return tuple(sorted(found))
        is_method = ".(" in name or name.partition("[")[0].rpartition("/")[2].count(".") > 1
        if is_method and functions and all(is_in_method_table(text, i) for i in functions):
            return (Caller("", "reflection"),)
        return (Caller("", "unknown"),)

    def constants(self, wanted: Mapping[str, int]) -> dict[str, tuple[Constant, ...]]:
        """For each function, the string that each of its direct callers hands it, in order.

        `wanted` maps a function to the argument word in which its string begins.
        """
        text = self._text
        found: dict[str, list[Constant]] = {name: [] for name in wanted}
        if text is None:
            return dict.fromkeys(wanted, ())
        name_of = {index: name for name in wanted for index in self._functions(name)}
        calls = self._calls
        sites, targets = calls.sites, calls.targets
        size = 4 if text.elf.platform.architecture == "arm64" else 5
        for position in calls.to(name_of):
            name, site = name_of[targets[position]], sites[position]
            index = text.function_at(site)
            caller = text.name(index)
            if caller == name:
                continue
            before = sites[position - 1] + size if position else 0
            after = max(text.entries[index], before)
            value = constant_at(text, site, after, wanted[name])
            certain = value is not None and is_certain(text, index, site, wanted[name])
            found[name].append(Constant(caller, value, certain))
        return {name: tuple(constants) for name, constants in found.items()}

    def reaching(self, names: Iterable[str], levels: int) -> dict[str, int]:
        """Functions that call one of `names`, directly or through others -> how many calls away.

        A closure counts as called by the function that makes it.
        """
        text = self._text
        if text is None:
            return {}
        frontier = [index for name in names for index in self._functions(name)]
        found: dict[int, int] = dict.fromkeys(frontier, 0)
        for level in range(1, levels + 1):
            reached: list[int] = []
            for index in frontier:
                callers = {*self._callers_of(index), *self._parents(text.name(index))}
                reached += [c for c in sorted(callers) if c not in found]
                found.update((c, level) for c in callers if c not in found)
            frontier = reached
        return {text.name(index): level for index, level in found.items()}

    def held(self, names: Iterable[str]) -> tuple[Held, ...]:
        """The strings that these functions put together."""
        text = self._text
        if text is None:
            return ()
        calls = self._calls
        return tuple(
            Held(
                name,
                literal.values,
                text.name(literal.following) if literal.following >= 0 else "",
                literal.is_argument,
            )
            for name in names
            for index in self._functions(name)
            for literal in literals_in(text, index, calls.sites, calls.targets)
        )

    def mentions(self, *beginnings: str) -> tuple[Mention, ...]:
        """Who holds a string that begins with one of these, in code or in a variable."""
        text = self._text
        return mentions_of(text, self._loads(text), beginnings) if text else ()

    def _loads(self, text: Text) -> Loads:
        if len(text.code) < LARGE_BYTES:
            return search_loads(text)
        from whit.binary.mentionscan import scan_loads  # noqa: PLC0415

        return scan_loads(text)

    def pointed_strings(self, names: Iterable[str]) -> tuple[str, ...]:
        """The strings that the variables begin with whose addresses are handed to these functions
        first: `var server = http.Server{Addr: ":80"}`.
        """
        text = self._text
        if text is None:
            return ()
        sites = self._calls.sites
        found = []
        for position in self._calls.to(index for name in names for index in self._functions(name)):
            site = sites[position]
            low = text.entries[text.function_at(site)]
            after = max(low, sites[position - 1] + 4 if position else 0)
            address = address_at(text, site, after)
            value = held_string(text, address) if address is not None else None
            if value:
                found.append(value)
        return tuple(found)

    def chain(self, name: str) -> tuple[str, ...]:
        """The shortest way of calls from main.main, or from an init, to a function."""
        text = self._text
        start = self._functions(name)
        if text is None:
            return ()
        if not start and self._inlining:
            places = text.offsets_of({name.encode()})
            start = sorted(i for place in places for i in self._inlining.into(place))
            if not start:
                return ()
        following: dict[int, int] = dict.fromkeys(start, -1)
        frontier = start
        ends: list[int] = []
        while frontier and not ends and len(following) < len(text.entries):
            reached: list[int] = []
            lonely: list[int] = []
            for index in frontier:
                name_here = text.name(index)
                if name_here == "main.main" or _is_init(name_here):
                    ends.append(index)
                callers = {*self._callers_of(index), *self._parents(name_here)} - {index}
                if not callers:
                    lonely.append(index)
                for caller in sorted(callers):
                    if caller not in following:
                        following[caller] = index
                        reached.append(caller)
            # What nobody calls is reached as a value, such as the function given to a sync.Once.
            for index in lonely if not ends else ():
                for caller in sorted(self._references.takers_of(index) if self._references else ()):
                    if caller not in following:
                        following[caller] = index
                        reached.append(caller)
            frontier = reached
        if not ends:
            return ()
        best = next((i for i in ends if text.name(i) == "main.main"), ends[0])
        way: list[str] = []
        while best >= 0 and len(way) < MAX_CHAIN:
            way.append(text.name(best))
            best = following[best]
        return tuple(way if way[-1] == name else [*way, name])

    @cached_property
    def _references(self) -> References | None:
        return References(self._text) if self._text else None

    def _callers_of(self, index: int) -> set[int]:
        text = self._text
        sites = self._calls.sites_to(index) if text else ()
        return {text.function_at(site) for site in sites} if text else set()

    def _parents(self, name: str) -> list[int]:
        """A closure is reached through the function that makes it: main.main.func1 -> main.main."""
        head, dot, tail = name.rpartition(".")
        is_closure = tail.startswith(("func", "gowrap", "deferwrap")) or tail.isdigit()
        return self._functions(head) if dot and is_closure else []


def _is_init(name: str) -> bool:
    last = name.rpartition("/")[2]
    return last.endswith(".init") or ".init." in last


def open_code(_data: memoryview, facts: Facts) -> Code:
    """The code of the program that `facts` were read from."""
    return Code(facts)
