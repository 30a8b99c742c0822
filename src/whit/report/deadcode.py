"""DeadCode in, lines out."""

from whit.model.deadcode import Blocker, DeadCode
from whit.report.words import aligned, count_text, listed, size_text

_SHOWN = 24  # functions of a way


def dead_code_line(found: DeadCode) -> str:
    """One line below the tables of a program, "" where there is nothing to say."""
    if found.is_dropped is not False:
        return ""
    names = listed([one.function for one in found.blockers], 3) or "a lookup of methods by name"
    return f"dead code: methods that nobody calls are kept, because of {names} (--dead-code)"


def dead_code_lines(name: str, found: DeadCode) -> list[str]:
    """The verdict, every blocker with its way, and what was measured."""
    if found.is_dropped is None:
        return [f"{name}: whether dead methods are dropped cannot be told from this program"]
    if found.is_dropped:
        return [f"{name}: the linker drops the methods that nobody calls"]
    count = count_text(len(found.blockers), "function") if found.blockers else "something"
    verb = "looks" if len(found.blockers) < 2 else "look"
    lines = [
        f"{name}: the linker keeps every exported method of every type in an interface,",
        f"because {count} {verb} methods up by a name that only the running program knows",
    ]
    for blocker in found.blockers:
        lines += ["", *_blocker_lines(blocker)]
    return lines + _measured_lines(found)


def _blocker_lines(blocker: Blocker) -> list[str]:
    lines = [f"{blocker.function}  of {blocker.module or blocker.package}"]
    way = blocker.way
    if len(way) > _SHOWN:
        way = (*way[: _SHOWN // 2], "…", *way[-_SHOWN // 2 :])
    return lines + [f"  {name}" for name in way]


def _measured_lines(found: DeadCode) -> list[str]:
    measured = found.measured
    if measured is None:
        return []
    share = measured.saved / max(measured.before, 1)
    return [
        "",
        *aligned(
            [
                ("as it is", size_text(measured.before)),
                ("with dead methods dropped", size_text(measured.after)),
                ("saved", f"{size_text(measured.saved)} ({share:.1%})"),
            ],
            right=(1,),
        ),
        "measured by linking once more as if nothing were looked up; that program is not kept,",
        "because it fails where the lookup is meant",
    ]


def dead_code_document(name: str, found: DeadCode) -> dict[str, object]:
    return {"schema": "whit/size-dead-code/v1", "name": name, "dead_code": found}
