"""Answers about code in, ports out: which addresses count, and where they may stand."""

from collections.abc import Iterable, Mapping

import pytest

from whit.binary.calls import Constant, Held
from whit.binary.elf import Elf
from whit.binary.facts import Facts, Functions, Linkage
from whit.binary.functions import FunctionTable
from whit.binary.goinfo import GoInfo
from whit.model.names import Platform
from whit.needs.listening import ports_of


class Answers:
    """Machine code whose strings are given."""

    def __init__(
        self,
        constants: Mapping[str, str | None] | None = None,
        near: Iterable[str] = (),
        held: tuple[Held, ...] = (),
        pointed: tuple[str, ...] = (),
        *,
        is_readable: bool = True,
    ) -> None:
        self._constants = constants or {}
        self._near, self._held, self._pointed = dict.fromkeys(near, 1), held, pointed
        self.is_readable = is_readable

    def constants(self, wanted: Mapping[str, int]) -> dict[str, tuple[Constant, ...]]:
        return {
            name: (Constant("main.main", self._constants[name]),) if name in self._constants else ()
            for name in wanted
        }

    def reaching(self, _names: Iterable[str], _levels: int) -> dict[str, int]:
        return self._near

    def held(self, names: Iterable[str]) -> tuple[Held, ...]:
        return tuple(held for held in self._held if held.caller in set(names))

    def pointed_strings(self, _names: Iterable[str]) -> tuple[str, ...]:
        return self._pointed


def facts_of(*names: str) -> Facts:
    blob = b"".join(name.encode() + b"\0" for name in names)
    platform = Platform("linux", "amd64")
    elf = Elf(memoryview(blob), "<", 8, 2, platform, (), {})
    table = FunctionTable(elf, 0, 20, len(names), 0, (0, len(blob)), 0)
    return Facts(
        *(platform, Linkage.STATIC, len(blob), "", (), (), (), ()),
        *(True, False, None, GoInfo("go1.26.8"), Functions(table), elf, table),
    )


def ports(facts: Facts, answers: Answers) -> tuple[str, ...]:
    return ports_of(facts, answers)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("function", "address", "expected"),
    [
        ("net.Listen", ":8080", ("8080/tcp",)),
        ("net.Listen", "0.0.0.0:80", ("80/tcp",)),
        ("net.Listen", "[::]:80", ("80/tcp",)),
        ("net.Listen", "192.0.2.1:80", ("80/tcp",)),
        ("net.ListenPacket", ":53", ("53/udp",)),
        ("flag.(*FlagSet).String", ":8081", ()),
        ("net.Listen", "127.0.0.1:8080", ()),
        ("net.Listen", "localhost:6060", ()),
        ("net.Listen", "[::1]:6060", ()),
        ("net.Listen", ":0", ()),
        ("net.Listen", ":65536", ()),
        ("net.Listen", ":http", ()),
        ("net.Listen", "/run/app.sock", ()),
        ("net.Listen", "8080", ()),
        ("net.Listen", ":" + "9" * 5000, ()),
        ("net.Listen", None, ()),
    ],
)
def test_ports_that_others_can_reach(function: str, address: str | None, expected: tuple[str, ...]):
    assert ports(facts_of(function), Answers({function: address})) == expected


SERVE = "net/http.(*Server).ListenAndServe"


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        (Held("main.main", (":80", ":8080"), "runtime.newobject", True), ("8080/tcp",)),
        (Held("main.main", (":8080",), "main.serve", True), ("8080/tcp",)),
        (Held("main.main", (":8080",), "", True), ("8080/tcp",)),
        (Held("main.main", (":8080",), "strings.Index", False), ("8080/tcp",)),
        (Held("main.main", (":8080",), "strings.Index", True), ()),
        (Held("main.main", ("db:8080", "127.0.0.1:8080", ":08080", ":99999"), "", False), ()),
        (Held("main.other", (":8080",), "main.serve", True), ()),
    ],
)
def test_an_address_kept_near_a_listener(held: Held, expected: tuple[str, ...]):
    answers = Answers(near=("main.main", "main.serve"), held=(held,))
    assert ports(facts_of(SERVE), answers) == expected


def test_a_flag_counts_where_something_listens():
    flag = "flag.(*FlagSet).String"
    answers = Answers({flag: ":8081"}, near=("main.main",))
    assert ports(facts_of(SERVE, flag), answers) == ("8081/tcp",)
    assert ports(facts_of(SERVE, flag), Answers({flag: "db:5432"}, near=("main.main",))) == ()
    assert ports(facts_of(flag), Answers({flag: ":8081"})) == ()


def test_a_variable_begins_with_its_address():
    answers = Answers(near=("main.main",), pointed=(":8087", "localhost:1"))
    assert ports(facts_of(SERVE), answers) == ("8087/tcp",)


def test_what_cannot_be_read_says_nothing():
    answers = Answers({"net.Listen": ":8080"}, is_readable=False)
    assert ports(facts_of("net.Listen"), answers) == ()
