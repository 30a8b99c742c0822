"""hello and the large program by whit, against ko building the same into an OCI layout."""

from measure import alternate
from outcome import Case, Outcome
from peers.ko import ko
from peers.whit import build_contender, whit_version
from scenarios.stage import Stage
from sources import go_version, hello, large


def measure_ko(stage: Stage) -> Outcome:
    room = stage.room("ko")
    cases = []
    with ko(stage.cache, room / "peer") as peer:
        for program, most in ((hello(), 9), (large(stage.cache), 5)):
            for_whit = program.copy(room / f"{program.name}-whit")
            for_ko = program.copy(room / f"{program.name}-ko")
            for name, edits in (("no change", False), ("one line", True)):
                contenders = [
                    build_contender(for_whit, room, edits=edits),
                    peer.contender(for_ko, is_stripped=True, edits=edits),
                ]
                series = alternate(contenders, stage.rounds(most, 3), room / "talk")
                cases.append(Case(f"{program.name}, {name}", "whit", tuple(series)))
        tools = {"whit": whit_version(), "go": go_version(), "ko": peer.version}
    return Outcome("ko", tuple(cases), tools=tools)
