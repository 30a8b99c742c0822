"""Facts and Code in, Needs out: what the rules conclude about one program. Pure.

Rule 1: every need names the evidence that caused it; no evidence, no need.
Rule 2: the machine code is read only when names leave a doubt, and then only for what is in doubt.
Rule 3: whatever cannot be known counts as needed: an unknown caller, machine code that cannot be
read, a program without function names.
"""

from collections.abc import Mapping, Sequence

import msgspec

from whit.binary.calls import Caller, Code
from whit.binary.facts import Facts
from whit.model.plan import Evidence, Need, Standing, What
from whit.needs.declared import Declared
from whit.needs.foreign import names_are_readable, need_of, unnamed_need, with_c_code
from whit.needs.held import FILE_FUNCTIONS, Held
from whit.needs.merging import merged
from whit.needs.narrowing import SPECIAL, Case
from whit.needs.rules import DECLARED, LIBRARIES, RULES, Rule

MAX_SHOWN_CALLERS = 3


def needs_of(
    facts: Facts, code: Code, declared: Declared, loading: Sequence[Need] = ()
) -> tuple[Need, ...]:
    """A need for every rule, whatever its standing, in the order of the codes.

    `loading` are those of a dynamic program's closure (`needs.loading`).
    """
    if names_are_readable(facts):
        held = Held(facts, code)
        needs = [with_c_code(_named(rule, facts, code, held), rule, facts) for rule in RULES]
    else:
        needs = [unnamed_need(rule, facts) for rule in RULES]
    if not loading:
        needs.append(_libraries(facts))
    needs = merged(needs, loading)
    needs.append(_declared(declared))
    added, dropped = declared.added(), declared.dropped()
    needs = [_override(need, added, dropped, declared) for need in needs]
    return tuple(sorted(needs, key=lambda need: need.code))


def with_chains(needs: tuple[Need, ...], code: Code) -> tuple[Need, ...]:
    """The same needs; those that are provided say the way from main to the function."""

    def told(evidence: Evidence) -> Evidence:
        chain = code.chain(evidence.where) if evidence.kind == "function" else ()
        return msgspec.structs.replace(evidence, chain=chain)

    return tuple(
        msgspec.structs.replace(need, evidence=tuple(map(told, need.evidence)))
        if need.standing in (Standing.REQUIRED, Standing.OPTIONAL)
        else need
        for need in needs
    )


# ---- a program with function names ------------------------------------------------------------


def _named(rule: Rule, facts: Facts, code: Code, held: Held) -> Need:
    linked = [name for name in rule.sinks if facts.links(name)]
    opened = [one.evidence() for one in held.of(rule)]
    if not linked and not opened:
        return _absent(rule, held, facts)
    carried = next((name for name in rule.embeds if facts.links(name)), "")
    if carried and not opened:
        return Need(
            rule.code, rule.title, Standing.EMBEDDED, (), (Evidence("function", carried),),
            "the program carries it",
        )  # fmt: skip
    evidence = [Evidence("function", name) for name in rule.gates if facts.links(name)]
    evidence += opened[:MAX_SHOWN_CALLERS]
    if not evidence:
        evidence = _called(rule, facts, code)
    special = SPECIAL.get(rule.code)
    need = special(Case(rule, facts, code, held, tuple(evidence))) if special else None
    if need is not None:
        return need
    if evidence:
        return need_of(rule, rule.gated, evidence, rule.what)
    standing = rule.otherwise
    note = rule.assumption if standing is Standing.ASSUMED_NOT else rule.note
    return Need(rule.code, rule.title, standing, (), (Evidence("function", linked[0]),), note)


def _called(rule: Rule, facts: Facts, code: Code) -> list[Evidence]:
    """Evidence for the gates that only the machine code can clear."""
    asked = [gate for gate in rule.callers if facts.links(gate.function)]
    if not asked:
        return []
    if not code.is_readable:
        return [
            Evidence("caller", f"{gate.function}, whose callers cannot be read") for gate in asked
        ]
    names = [gate.function for gate in asked]
    # Direct calls are quick to find and usually settle it; all other ways are read only if not.
    for look in (code.direct_callers, code.callers):
        callers = look(names)
        evidence = []
        for gate in asked:
            harmful = [c for c in callers[gate.function] if not _is_harmless(c, gate.harmless)]
            evidence += [_calls(caller, gate.function) for caller in harmful[:MAX_SHOWN_CALLERS]]
        if evidence:
            return evidence
    return []


