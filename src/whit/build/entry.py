"""A plan in, the same with the entry program before its own out, where something asks for it."""

import msgspec

from whit.bases.entry import PATH, EntryPlan, entry_program, variant_of
from whit.build.settings import Settings
from whit.build.templates import carried_at, template_files
from whit.errors.request import BadProbe
from whit.model.contract import LABEL, Contract, decode
from whit.model.plan import Entry, Health, Plan, Standing
from whit.model.probe import Probe
from whit.model.tree import Bytes, File
from whit.needs.rules import DECLARED

_STARTS_OTHERS = "N060"
_NOTHING_TO_DO = (
    "image.entry: nothing is secret, required, written or waited for, so that no program starts "
    "before this one"
)


def with_entry(plan: Plan, settings: Settings, home: str) -> Plan:
    """What the contract asks for is done before the program starts. Where it asks for nothing, the
    program is left out and the plan says so.

    Errors: NoEntryProgram, BadProbe, BadSetting.
    """
    config, entry = plan.config, settings.entry
    contract = decode(dict(config.labels).get(LABEL, "{}")) or Contract()
    templates = template_files(settings, home)
    planned = EntryPlan(
        files_of=tuple(sorted(_from_files(contract))),
        required=tuple(sorted(v.name for v in contract.env if v.required)),
        templates=tuple((carried_at(path), path) for path in templates),
        wait=tuple(_probe(text, "wait").text for text in entry.wait),
        wait_seconds=entry.wait_seconds,
        is_init=_starts_others(plan) if entry.init is None else entry.init,
        program=config.entrypoint,
    )
    health = _health(planned, settings)
    command = health.command if health else ()
    asks = command[:1] == (PATH,)
    if not (planned.is_needed or asks or any("${" in word for word in config.cmd)):
        config = msgspec.structs.replace(config, health=health)
        warnings = (*plan.warnings, _NOTHING_TO_DO)
        return msgspec.structs.replace(plan, warnings=warnings, config=config)
    variant = variant_of(planned, probes=asks and "-p" in command)
    entries = [
        Entry(path, node, DECLARED[0], "whit", reason)
        for path, node, reason in (
            (PATH, _program(config.platform.architecture, variant), _reason(planned, asks=asks)),
            *(
                (carried_at(to), node, f"becomes {to} at the start")
                for to, node in templates.items()
            ),
        )
    ]
    return msgspec.structs.replace(
        plan,
        entries=tuple(sorted((*plan.entries, *entries), key=lambda one: one.path.split("/"))),
        config=msgspec.structs.replace(config, entrypoint=planned.command, health=health),
    )


def _program(architecture: str, variant: str) -> File:
    return File(Bytes(entry_program(architecture, variant)), mode=0o755)


def _from_files(contract: Contract) -> list[str]:
    """Secrets that the program would only take from its environment. One that reads NAME_FILE by
    itself, or whose variable already is a path, needs no help.
    """
    return [
        variable.name
        for variable in contract.env
        if variable.secret
        and variable.type != "file"
        and contract.variable(f"{variable.name}_FILE") is None
    ]


def _starts_others(plan: Plan) -> bool:
    provided = (Standing.REQUIRED, Standing.DECLARED)
    return any(n.code == _STARTS_OTHERS and n.standing in provided for n in plan.needs)


def _health(planned: EntryPlan, settings: Settings) -> Health | None:
    entry = settings.entry
    if not entry.health:
        return None
    probe = _probe(entry.health, "health")
    command: tuple[str, ...]
    if probe.kind != "exec":
        command = (PATH, "-s", str(entry.health_timeout_seconds), "-p", probe.text)
    elif planned.files_of:
        words = [word for name in planned.files_of for word in ("-f", name)]
        command = (PATH, *words, "--", *probe.words)
    else:
        command = probe.words
    return Health(
        command,
        interval_seconds=entry.health_interval_seconds,
        timeout_seconds=entry.health_timeout_seconds,
        start_seconds=entry.health_start_seconds,
    )


def _probe(text: str, setting: str) -> Probe:
    probe = Probe.parse(text)
    if setting == "wait" and probe.kind == "exec":
        raise BadProbe(f"entry.wait: {text} is a program", hint="wait for a host, a port or a file")
    return probe


def _reason(planned: EntryPlan, *, asks: bool) -> str:
    does = {
        "secrets from files": planned.files_of,
        "required variables": planned.required,
        "templates": planned.templates,
        "waiting": planned.wait,
        "init": planned.is_init,
        "health": asks,
    }
    return f"starts first: {', '.join(w for w, is_it in does.items() if is_it) or 'arguments'}"
