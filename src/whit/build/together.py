"""The plans of several programs in, one plan for an image that holds them all out."""

import msgspec

from whit.build.planning import Planned
from whit.errors.needs import PathTaken
from whit.errors.request import BadSetting
from whit.model.plan import Entry, Plan, RunConfig


def merged(plans: tuple[Planned, ...], start: str) -> tuple[Planned, ...]:
    """The same programs, each with the plan of the whole; first the one that starts, which is
    `start` or the first by name.

    Errors: PathTaken when two programs want different things at one path; BadSetting when `start`
    is none of them.
    """
    names = [one.binary.name for one in plans]
    if start and start not in names:
        raise BadSetting(f"no program is called {start!r}", hint="there are " + ", ".join(names))
    first = next((one for one in plans if one.binary.name == start), plans[0])
    ordered = (first, *(one for one in plans if one is not first))
    entries = _entries(ordered)
    return tuple(
        msgspec.structs.replace(
            one,
            plan=msgspec.structs.replace(
                one.plan, entries=entries, config=_config(ordered, one.plan.config)
            ),
        )
        for one in ordered
    )


def _entries(plans: tuple[Planned, ...]) -> tuple[Entry, ...]:
    found: dict[str, Entry] = {}
    for one in plans:
        for entry in one.plan.entries:
            known = found.setdefault(entry.path, entry)
            if known.node != entry.node:
                raise PathTaken(
                    f"{entry.path}: {one.binary.name} and another program want different things",
                    hint="build images of their own, without --together",
                )
    return tuple(found[path] for path in sorted(found))


def _config(plans: tuple[Planned, ...], own: RunConfig) -> RunConfig:
    """The configuration of one program, with what all of them tell the world."""
    ports = sorted({port for one in plans for port in one.plan.config.ports})
    env = dict(pair for one in reversed(plans) for pair in one.plan.config.env)
    return msgspec.structs.replace(own, ports=tuple(ports), env=tuple(sorted(env.items())))


def needs_of_all(plans: tuple[Planned, ...]) -> Plan:
    """The plan of the image: that of the program which starts, with the needs of all."""
    first = plans[0].plan
    needs = {need.code: need for one in reversed(plans) for need in one.plan.needs}
    provided = {n.code: n for one in plans for n in one.plan.needs if n.standing.is_provided}
    return msgspec.structs.replace(first, needs=tuple((needs | provided)[code] for code in needs))
