"""Facts and answers about code in, needs out: each way in which a program can be doubted."""

from collections.abc import Iterable, Mapping

import pytest

from whit.binary.calls import Caller, Constant
from whit.binary.elf import Elf, Section
from whit.binary.facts import Facts, Functions, Linkage
from whit.binary.functions import FunctionTable
from whit.binary.goinfo import GoInfo
from whit.binary.mentions import Mention
from whit.model.names import Platform
from whit.model.plan import Need, Standing, What
from whit.needs.declared import Declared
from whit.needs.findings import needs_of
from whit.needs.foreign import C_CODE

PLATFORM = Platform("linux", "amd64")
ALWAYS = ("runtime.main", "runtime.goexit", "main.main")
PLAIN = Declared()
GO = GoInfo("go1.26.8", path="example.com/app")


class Answers:
    """Machine code whose callers and constants are given."""

    def __init__(
        self,
        callers: Mapping[str, tuple[Caller, ...]] | None = None,
        constants: Mapping[str, tuple[Constant, ...]] | None = None,
        *,
        mentions: tuple[Mention, ...] = (),
        is_readable: bool = True,
    ) -> None:
        self._mentions = mentions
        self._callers, self._constants = callers or {}, constants or {}
        self.is_readable = is_readable
        self.questions = 0

    def callers(self, names: Iterable[str]) -> dict[str, tuple[Caller, ...]]:
        self.questions += 1
        return {n: self._callers.get(n, (Caller("", "unknown"),)) for n in names}

    def direct_callers(self, names: Iterable[str]) -> dict[str, tuple[Caller, ...]]:
        self.questions += 1
        found = {n: self._callers.get(n, ()) for n in names}
        return {n: tuple(c for c in some if c.how == "call") for n, some in found.items()}

    def mentions(self, *beginnings: str) -> tuple[Mention, ...]:
        self.questions += 1
        return tuple(m for m in self._mentions if m.values[0].startswith(beginnings))

    def constants(self, wanted: Mapping[str, int]) -> dict[str, tuple[Constant, ...]]:
        self.questions += 1
        return {n: self._constants.get(n, ()) for n in wanted}


def facts_of(
    *names: str,
    go: GoInfo | None = GO,
    held: bytes = b"",
    sections: tuple[str, ...] = (),
    packed: int | None = None,
    interpreter: str = "",
) -> Facts:
    blob = b"".join(name.encode() + b"\0" for name in names)
    data = memoryview(blob + held)
    elf = Elf(data, "<", 8, 2, PLATFORM, (), {name: Section(name, 1, 0, 0, 0) for name in sections})
    table = FunctionTable(elf, 0, 20, len(names), 0, (0, len(blob)), 0) if names else None
    return Facts(
        *(PLATFORM, Linkage.STATIC, len(data), interpreter, (), (), (), ()),
        *(True, False, packed, go, Functions(table), elf, table),
    )


def found(code: str, facts: Facts, answers: Answers | None = None, said: Declared = PLAIN) -> Need:
    needs = needs_of(facts, answers or Answers(), said)  # type: ignore[arg-type]
    return next(need for need in needs if need.code == code)


def go(*names: str, **more: object) -> Facts:
    return facts_of(*ALWAYS, *names, **more)  # type: ignore[arg-type]


def test_what_is_not_linked_is_absent_and_asks_nothing_of_the_code():
    answers = Answers()
    needs = needs_of(go(), answers, PLAIN)  # type: ignore[arg-type]
    assert {need.standing for need in needs} == {Standing.ABSENT}
    assert answers.questions == 0


@pytest.mark.parametrize(
    ("how", "function", "standing"),
    [
        ("call", "crypto/tls.(*Conn).verifyServerCertificate", Standing.ASSUMED_NOT),
        ("inlined", "crypto/tls.x.func1", Standing.ASSUMED_NOT),
        ("value", "crypto/tls.x", Standing.ASSUMED_NOT),
        ("reflection", "", Standing.ASSUMED_NOT),
        ("call", "main.main", Standing.REQUIRED),
        ("call", "crypto/tlsx.f", Standing.REQUIRED),
        ("inlined", "main.main", Standing.REQUIRED),
        ("value", "main.main", Standing.REQUIRED),
        ("variable", "", Standing.REQUIRED),
        ("table", "", Standing.REQUIRED),
        ("unknown", "", Standing.REQUIRED),
    ],
)
def test_a_gate_is_cleared_by_harmless_callers_only(how: str, function: str, standing: Standing):
    verify = "crypto/x509.(*Certificate).Verify"
    facts = go("crypto/x509.loadSystemRoots", verify)
    assert found("N010", facts, Answers({verify: (Caller(function, how),)})).standing is standing


def test_one_harmful_caller_among_many_keeps_the_need():
    verify = "crypto/x509.(*Certificate).Verify"
    callers = (*(Caller(f"crypto/tls.f{n}", "call") for n in range(9)), Caller("", "variable"))
    need = found("N010", go("crypto/x509.loadSystemRoots", verify), Answers({verify: callers}))
    assert need.standing is Standing.REQUIRED


