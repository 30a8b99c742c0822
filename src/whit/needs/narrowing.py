"""A rule and the program in, the need out where constants narrow or open it. Pure.

A constant that is certain narrows a need: one zone, and not all. One that may be another narrows
nothing; it is told, and the need stays whole.
"""

import re
from collections.abc import Callable, Iterator, Mapping

import msgspec

from whit.binary.calls import Code, Constant
from whit.binary.facts import Facts
from whit.model.plan import Evidence, Need, Standing, What
from whit.needs.contract import module_of
from whit.needs.foreign import need_of
from whit.needs.held import Held
from whit.needs.rules import BUILTIN_PROTOCOLS, BUILTIN_SERVICES, CA_ROOTS, RULES, Rule

MAX_NAMES = 64
MAX_TOLD = 6
# What makes files or directories.
MAKERS = ("os.MkdirAll", "os.Mkdir", "os.WriteFile", "os.Create")
# What hands a name on that was handed to it.
STARTERS = ("os/exec.", "os.", "syscall.", "internal/")
# A socket of the host's, mounted by whoever means it.
MOUNTED = re.compile(r"(?:/var)?/run/.*\.sock")
ABSOLUTE = re.compile(r"/[ -~]{1,1023}")
FILE = re.compile(r"/[ -~]{1,1023}|(?=[^/.]*[/.])[A-Za-z0-9._][A-Za-z0-9._/@+-]{1,255}")
PROGRAMS = ("/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/", "/usr/local/bin/")
# Paths that the kernel or the container engine provides.
RUNTIME_PATHS = (
    *("/proc/", "/sys/", "/dev/", "/run/secrets/", "/var/run/secrets/"),
    *("/etc/resolv.conf/", "/etc/hosts/"),
)


class Case(msgspec.Struct, frozen=True):
    """A rule whose sinks are linked, or whose paths are held; `evidence` is that of its gates."""

    rule: Rule
    facts: Facts
    code: Code
    held: Held
    evidence: tuple[Evidence, ...]

    def constants(self) -> list[tuple[str, Constant]]:
        """(function, constant) for every call site of the rule's argument functions."""
        rounds: list[dict[str, int]] = []
        for one in self.rule.arguments if self.code.is_readable else ():
            if self.facts.links(one.function):
                free = next((r for r in rounds if one.function not in r), None)
                if free is None:
                    rounds.append(free := {})
                free[one.function] = one.word
        return [
            (function, constant)
            for asked in rounds
            for function, constants in self.code.constants(asked).items()
            for constant in constants
        ]

    def need(self, *more: Evidence, what: tuple[What, ...] | None = None) -> Need:
        return need_of(self.rule, self.rule.gated, (*self.evidence, *more), what)

    def assumed_not(self) -> Need:
        rule = self.rule
        linked = (Evidence("function", name) for name in rule.sinks if self.facts.links(name))
        evidence = tuple(linked)[:1]
        return Need(rule.code, rule.title, Standing.ASSUMED_NOT, (), evidence, rule.assumption)


def _ca_roots(case: Case) -> Need | None:
    """Where the program itself asks for the roots by another name only, that name leads there."""
    own = [one.text for one in case.held.of(case.rule) if one.is_own]
    if not own or any(path.startswith("/etc/ssl/certs") for path in own):
        return None
    files = (path for path in own if not path.rstrip("/").endswith("/certs"))
    links = tuple(What("link", (path, CA_ROOTS)) for path in files)
    return case.need(what=(*case.rule.what, *links))


