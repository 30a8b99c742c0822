"""A rule and a program that is not, or not only, readable Go in; the rule's need out. Pure.

Four kinds: another language, Go with obfuscated names, a packed program, Go with C code inside.
What function names cannot say is looked for in the bytes: a path that stands there counts. Where
even the bytes say nothing (packed, or obfuscated with its strings), the need is kept.
"""

import re
from collections.abc import Sequence

import msgspec

from whit.binary.facts import Facts
from whit.model.plan import Evidence, Need, Standing, What
from whit.needs.rules import Rule

# Linked into every program with C code since Go 1.21, and into no other.
C_CODE = "runtime/cgo.set_crosscall2"
GO_SECTIONS = (".gopclntab", ".data.rel.ro.gopclntab", ".go.buildinfo")
# What only Go's own library does.
GO_ONLY = ("N042", "N051", "N081")
# A string of C's ends with NUL; Go's stand side by side, hundreds of kilobytes of them.
C_STRING_END = b"[^\\0]{0,256}\\0"
PACKED = "the program is packed (UPX): what it holds cannot be read"
OBFUSCATED = "the program is Go's, and the names of its functions are obfuscated"


def names_are_readable(facts: Facts) -> bool:
    """Obfuscated programs keep a function table whose names say nothing, and no build info."""
    return facts.go is not None and facts.links("runtime.main") and facts.links("runtime.goexit")


def unnamed_need(rule: Rule, facts: Facts) -> Need:
    """The need of a program whose functions have no names to go by."""
    path = _path_in(rule, facts)
    if path:
        return need_of(rule, rule.gated, [Evidence("constant", f'the bytes hold "{path}"')])
    reason = PACKED if facts.is_packed else OBFUSCATED if _is_go(facts) else ""
    if not reason and rule.code in GO_ONLY:
        return Need(rule.code, rule.title, Standing.ABSENT, (), (), "the program is not Go's")
    if not reason:
        note = "the program has no Go function names; no path that would be read is in its bytes"
        return Need(rule.code, rule.title, Standing.ASSUMED_NOT, (), (), note)
    evidence = [Evidence("file", reason)]
    is_known = rule.what or rule.gated is Standing.RUNTIME
    return need_of(rule, rule.gated if is_known else Standing.OPTIONAL, evidence)


def with_c_code(need: Need, rule: Rule, facts: Facts) -> Need:
    """The need, kept or widened if C code in the program may have it too."""
    if not has_c_code(facts):
        return need
    # C code may use any zone, not only those that Go code names.
    if need.standing is Standing.REQUIRED and rule.what and need.what != rule.what:
        return msgspec.structs.replace(need, what=rule.what)
    if need.standing not in (Standing.ABSENT, Standing.ASSUMED_NOT, Standing.EMBEDDED):
        return need
    path = _path_in(rule, facts, C_STRING_END)
    if not path:
        return need
    evidence = [Evidence("constant", f'there is C code, and the bytes hold "{path}"')]
    return need_of(rule, rule.gated, evidence)


def has_c_code(facts: Facts) -> bool:
    if facts.links(C_CODE):
        return True
    is_older = facts.go is not None and facts.go.minor < 21
    return is_older and facts.go is not None and facts.go.setting("CGO_ENABLED") == "1"


def need_of(
    rule: Rule,
    standing: Standing,
    evidence: Sequence[Evidence],
    what: tuple[What, ...] | None = None,
) -> Need:
    """A need of the rule's with this evidence; `what` is the rule's own unless it is narrowed."""
    given = (rule.what if what is None else what) if standing.is_provided else ()
    return Need(rule.code, rule.title, standing, given, tuple(evidence), rule.note)


def _path_in(rule: Rule, facts: Facts, end: bytes = b"") -> str:
    """The first of the rule's paths that the bytes hold, or ""; `end` is what has to follow it."""
    data = facts.elf.data
    return next((p for p in rule.paths if re.search(re.escape(p.encode()) + end, data)), "")


def _is_go(facts: Facts) -> bool:
    return facts.go is not None or any(name in facts.elf.sections for name in GO_SECTIONS)
