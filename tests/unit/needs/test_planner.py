"""Needs and providers in, a plan or every unmet need out."""

import pytest

from whit.errors.names import BadPath
from whit.errors.needs import PathTaken, UnknownNeed, UnmetNeeds
from whit.model.names import Digest, Platform
from whit.model.plan import Evidence, Need, Provided, Standing, What
from whit.model.tree import Bytes, Dir, File, Link, Stored
from whit.needs.declared import Declared
from whit.needs.planner import PlanRequest, Program, make_plan, reason_of, why, why_not
from whit.needs.rules import RULES

PROGRAM = Program("/app", Stored("/host/app", 10, Digest("sha256:" + "0" * 64)), "the program")
REQUEST = PlanRequest(PROGRAM, Platform("linux", "amd64"))
USERS = Need("N030", "users", Standing.REQUIRED, (What("users"),), (Evidence("function", "f"),))


class Shelf:
    """A provider of one file per kind."""

    name = "shelf"

    def __init__(self, **files: str) -> None:
        self._files = files

    def provide(self, what: What) -> tuple[Provided, ...] | None:
        path = self._files.get(what.kind)
        return (Provided(path, File(Bytes(b"x")), "a shelf"),) if path else None


def test_a_need_becomes_an_entry_with_its_reason():
    plan = make_plan(REQUEST, [USERS], [Shelf(users="/etc/passwd")])
    assert [e.path for e in plan.entries] == ["/app", "/etc/passwd"]
    assert plan.entries[1].reason == "f is linked; a shelf"
    assert plan.config.entrypoint == ("/app",)
    assert plan.tree(programs=True).file_count == 1


def test_all_unmet_needs_are_told_at_once():
    what = (What("library", ("liba.so",)), What("library", ("libb.so",)))
    need = Need("N070", "libraries", Standing.REQUIRED, what)
    with pytest.raises(UnmetNeeds) as caught:
        make_plan(REQUEST, [need, USERS], [])
    assert all(word in caught.value.message for word in ("liba.so", "libb.so", "users"))


@pytest.mark.parametrize("standing", [s for s in Standing if not s.is_provided])
def test_what_is_not_provided_is_dropped_with_its_standing(standing: Standing):
    need = Need("N010", "CA roots", standing, (), (), "why")
    plan = make_plan(REQUEST, [need], [])
    assert [(d.code, d.standing, d.reason) for d in plan.dropped] == [("N010", standing, "why")]
    assert len(plan.entries) == 1


def test_two_things_that_claim_one_path_are_refused():
    request = PlanRequest(
        PROGRAM, Platform("linux", "amd64"), files=(("/etc/passwd", File(Bytes(b"mine"))),)
    )
    with pytest.raises(PathTaken, match="/etc/passwd"):
        make_plan(request, [USERS], [Shelf(users="/etc/passwd")])


def test_a_program_in_the_way_of_a_directory_is_refused():
    program = Program("/etc", PROGRAM.content, "the program")
    request = PlanRequest(program, Platform("linux", "amd64"))
    with pytest.raises(PathTaken, match="/etc/passwd cannot lie under /etc"):
        make_plan(request, [USERS], [Shelf(users="/etc/passwd")])


def test_the_hint_of_an_unmet_need_suits_it():
    need = Need("N040", "services", Standing.DECLARED, (What("services"),))
    with pytest.raises(UnmetNeeds) as caught:
        make_plan(REQUEST, [need], [])
    assert "static" not in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("zone", "held", "warned"),
    [
        ("Europe/Rome", "", True),
        (":Europe/Rome", "", True),
        ("Europe/Rome", "/usr/share/zoneinfo/Asia/Tokyo", True),
        ("Europe/Rome", "/usr/share/zoneinfo/Europe/Rome", False),
        ("/etc/zone", "", True),
        ("UTC", "", False),
        ("", "", False),
    ],
)
def test_a_zone_in_the_environment_needs_its_file(zone: str, held: str, warned: bool):
    request = PlanRequest(PROGRAM, Platform("linux", "amd64"), env=(("TZ", zone),))
    need = Need("N020", "zones", Standing.REQUIRED, (What("zones"),))
    plan = make_plan(request, [need] if held else [], [Shelf(zones=held)])
    assert any("--tz" in warning for warning in plan.warnings) is warned


def test_a_required_need_without_a_file_is_a_warning():
    need = Need("N060", "programs", Standing.REQUIRED, (), (), "runs git")
    assert make_plan(REQUEST, [need], []).warnings == ("N060 programs: runs git",)


