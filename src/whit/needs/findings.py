"""Facts and Code in, Needs out: what the rules conclude about one program. Pure.

Rule 1: every need names the evidence that caused it; no evidence, no need.
Rule 2: the machine code is read only when names leave a doubt, and then only for what is in doubt.
Rule 3: whatever cannot be known counts as needed: an unknown caller, machine code that cannot be
read, a program without function names.
"""

import re
from collections.abc import Callable, Mapping, Sequence

import msgspec

from whit.binary.calls import Caller, Code, Constant
from whit.binary.facts import Facts
from whit.model.plan import Evidence, Need, Standing, What
from whit.needs.declared import Declared
from whit.needs.foreign import names_are_readable, need_of, unnamed_need, with_c_code
from whit.needs.merging import merged
from whit.needs.rules import (
    BUILTIN_PROTOCOLS,
    BUILTIN_SERVICES,
    DECLARED,
    LIBRARIES,
    RULES,
    Rule,
)

MAX_SHOWN_CALLERS = 3
MAX_NAMES = 64
# Paths that the kernel or the container engine provides.
RUNTIME_PATHS = (
    *("/proc/", "/sys/", "/dev/", "/run/", "/var/run/"),
    *("/etc/resolv.conf/", "/etc/hosts/"),
)


def needs_of(
    facts: Facts, code: Code, declared: Declared, loading: Sequence[Need] = ()
) -> tuple[Need, ...]:
    """A need for every rule, whatever its standing, in the order of the codes.

    `loading` are those of a dynamic program's closure (`needs.loading`).
    """
    if names_are_readable(facts):
        needs = [with_c_code(_named(rule, facts, code), rule, facts) for rule in RULES]
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


def _named(rule: Rule, facts: Facts, code: Code) -> Need:
    linked = [name for name in rule.sinks if facts.links(name)]
    if not linked:
        return _absent(rule)
    if any(facts.links(name) for name in rule.embeds):
        carried = next(name for name in rule.embeds if facts.links(name))
        return Need(
            rule.code, rule.title, Standing.EMBEDDED, (), (Evidence("function", carried),),
            "the program carries it",
        )  # fmt: skip
    evidence = [Evidence("function", name) for name in rule.gates if facts.links(name)]
    if not evidence:
        evidence = _called(rule, facts, code)
    special = SPECIAL.get(rule.code)
    if special is not None:
        return special(rule, facts, code, evidence)
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


# ---- rules whose constants narrow or open them ------------------------------------------------


def _constants(rule: Rule, facts: Facts, code: Code) -> list[tuple[str, Constant]]:
    """(function, constant) for every call site of the rule's argument functions."""
    asked = {a.function: a.word for a in rule.arguments if facts.links(a.function)}
    if not asked or not code.is_readable:
        return []
    found = code.constants(asked)
    return [(function, c) for function in asked for c in found.get(function, ())]


def _zones(rule: Rule, facts: Facts, code: Code, evidence: list[Evidence]) -> Need:
    """Only the zones that are named, if every call names one."""
    sites = _constants(rule, facts, code)
    names = {c.value for _, c in sites if c.value not in (None, "", "UTC", "Local")}
    named = sorted(name for name in names if name)
    all_named = bool(sites) and all(c.is_certain for _, c in sites)
    if all_named:
        callers = code.callers(["time.LoadLocation"])["time.LoadLocation"]
        all_named = all(caller.how == "call" for caller in callers)
    if all_named and not named:
        return Need(
            rule.code, rule.title, Standing.ASSUMED_NOT, (), tuple(evidence),
            "only UTC and Local are asked for, which need no data",
        )  # fmt: skip
    if all_named:
        evidence += [Evidence("constant", f'time.LoadLocation("{name}")') for name in named]
        return need_of(rule, rule.gated, evidence, (What("zones-of-program", tuple(named)),))
    return need_of(rule, rule.gated, evidence, rule.what)