def test_code_that_cannot_be_read_keeps_the_need():
    facts = go("crypto/x509.loadSystemRoots", "crypto/tls.Client")
    assert found("N010", facts, Answers(is_readable=False)).standing is Standing.REQUIRED


ROME = Constant("main.main", "Europe/Rome", is_certain=True)
DIRECT = {"time.LoadLocation": (Caller("main.main", "call"),)}


@pytest.mark.parametrize(
    ("constants", "callers", "names"),
    [
        ((ROME,), DIRECT, ("Europe/Rome",)),
        ((ROME, ROME), DIRECT, ("Europe/Rome",)),
        ((ROME, Constant("main.f", "UTC", is_certain=True)), DIRECT, ("Europe/Rome",)),
        ((ROME, Constant("main.f", None)), DIRECT, ()),
        ((Constant("main.main", "Europe/Rome"),), DIRECT, ()),
        ((ROME,), {"time.LoadLocation": (Caller("main.f", "inlined"),)}, ()),
        ((ROME,), {"time.LoadLocation": (*DIRECT["time.LoadLocation"], Caller("", "table"))}, ()),
        ((ROME,), {}, ()),
        ((), DIRECT, ()),
    ],
)
def test_only_certain_constants_narrow_zones(
    constants: tuple[Constant, ...],
    callers: Mapping[str, tuple[Caller, ...]],
    names: tuple[str, ...],
):
    answers = Answers(callers, {"time.LoadLocation": constants})
    need = found("N020", go("time.LoadLocation"), answers)
    assert need.standing is Standing.REQUIRED
    assert [what.names for what in need.what] == [names]


@pytest.mark.parametrize("path", ["/etc/ssl/certs/x.pem", "/etc/pki/tls/certs"])
def test_a_path_in_the_bytes_counts_where_there_is_c_code(path: str):
    held = b"\xff" + path.encode() + b"\0"
    assert found("N010", go(held=held)).standing is Standing.ABSENT
    need = found("N010", go(C_CODE, held=held))
    assert need.standing is Standing.REQUIRED
    assert need.what == (What("ca-roots"),)


def test_a_string_of_gos_is_no_evidence_for_c_code():
    """It stands among others and does not end; a server with C code would get CA roots for it."""
    held = b"/etc/ssl/certs" + b"another string of the program's" * 20 + b"\0"
    facts = go("crypto/x509.loadSystemRoots", C_CODE, held=held)
    assert found("N010", facts).standing is Standing.ASSUMED_NOT


def test_c_code_may_use_any_zone():
    answers = Answers(DIRECT, {"time.LoadLocation": (ROME,)})
    need = found("N020", go("time.LoadLocation", C_CODE), answers)
    assert need.what == (What("zones"),)


def test_before_go_1_21_the_build_setting_says_whether_there_is_c_code():
    held = b"/etc/ssl/certs\0"
    for version, enabled, standing in (
        ("go1.20.1", "1", Standing.REQUIRED),
        ("go1.20.1", "0", Standing.ABSENT),
        ("go1.26.8", "1", Standing.ABSENT),
    ):
        info = GoInfo(version, settings=(("CGO_ENABLED", enabled),))
        assert found("N010", go(go=info, held=held)).standing is standing


@pytest.mark.parametrize(
    "facts",
    [
        facts_of(go=None, sections=(".gopclntab",)),
        facts_of(go=None, sections=(".go.buildinfo",)),
        facts_of("a1b2.c3", "runtime.main"),
        facts_of(go=None, packed=0),
    ],
    ids=["names gone", "info gone", "names hashed", "packed"],
)
def test_a_program_that_hides_keeps_every_need(facts: Facts):
    needs = {need.code: need for need in needs_of(facts, Answers(), PLAIN)}  # type: ignore[arg-type]
    kept = ("N010", "N020", "N030", "N050", "N051")
    assert all(needs[code].standing is Standing.REQUIRED for code in kept)
    assert all(needs[code].what for code in kept)
    assert needs["N060"].standing is Standing.OPTIONAL
    assert needs["N090"].standing is Standing.RUNTIME
    assert all(needs[code].evidence for code in kept)


def test_a_program_of_another_language_needs_what_its_bytes_name():
    facts = facts_of(go=None, held=b"x\0/etc/passwd\0")
    assert found("N030", facts).standing is Standing.REQUIRED
    assert found("N010", facts).standing is Standing.ASSUMED_NOT


def test_flags_override_rules_and_say_so():
    facts = go("os.CreateTemp", "os.TempDir")
    left = found("N050", facts, said=Declared(drop=("tmp",)))
    assert (left.standing, left.what, left.note) == (
        Standing.DECLARED, (), "left out by --without tmp",
    )  # fmt: skip
    taken = found("N010", facts, said=Declared(add=("N010",)))
    assert (taken.standing, taken.what) == (Standing.DECLARED, (What("ca-roots"),))
    assert taken.evidence[0].where == "--need N010"
    extra = found("N010", facts, said=Declared(ca_extra=("/a.pem",)))
    assert extra.what == (What("ca-roots", ("/a.pem",)),)
    zones = found("N020", go("time.LoadLocation"), said=Declared(zones=("UTC",)))
    assert (zones.standing, zones.what) == (Standing.DECLARED, (What("zones", ("UTC",)),))