def test_home_sets_the_variable_unless_it_is_set():
    need = Need("N051", "home", Standing.REQUIRED, (What("home"),))
    plan = make_plan(REQUEST, [need], [Shelf(home="/home/nonroot")])
    assert dict(plan.config.env)["HOME"] == "/home/nonroot"


def test_why_and_why_not():
    absent = Need("N020", "zones", Standing.ABSENT, (), (), "not linked")
    plan = make_plan(REQUEST, [absent, USERS], [Shelf(users="/etc/passwd")])
    found = why(plan, "/etc/passwd")
    assert found is not None
    assert found[1] == USERS
    assert why(plan, "/usr/share/zoneinfo") is None
    assert why_not(plan, "/usr/share/zoneinfo/Europe/Rome") == (absent,)
    assert why_not(plan, "zones") == (absent,)
    assert why_not(plan, "/nowhere") == ()


def test_the_working_directory_is_made():
    request = PlanRequest(PROGRAM, Platform("linux", "amd64"), working_dir="/srv")
    assert make_plan(request, [], []).tree().get("/srv") == Dir()


def test_a_chain_is_told_by_packages():
    chain = ("main.main", "net/http.Get", "net/http.(*Client).do", "crypto/tls.dial")
    need = Need("N", "t", Standing.REQUIRED, (), (Evidence("function", "crypto/tls.dial", chain),))
    assert reason_of(need) == "crypto/tls.dial is linked (main → net/http → crypto/tls)"


def test_declared_words():
    declared = Declared(add=("ca-roots", "directory:/data"), drop=("users",), zones=("UTC",))
    assert declared.added() == {"N010": "--need ca-roots", "N020": "--tz UTC"}
    assert declared.dropped() == {"N030": "--without users"}
    assert declared.extra() == (What("directory", ("/data",)),)


@pytest.mark.parametrize(
    "word",
    ["ca-root", "N999", "prog:git", "program:", "directory", "programs", "N070", "local-time"],
)
def test_a_need_nobody_knows_is_refused(word: str):
    declared = Declared(add=(word,))
    with pytest.raises(UnknownNeed):
        (declared.added(), declared.extra())


@pytest.mark.parametrize(
    "declared",
    [
        Declared(add=("ca-roots",), drop=("N010",)),
        Declared(zones=("UTC",), drop=("zones",)),
        Declared(ca_extra=("/a.pem",), drop=("N010",)),
    ],
)
def test_wanted_and_left_out_is_a_contradiction(declared: Declared):
    with pytest.raises(UnknownNeed, match="contradict"):
        declared.added()


def test_a_directory_must_be_absolute():
    with pytest.raises(BadPath):
        Declared(directories=("data",)).extra()


def test_codes_and_names_are_unique_and_every_rule_says_something():
    assert len({r.code for r in RULES}) == len({r.name for r in RULES}) == len(RULES)
    assert all(r.note or r.assumption for r in RULES)


def test_why_follows_the_links_of_the_image():
    class Linked:
        name = "root"

        def provide(self, what: What) -> tuple[Provided, ...] | None:
            file = Provided("/usr/lib/a.so.1", File(Bytes(b"x")), "")
            return (Provided("/lib", Link("usr/lib"), ""), file)

    need = Need("N070", "libraries", Standing.REQUIRED, (What("library", ("/lib/a.so.1",), "me"),))
    found = why(make_plan(REQUEST, [need], [Linked()]), "/lib/a.so.1")
    assert found is not None
    assert (found[0].path, found[0].reason) == ("/usr/lib/a.so.1", "me")


def test_a_zone_that_nobody_has_is_a_warning_and_no_longer_needed():
    what = (What("zones-of-program", ("Europe/Rome",)), What("zones-of-program", ("Mars/X",)))
    need = Need("N020", "zones", Standing.REQUIRED, what)

    class Zones(Shelf):
        def provide(self, what: What) -> tuple[Provided, ...] | None:
            known = what.names == ("Europe/Rome",)
            return super().provide(what) if known else ()

    shelf = Zones(**{"zones-of-program": "/usr/share/zoneinfo/Europe/Rome"})
    plan = make_plan(REQUEST, [need], [shelf])
    assert plan.needs[0].what == what[:1]
    assert len(plan.warnings) == 1
    assert "Mars/X" in plan.warnings[0]