def _zones(case: Case) -> Need | None:
    """Only the zones that are named, if every call names one."""
    rule, code = case.rule, case.code
    sites = case.constants()
    names = {c.value: "" for _, c in sites if c.value not in (None, "", "UTC", "Local")}
    named = {name: f'time.LoadLocation("{name}")' for name in names if name}
    all_named = all(c.is_certain for _, c in sites)
    if case.facts.links("time.LoadLocation"):
        callers = code.callers(["time.LoadLocation"])["time.LoadLocation"]
        all_named &= bool(sites) and all(caller.how == "call" for caller in callers)
    for one in case.held.of(rule):
        zone = one.text.removeprefix("/usr/share/zoneinfo").strip("/")
        named |= {zone: one.evidence().where} if zone else {}
        all_named &= bool(zone)
    told = list(_local_zones(case))
    named |= {zone: where for zone, where in told if zone not in ("", "UTC", None)}
    all_named &= all(zone is not None for zone, _ in told)
    if not (case.evidence or told):
        standing = Standing.ABSENT if case.held.is_readable else Standing.ASSUMED_NOT
        note = "time.LoadLocation is not linked, and no code of the program holds a zone's path"
        return Need(rule.code, rule.title, standing, (), (), note)
    if not all_named:
        return case.need(*(Evidence("constant", where) for _, where in told))
    if not named:
        return Need(
            rule.code, rule.title, Standing.ASSUMED_NOT, (), case.evidence,
            "only UTC and Local are asked for, which need no data",
        )  # fmt: skip
    several = len(named) > 1
    what = tuple(
        What("zones-of-program", (name,), named[name] if several else "") for name in sorted(named)
    )
    return case.need(*(Evidence("constant", named[name]) for name in sorted(named)), what=what)


def _local_zones(case: Case) -> Iterator[tuple[str | None, str]]:
    """(zone, where it is said) of every TZ that the program sets for itself."""
    asked = [name for name in ("os.Setenv", "syscall.Setenv") if case.facts.links(name)]
    if not asked or not case.code.is_readable:
        return
    keys, values = (case.code.constants(dict.fromkeys(asked, word)) for word in (0, 2))
    for name in asked:
        for key, value in zip(keys[name], values[name], strict=True):
            if key.value == "TZ" and module_of(key.caller, case.facts) != "std":
                zone = value.value if value.is_certain or value.value is None else None
                yield zone, f'{name}("TZ", "{value.value or "…"}") in {key.caller}'


def _temporary(case: Case) -> Need | None:
    """/var/tmp as well, where it is named."""
    paths = [one.text for one in case.held.of(case.rule)]
    if not any(path.startswith("/var/tmp") for path in paths):
        return None
    return case.need(what=(*case.rule.what, What("tmp", ("/var/tmp",))))


def _home(case: Case) -> Need | None:
    """HOME alone is a name; with code that makes files or directories it is where they go."""
    rule, links = case.rule, case.facts.links
    makes = next((name for name in MAKERS if links(name)), "")
    if any(map(links, rule.gates)):
        return None
    if not case.evidence:
        note = f"{rule.gates[0]} is not linked, and no code of the program holds HOME"
        standing = Standing.ABSENT if case.held.is_readable else Standing.ASSUMED_NOT
        return Need(rule.code, rule.title, standing, (), (), note)
    if makes:
        return case.need(Evidence("function", makes))
    note = "the program makes no files or directories; give HOME with --set image.env.HOME=/data"
    return Need(rule.code, rule.title, Standing.OPTIONAL, (), case.evidence, note)


def _programs(case: Case) -> Need | None:
    """Loud: nothing in the image can be run. The constant names are listed."""
    if not case.evidence:
        return case.assumed_not()
    sites = case.constants()
    names = sorted({c.value for _, c in sites if c.value and len(c.value) < 256})[:MAX_NAMES]
    unknown = any(c.value is None and not c.caller.startswith(STARTERS) for _, c in sites)
    told = ", ".join(names)
    if not names:
        told = "what it runs cannot be read from its code"
    elif unknown:
        told += ", and others that cannot be read"
    evidence = (*case.evidence, *(Evidence("constant", f"runs {name}") for name in names))
    note = f"{told}: {case.rule.note}"
    return Need(case.rule.code, case.rule.title, Standing.REQUIRED, (), evidence, note)


def _services(case: Case) -> Need | None:
    return _names(case, _service_of, "NUMBER/tcp")


def _service_of(address: str) -> str:
    """The service that an address names, if Go does not know it by itself."""
    service = address.rpartition(":")[2]
    is_name = re.fullmatch(r"[a-z][a-z0-9-]{1,30}", service) is not None
    return service if is_name and service not in BUILTIN_SERVICES else ""