def _programs(rule: Rule, facts: Facts, code: Code, evidence: list[Evidence]) -> Need:
    """Loud: nothing in the image can be run. The constant names are listed."""
    if not evidence:
        return _assumed_not(rule, facts)
    sites = _constants(rule, facts, code)
    names = sorted({c.value for _, c in sites if c.value and len(c.value) < 256})[:MAX_NAMES]
    unknown = sum(c.value is None for _, c in sites)
    evidence += [Evidence("constant", f"runs {name}") for name in names]
    note = rule.note
    if names and not unknown:
        note = f"{', '.join(names)}: {note}"
    elif names:
        note = f"{', '.join(names)}, and others that cannot be read: {note}"
    return Need(rule.code, rule.title, Standing.REQUIRED, (), tuple(evidence), note)


def _services(rule: Rule, facts: Facts, code: Code, evidence: list[Evidence]) -> Need:
    for function, constant in _constants(rule, facts, code):
        service = (constant.value or "").rpartition(":")[2]
        if re.fullmatch(r"[a-z][a-z0-9-]{1,30}", service) and service not in BUILTIN_SERVICES:
            where = f'{function}("{constant.value}") in {constant.caller}'
            evidence.append(Evidence("constant", where))
    return need_of(rule, rule.gated, evidence, ()) if evidence else _assumed_not(rule, facts)


def _protocols(rule: Rule, facts: Facts, code: Code, evidence: list[Evidence]) -> Need:
    for function, constant in _constants(rule, facts, code):
        network, colon, protocol = (constant.value or "").partition(":")
        if network in ("ip", "ip4", "ip6") and colon:
            known = protocol in BUILTIN_PROTOCOLS or protocol.isdigit()
            if not known:
                where = f'{function}("{constant.value}") in {constant.caller}'
                evidence.append(Evidence("constant", where))
    return need_of(rule, rule.gated, evidence, ()) if evidence else _assumed_not(rule, facts)


def _plugins(rule: Rule, facts: Facts, _code: Code, _evidence: list[Evidence]) -> Need:
    """plugin.open is linked into static programs too, as a stub that fails."""
    if not facts.interpreter:
        return _assumed_not(rule, facts)
    return Need(
        rule.code, rule.title, Standing.OPTIONAL, (), (Evidence("function", "plugin.open"),),
        "plugins are given under [files] in whit.toml, or mounted",
    )  # fmt: skip


def _files(rule: Rule, facts: Facts, code: Code, _evidence: list[Evidence]) -> Need:
    """Absolute paths that the program's own packages open by constant name."""
    found: dict[str, str] = {}
    for _, constant in _constants(rule, facts, code):
        path = constant.value or ""
        is_path = path.startswith("/") and len(path) < 1024 and path.isprintable()
        own = not _is_standard(constant.caller, facts)
        if own and is_path and not f"{path}/".startswith(RUNTIME_PATHS):
            found.setdefault(path, constant.caller)
    if not found:
        return _assumed_not(rule, facts)
    shown = sorted(found)[:MAX_NAMES]
    evidence = tuple(Evidence("constant", f"{path} in {found[path]}") for path in shown)
    note = f"{', '.join(shown[:6])}: {rule.note}"
    return Need(rule.code, rule.title, rule.gated, (), evidence, note)


Special = Callable[[Rule, Facts, Code, list[Evidence]], Need]
SPECIAL: Mapping[str, Special] = {
    "N020": _zones,
    "N040": _services,
    "N041": _protocols,
    "N060": _programs,
    "N081": _plugins,
    "N100": _files,
}


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


def _assumed_not(rule: Rule, facts: Facts) -> Need:
    evidence = tuple(Evidence("function", n) for n in rule.sinks if facts.links(n))[:1]
    return Need(rule.code, rule.title, Standing.ASSUMED_NOT, (), evidence, rule.assumption)


def _absent(rule: Rule) -> Need:
    note = f"{rule.sinks[0]} is not linked"
    return Need(rule.code, rule.title, Standing.ABSENT, (), (), note)


def _is_standard(function: str, facts: Facts) -> bool:
    """Whether a function is Go's own: its package path has no dot before the first slash, and is
    not in the program's own module, whose name is free.
    """
    path = function.partition("[")[0]
    if facts.go and facts.go.main and path.startswith(facts.go.main.path + "/"):
        return False
    first, slash, _ = path.partition("/")
    if slash:
        return "." not in first
    return first.partition(".")[0] != "main"