def _is_harmless(caller: Caller, harmless: tuple[str, ...]) -> bool:
    # A method that only sits in a type's method table is called by nobody but reflection.
    if caller.how == "reflection":
        return True
    # A value, a variable or a table hides who calls; only a named function can be excused.
    if not caller.function:
        return False
    return any(
        caller.function.startswith(known)
        if known.endswith(".")
        else caller.function == known or caller.function.startswith(known + ".")
        for known in harmless
    )


def _calls(caller: Caller, function: str) -> Evidence:
    who = caller.function or "a caller that cannot be named"
    how = {
        "call": "calls",
        "inlined": "calls",
        "value": "takes the value of",
        "variable": "is a variable that holds",
        "table": "is an interface table that holds",
    }.get(caller.how, "may call")
    return Evidence("caller", f"{who} {how} {function}")


# ---- libraries, declarations, overrides --------------------------------------------------------


def _libraries(facts: Facts) -> Need:
    code, _, title = LIBRARIES
    if not facts.interpreter and not facts.libraries:
        note = "the program is static: no loader, no libraries"
        return Need(code, title, Standing.ABSENT, (), (), note)
    what = tuple(What("library", (name,)) for name in facts.libraries)
    evidence = [Evidence("library", f"DT_NEEDED {name}") for name in facts.libraries]
    if facts.interpreter:
        what = (What("file", (facts.interpreter,)), *what)
        evidence.insert(0, Evidence("library", f"PT_INTERP {facts.interpreter}"))
    note = "the program does not start: no such file or directory"
    return Need(code, title, Standing.REQUIRED, what, tuple(evidence), note)


def _declared(declared: Declared) -> Need:
    code, _, title = DECLARED
    extra = declared.extra()
    if not extra:
        return Need(code, title, Standing.ABSENT, (), (), "nothing was declared")
    evidence = tuple(Evidence("flag", f"directory {what.names[0]}") for what in extra)
    return Need(code, title, Standing.DECLARED, extra, evidence)


def _override(
    need: Need, added: Mapping[str, str], dropped: Mapping[str, str], declared: Declared
) -> Need:
    if need.code in dropped:
        evidence = (Evidence("flag", dropped[need.code]),)
        note = f"left out by {dropped[need.code]}"
        return Need(need.code, need.title, Standing.DECLARED, (), evidence, note)
    what = need.what
    if need.code in added:
        rule = next((r for r in RULES if r.code == need.code), None)
        what = what or (rule.what if rule else ())
    if need.code == "N020" and declared.zones and what:
        what = (What("zones", declared.zones),)
    if need.code == "N010" and declared.ca_extra and what:
        what = (What("ca-roots", declared.ca_extra),)
    if need.code in added and (not need.standing.is_provided or what != need.what):
        told = (Evidence("flag", added[need.code]), *need.evidence)
        return Need(need.code, need.title, Standing.DECLARED, what, told, need.note)
    return need


# ---- small ------------------------------------------------------------------------------------


def _absent(rule: Rule, held: Held, facts: Facts) -> Need:
    """Proof, unless the program may open the file by itself and its code cannot be read."""
    note = f"{rule.sinks[0]} is not linked"
    if not rule.held:
        return Need(rule.code, rule.title, Standing.ABSENT, (), (), note)
    if held.is_readable or not any(map(facts.links, FILE_FUNCTIONS)):
        note += f", and no code of the program holds {(*rule.paths, 'HOME')[0]}"
        return Need(rule.code, rule.title, Standing.ABSENT, (), (), note)
    note += f"; whether the program uses {(*rule.paths, 'HOME')[0]} by itself cannot be read"
    return Need(rule.code, rule.title, Standing.ASSUMED_NOT, (), (), note)
