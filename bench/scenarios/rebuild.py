"""A warm rebuild by whit, against `go build` alone for the same program with the same flags."""

from measure import Contender, Series, alternate
from outcome import Case, Claim, Outcome
from peers.whit import build_contender, whit_version
from scenarios.stage import Stage
from sources import GO_ENVIRONMENT, GO_FLAGS, Program, go_program, go_version, hello, large

HELLO_EXTRA_MS = 100
LARGE_RATIO = 1.15


def measure_hello(stage: Stage) -> Outcome:
    cases = _cases(stage, hello(), stage.rounds(15, 5), stage.rounds(15, 5))
    claims = tuple(
        Claim(
            f"hello, {case.name}: whit - go build",
            whit.seconds_above(go) * 1000,
            HELLO_EXTRA_MS,
            "ms",
        )
        for case, whit, go in _pairs(cases)
    )
    return Outcome("rebuild-hello", cases, claims, tools=_tools())


def measure_large(stage: Stage) -> Outcome:
    cases = _cases(stage, large(stage.cache), stage.rounds(9, 3), stage.rounds(7, 3))
    claims = tuple(
        Claim(f"buildctl, {case.name}: whit / go build", whit.ratio_to(go), LARGE_RATIO, "x")
        for case, whit, go in _pairs(cases)
    )
    return Outcome("rebuild-large", cases, claims, tools=_tools())


def go_contender(tree: Program, *, edits: bool) -> Contender:
    """`go build` to a file that it finds again, so that nothing changed means nothing linked."""

    def prepare(_: int) -> None:
        if edits:
            tree.edit()

    output = tree.directory.with_name(tree.directory.name + ".program")
    command = (go_program(), "build", *GO_FLAGS, "-o", str(output), tree.package)
    return Contender("go build", command, tree.directory, GO_ENVIRONMENT, prepare)


def _cases(stage: Stage, program: Program, same: int, edited: int) -> tuple[Case, ...]:
    room = stage.room(f"rebuild-{program.name}")
    for_go, for_whit = program.copy(room / "go"), program.copy(room / "whit")
    cases = []
    for name, rounds, edits in (("no change", same, False), ("one line", edited, True)):
        contenders = [
            go_contender(for_go, edits=edits),
            build_contender(for_whit, room, edits=edits),
        ]
        cases.append(Case(name, "go build", tuple(alternate(contenders, rounds, room / "talk"))))
    return tuple(cases)


def _pairs(cases: tuple[Case, ...]) -> list[tuple[Case, Series, Series]]:
    return [
        (case, whit, go)
        for case in cases
        if (whit := case.of("whit")) is not None and (go := case.of("go build")) is not None
    ]


def _tools() -> dict[str, str]:
    return {"whit": whit_version(), "go": go_version()}