def test_programs_that_are_run_are_named():
    sites = (Constant("main.f", "git"), Constant("main.g", "sh"), Constant("main.h", None))
    answers = Answers(constants={"os/exec.Command": sites})
    need = found("N060", go("os.StartProcess", "os/exec.Command"), answers)
    assert need.standing is Standing.REQUIRED
    assert need.note.startswith("git, sh, and others that cannot be read: ")


@pytest.mark.parametrize(
    ("address", "standing"),
    [
        ("db:postgresql", Standing.REQUIRED),
        ("db:5432", Standing.ASSUMED_NOT),
        ("db:https", Standing.ASSUMED_NOT),
        (None, Standing.ASSUMED_NOT),
    ],
)
def test_services_that_go_does_not_know(address: str | None, standing: Standing):
    answers = Answers(constants={"net.Dial": (Constant("main.main", address),)})
    assert found("N040", go("net.readServices", "net.Dial"), answers).standing is standing


def test_a_path_that_the_program_holds_is_evidence_and_one_of_gos_is_none():
    own = Answers(mentions=(Mention("main.main", ("/etc/passwd",)),))
    need = found("N030", go("os.OpenFile"), own)
    assert (need.standing, need.what) == (Standing.REQUIRED, (What("users"),))
    standard = Answers(mentions=(Mention("os/user.lookupUser", ("/etc/passwd",)),))
    assert found("N030", go("os.OpenFile"), standard).standing is Standing.ABSENT


def test_absence_is_no_proof_where_code_cannot_be_read():
    need = found("N050", go("os.OpenFile"), Answers(is_readable=False))
    assert need.standing is Standing.ASSUMED_NOT
    assert found("N050", go(), Answers(is_readable=False)).standing is Standing.ABSENT


def test_home_is_needed_by_what_makes_files_there():
    home = Answers(mentions=(Mention("main.main", ("HOME",)),))
    assert found("N051", go("os.Getenv"), home).standing is Standing.OPTIONAL
    assert found("N051", go("os.Getenv", "os.MkdirAll"), home).standing is Standing.REQUIRED
    assert found("N051", go("os.Getenv", "os.MkdirAll")).standing is Standing.ABSENT


def test_the_roots_lie_where_the_program_looks_for_them():
    path = "/etc/pki/tls/certs/ca-bundle.crt"
    answers = Answers(mentions=(Mention("main.main", (path,)),))
    need = found("N010", go("os.OpenFile"), answers)
    link = What("link", (path, "/etc/ssl/certs/ca-certificates.crt"))
    assert need.what == (What("ca-roots"), link)


def test_what_cannot_be_read_of_programs_is_said():
    answers = Answers(constants={"os/exec.Command": (Constant("main.f", None),)})
    need = found("N060", go("os.StartProcess", "os/exec.Command"), answers)
    assert need.note.startswith("what it runs cannot be read")
    sites = {"os/exec.Command": (Constant("main.f", "git"),),
             "os/exec.LookPath": (Constant("os/exec.Command", None),)}  # fmt: skip
    facts = go("os.StartProcess", "os/exec.Command", "os/exec.LookPath")
    assert found("N060", facts, Answers(constants=sites)).note.startswith("git: ")


@pytest.mark.parametrize(
    ("value", "names"),
    [
        (Constant("main.init.0", "Europe/Rome", is_certain=True), ("Europe/Rome",)),
        (Constant("main.init.0", "Europe/Rome"), ()),
        (Constant("main.init.0", None), ()),
    ],
)
def test_a_program_that_sets_its_local_time_needs_that_zone(value: Constant, names: tuple[str]):
    class Setenv(Answers):
        def constants(self, wanted: Mapping[str, int]) -> dict[str, tuple[Constant, ...]]:
            key = Constant("main.init.0", "TZ", is_certain=True)
            return {n: (value if word else key,) if "Setenv" in n else ()
                    for n, word in wanted.items()}  # fmt: skip

    need = found("N020", go("os.Setenv"), Setenv())
    assert need.standing is Standing.REQUIRED
    assert [what.names for what in need.what] == [names]
    assert found("N020", go("os.Setenv")).standing is Standing.ABSENT


@pytest.mark.parametrize(
    ("caller", "standing"),
    [
        ("main.main", Standing.REQUIRED),
        ("github.com/spf13/viper.Load", Standing.ASSUMED_NOT),
        ("", Standing.ASSUMED_NOT),
    ],
)
def test_a_static_program_of_yours_that_opens_plugins_is_told(caller: str, standing: Standing):
    answers = Answers({"plugin.Open": (Caller(caller, "call"),)})
    assert found("N081", go("plugin.open", "plugin.Open"), answers).standing is standing
