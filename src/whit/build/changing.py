"""Settings and changes of them by dotted keys in, the changed ones out; and in whit.toml.

A list in a change is added to the list that is there; everything else is replaced.
"""

from pathlib import Path
from typing import Any

import msgspec

from whit.build.request import Request, parse_platforms
from whit.build.settings import FILE_NAME, SECTIONS, Settings

Changes = tuple[tuple[str, object], ...]


def changed(request: Request, changes: Changes) -> Request:
    """The request with the settings that `changes` make of its own."""
    settings = request.settings
    for key, value in values_of(request, changes):
        section, _, name = key.partition(".")
        if section in SECTIONS:
            settings = _replaced(settings, section, name, value)
        else:
            settings = msgspec.structs.replace(settings, **{section: value})
    platforms = parse_platforms(settings.platform) or request.platforms
    return msgspec.structs.replace(request, settings=settings, platforms=platforms)


def _replaced(settings: Settings, section: str, name: str, value: object) -> Settings:
    """With one value of a section, or of a table in it."""
    part = getattr(settings, section)
    name, _, entry = name.partition(".")
    new = {**getattr(part, name), entry: value} if entry else value
    part = msgspec.convert(msgspec.to_builtins(part) | {name: new}, type(part))
    return msgspec.structs.replace(settings, **{section: part})


def values_of(request: Request, changes: Changes) -> Changes:
    """What each key is set to once all changes are made."""
    found: dict[str, Any] = {}
    for key, value in changes:
        if isinstance(value, tuple):
            section, _, name = key.partition(".")
            before = found.get(key) or getattr(getattr(request.settings, section), name)
            found[key] = (*before, *value)
        else:
            found[key] = value
    return tuple(found.items())


def settings_file(request: Request) -> Path:
    return Path(request.home) / FILE_NAME


def edited(text: str, values: Changes) -> str:
    """The text of a whit.toml with these values; what is not named stays as it is written, with
    its comments.
    """
    import tomlkit

    document = tomlkit.parse(text)
    for key, value in values:
        section, _, name = key.partition(".")
        if not name:
            document[section] = value
            continue
        at: Any = document.setdefault(section, tomlkit.table())
        name, _, entry = name.partition(".")
        if entry:
            at = at.setdefault(name, tomlkit.table())
        at[entry or name] = list(value) if isinstance(value, tuple) else value
    return tomlkit.dumps(document)


def difference(before: str, after: str) -> list[str]:
    """As `diff -u` shows it."""
    import difflib

    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), FILE_NAME, FILE_NAME, lineterm=""
    )
    return list(lines)