def _protocols(case: Case) -> Need | None:
    return _names(case, _protocol_of, "NUMBER")


def _protocol_of(network: str) -> str:
    family, colon, protocol = network.partition(":")
    is_known = protocol in BUILTIN_PROTOCOLS or protocol.isdigit()
    return protocol if colon and family in ("ip", "ip4", "ip6") and not is_known else ""


def _names(case: Case, name_of: Callable[[str], str], number: str) -> Need | None:
    """Loud when a name stands in the program that only a file can tell: it fails for certain."""
    found: dict[str, str] = {}
    for function, constant in case.constants():
        name = name_of(constant.value or "")
        if name:
            found.setdefault(name, f'{function}("{constant.value}") in {constant.caller}')
    rule = case.rule
    if not found:
        return case.need(what=()) if case.evidence else case.assumed_not()
    shown = sorted(found)[:MAX_NAMES]
    evidence = (*(Evidence("constant", found[name]) for name in shown), *case.evidence)
    note = f"{', '.join(shown)}: {rule.note}; a line for each is enough: `{shown[0]} {number}`"
    return Need(rule.code, rule.title, Standing.REQUIRED, (), evidence, note)


def _plugins(case: Case) -> Need | None:
    """plugin.open is linked into static programs too, as a stub that fails."""
    if not case.facts.interpreter:
        return _stub(case) or case.assumed_not()
    return Need(
        *(case.rule.code, case.rule.title, Standing.OPTIONAL, ()),
        (Evidence("function", "plugin.open"),),
        "plugins are given under [files] in whit.toml, or mounted",
    )


def _stub(case: Case) -> Need | None:
    """Loud when the program's own code opens plugins: in a library it is mostly an offer."""
    linked = [name for name in ("plugin.Open", *case.rule.sinks) if case.facts.links(name)]
    callers = {one.function for found in case.code.callers(linked).values() for one in found}
    own = sorted(name for name in callers if name and not module_of(name, case.facts))
    if not own:
        return None
    evidence = tuple(Evidence("caller", f"{name} calls plugin.Open") for name in own[:MAX_TOLD])
    note = "plugin.Open always fails in a static program: --cgo dynamic builds one that loads them"
    return Need(case.rule.code, case.rule.title, Standing.REQUIRED, (), evidence, note)


def _files(case: Case) -> Need | None:
    """Paths that the program opens by constant name, and those of its own that it holds."""
    found: dict[str, str] = {}
    for _, constant in case.constants():
        path, module = constant.value or "", module_of(constant.caller, case.facts)
        # Relative ones are many and mean little in what others wrote.
        form = FILE if not module else ABSOLUTE
        if module != "std" and form.fullmatch(path) and path not in (".", ".."):
            found.setdefault(path, constant.caller)
    for one in case.held.own_paths():
        if one.text.strip("/").count("/") and not one.text.startswith(PROGRAMS):
            found.setdefault(one.text, one.function)
    provided = re.compile("|".join(rule.held for rule in RULES if rule.held))
    shown = [
        path for path in sorted(found)
        if not f"{path}/".startswith(RUNTIME_PATHS)
        and not provided.fullmatch(path)
        and not MOUNTED.fullmatch(path)
    ]  # fmt: skip
    if not shown:
        return case.assumed_not()
    evidence = tuple(Evidence("constant", f"{path} in {found[path]}") for path in shown[:MAX_NAMES])
    more = f" and {len(shown) - MAX_TOLD} more" if len(shown) > MAX_TOLD else ""
    note = f"{', '.join(shown[:MAX_TOLD])}{more}: {case.rule.note}"
    return Need(case.rule.code, case.rule.title, case.rule.gated, (), evidence, note)


SPECIAL: Mapping[str, Callable[[Case], Need | None]] = {
    "N010": _ca_roots,
    "N020": _zones,
    "N040": _services,
    "N041": _protocols,
    "N050": _temporary,
    "N051": _home,
    "N060": _programs,
    "N081": _plugins,
    "N100": _files,
}
