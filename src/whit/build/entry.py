"""A plan in, the same with the entry program before its own out, for what whit.toml declares."""

import msgspec

from whit.bases.entry import PATH, entry_command, entry_program
from whit.build.settings import Settings
from whit.model.plan import Entry, Plan
from whit.model.tree import Bytes, File
from whit.needs.contract import says_secret
from whit.needs.rules import DECLARED


def with_entry(plan: Plan, settings: Settings) -> Plan:
    """Secrets of `[config]` are read from NAME_FILE as well, and what is required is checked.

    Errors: NoEntryProgram.
    """
    config, said = plan.config, settings.config
    secrets = [n for n, v in said.items() if (says_secret(n) if v.secret is None else v.secret)]
    required = [name for name, variable in said.items() if variable.required]
    data = entry_program(config.platform.architecture)
    entry = Entry(
        path=PATH,
        node=File(Bytes(data), mode=0o755),
        code=DECLARED[0],
        provider="whit",
        reason="starts first: secrets from files, required variables (image.entry)",
    )
    command = entry_command(secrets, required, config.entrypoint)
    entries = tuple(sorted((*plan.entries, entry), key=lambda one: one.path))
    return msgspec.structs.replace(
        plan, entries=entries, config=msgspec.structs.replace(config, entrypoint=command)
    )
