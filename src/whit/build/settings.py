"""Flags, environment and whit.toml in, Settings out: the only home of defaults.

A setting has one dotted key everywhere: `go.version` is `version` under `[go]` in whit.toml,
`WHIT_GO_VERSION` in the environment and `--set go.version=…` on the command line (many have a flag
of their own). Flags go over the environment, the environment over the file, the file over the
defaults below. Lists given on the command line replace the file's; tables are merged key by key.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from whit.errors import Place
from whit.errors.request import BadSetting, BadSettingsFile, UnknownSetting
from whit.model.image import Effort, Format
from whit.model.program import Cgo, Strip
from whit.model.registries import RegistrySettings

FILE_NAME = "whit.toml"
MAX_FILE_BYTES = 1 << 20


class GoSettings(msgspec.Struct, frozen=True, rename="kebab"):
    version: str = ""
    strip: Strip = Strip.ALL
    cgo: Cgo = Cgo.AUTO
    ldflags: tuple[str, ...] = ()
    gcflags: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    trimpath: bool = True
    env: dict[str, str] = {}


class ImageSettings(msgspec.Struct, frozen=True, rename="kebab"):
    name: str = ""
    base: str = "auto"
    start: str = ""
    user: str = "65532:65532"
    env: dict[str, str] = {}
    ports: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    working_dir: str = "/"
    volumes: tuple[str, ...] = ()
    stop_signal: str = ""
    contract: bool = False
    observed: str = ""
    entry: bool = False
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class NeedsSettings(msgspec.Struct, frozen=True, rename="kebab"):
    add: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    ca_extra: tuple[str, ...] = ()
    sysroot: str = ""


class OutputSettings(msgspec.Struct, frozen=True, rename="kebab"):
    to: tuple[str, ...] = ()
    compression: Format = Format.GZIP
    effort: Effort = Effort.FAST
    smoke: str | None = None


class BaseSettings(msgspec.Struct, frozen=True, rename="kebab"):
    """Where Debian's packages come from; "" asks this host's own apt. `suites` are those beside
    the main one; `keys` are certificates to trust instead of Debian's.
    """

    distro: str = "debian13"
    mirror: str = ""
    security_mirror: str = ""
    suites: tuple[str, ...] = ("updates", "security")
    keys: tuple[str, ...] = ()


class BudgetSettings(msgspec.Struct, frozen=True, rename="kebab"):
    """Sizes as text such as "10MB"; "" and None are no budget. `layer` is the largest layer,
    compressed; `modules` maps a module to what it may weigh in the program. `dead_code_blockers`
    are functions that keep dead methods; `history` is a file that remembers every size.
    """

    image: str = ""
    compressed: str = ""
    binary: str = ""
    layer: str = ""
    files: int | None = None
    dead_code_blockers: int | None = None
    modules: dict[str, str] = {}
    history: str = ""


class SecretsSettings(msgspec.Struct, frozen=True, rename="kebab"):
    """`allow` maps a path, a variable or a rule's name to the reason why it is no secret."""

    allow: dict[str, str] = {}


class VariableSettings(msgspec.Struct, frozen=True, rename="kebab"):
    """What is declared of a variable; None leaves what the program says."""

    required: bool | None = None
    secret: bool | None = None
    default: str | None = None
    usage: str = ""
    type: str = ""
    file: str = ""


class CompareSettings(msgspec.Struct, frozen=True, rename="kebab"):
    """`bases` maps the name of a base to what stands for it, as `whit copy` names images."""

    bases: dict[str, str] = {}


class EntrySettings(msgspec.Struct, frozen=True, rename="kebab"):
    """What a small program does before the image's own starts, and asks of it afterwards.

    `wait` and `health` are probes (model/probe.py); `templates` maps the file that is written when
    the image starts to its template here; `init` None is: where the program starts others.
    """

    init: bool | None = None
    wait: tuple[str, ...] = ()
    wait_seconds: int = 30
    health: str = ""
    health_interval_seconds: int = 30
    health_timeout_seconds: int = 5
    health_start_seconds: int = 0
    templates: dict[str, str] = {}


class Settings(msgspec.Struct, frozen=True, rename="kebab"):
    packages: tuple[str, ...] = ()
    platform: str = ""
    go: GoSettings = GoSettings()
    image: ImageSettings = ImageSettings()
    needs: NeedsSettings = NeedsSettings()
    files: dict[str, str] = {}
    directories: tuple[str, ...] = ()
    output: OutputSettings = OutputSettings()
    base: BaseSettings = BaseSettings()
    secrets: SecretsSettings = SecretsSettings()
    config: dict[str, VariableSettings] = {}
    entry: EntrySettings = EntrySettings()
    budget: BudgetSettings = BudgetSettings()
    compare: CompareSettings = CompareSettings()
    registries: dict[str, RegistrySettings] = {}

    @property
    def has_entry(self) -> bool:
        """Whether a small program is asked to start first."""
        return self.image.entry or self.entry != EntrySettings()


SECTIONS: Mapping[str, type[msgspec.Struct]] = {
    "go": GoSettings,
    "image": ImageSettings,
    "needs": NeedsSettings,
    "output": OutputSettings,
    "base": BaseSettings,
    "secrets": SecretsSettings,
    "entry": EntrySettings,
    "budget": BudgetSettings,
    "compare": CompareSettings,
}
TABLES = (
    *("go.env", "image.env", "image.labels", "image.annotations", "files", "secrets.allow"),
    *("config", "registries"),
    *("budget.modules", "compare.bases", "entry.templates"),
)


def setting_keys() -> tuple[str, ...]:
    """All dotted keys, in the order of the file."""
    keys: list[str] = []
    for name in Settings.__struct_encode_fields__:
        section = SECTIONS.get(name)
        keys += [f"{name}.{key}" for key in section.__struct_encode_fields__] if section else [name]
    return tuple(keys)


def read_settings(
    flags: Mapping[str, object],
    environment: Mapping[str, str],
    directory: Path,
    file: Path | None = None,
) -> tuple[Settings, Path]:
    """Settings, and the directory that relative paths in them start from.

    `flags` maps dotted keys to values; those that are None were not given. The file is `file`, or
    whit.toml in `directory` or the nearest directory above it that has one, up to a `.git`.
    """
    found = file or _nearest_file(directory)
    merged: dict[str, Any] = {}
    if found is not None:
        merged = _read_file(found)
    for source in (_from_environment(environment), flags):
        for key, value in source.items():
            if value is not None:
                _put(merged, key, value)
    home = found.parent if found else directory
    return _convert(merged, str(found or "")), home


def parse_assignments(texts: Iterable[str]) -> dict[str, object]:
    """`--set KEY=VALUE` texts to values by key; a list takes its items between commas."""
    values: dict[str, object] = {}
    for text in texts:
        key, separator, value = text.partition("=")
        if not separator:
            raise BadSetting(f"--set {text}: no value", hint="write it as --set KEY=VALUE")
        values[_known(key.strip(), "--set")] = _typed(key.strip(), value)
    return values


def check_keys(settings: Mapping[str, object]) -> None:
    """Errors: UnknownSetting."""
    for key in settings:
        _known(key, "settings")


def _typed(key: str, value: str) -> object:
    section, _, name = key.partition(".")
    struct = SECTIONS.get(section)
    fields = msgspec.structs.fields(struct or Settings)
    wanted = next((f.type for f in fields if f.encode_name == (name if struct else section)), str)
    if getattr(wanted, "__origin__", None) is tuple:
        return [item.strip() for item in value.split(",") if item.strip()]
    return value


def _from_environment(environment: Mapping[str, str]) -> dict[str, object]:
    names = {
        "WHIT_" + key.upper().replace(".", "_").replace("-", "_"): key
        for key in setting_keys()
        if key not in TABLES
    }
    return {
        names[name]: _typed(names[name], value)
        for name, value in environment.items()
        if name in names
    }


def _known(key: str, where: str) -> str:
    keys = setting_keys()
    if key in keys or any(key.startswith(table + ".") for table in TABLES):
        return key
    raise UnknownSetting(f"{where}: there is no setting {key!r}", hint=_suggestion(key, keys))


def _suggestion(word: str, known: Iterable[str]) -> str:
    import difflib

    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return (
        f"did you mean {close[0]!r}?" if close else "`whit init` writes a file with every setting"
    )


def _put(merged: dict[str, Any], key: str, value: object) -> None:
    """Place a value at a dotted key; a table's entries are merged, everything else replaced."""
    table = next((t for t in TABLES if key == t or key.startswith(t + ".")), None)
    path = key.split(".")
    if table is not None and key != table:
        path = [*table.split("."), key[len(table) + 1 :]]
    at = merged
    for name in path[:-1]:
        at = at.setdefault(name, {})
    if isinstance(value, Mapping) and isinstance(at.get(path[-1]), dict):
        at[path[-1]].update(value)
    else:
        at[path[-1]] = value


def _nearest_file(directory: Path) -> Path | None:
    for place in (directory, *directory.parents):
        if (place / FILE_NAME).is_file():
            return place / FILE_NAME
        if (place / ".git").exists():
            return None
    return None


def _read_file(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise BadSettingsFile(
            f"{path} cannot be read: {error.strerror}",
            hint="`whit init` writes one; --config names another",
        ) from error
    if len(raw) > MAX_FILE_BYTES:
        raise BadSettingsFile(f"{path} is larger than 1 MiB", hint="is this the right file?")
    import tomllib

    try:
        text = raw.decode()
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSettingsFile(
            f"{path} is not valid TOML: {error}",
            hint='a setting is written as key = "value" under its [section]; `whit init` shows all',
        ) from error
    _refuse_unknown(table, path, text)
    return table


def _refuse_unknown(table: Mapping[str, Any], path: Path, text: str) -> None:
    for name, value in table.items():
        section = SECTIONS.get(name)
        if section is None:
            if name not in Settings.__struct_encode_fields__:
                raise _unknown(name, "", Settings.__struct_encode_fields__, path, text)
        elif isinstance(value, Mapping):
            for key in value:
                if key not in section.__struct_encode_fields__:
                    raise _unknown(key, name, section.__struct_encode_fields__, path, text)


def _unknown(
    key: str, section: str, known: tuple[str, ...], path: Path, text: str
) -> UnknownSetting:
    place = None
    inside = not section
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if stripped.startswith("["):
            inside = stripped.strip("[]").strip() == section
        if (inside or stripped.startswith("[")) and stripped.strip("[").startswith(key):
            place = Place(str(path), number, line.find(key) + 1, len(key), line)
            break
    where = f"[{section}]" if section else "whit.toml"
    return UnknownSetting(
        f"{where} has no setting {key!r}", hint=_suggestion(key, known), place=place
    )


def _convert(merged: Mapping[str, Any], file: str) -> Settings:
    try:
        return msgspec.convert(merged, Settings, strict=False)
    except msgspec.ValidationError as error:
        # msgspec says: "Expected `array`, got `str` - at `$.go.tags`"
        said, _, where = str(error).partition(" - at `$.")
        key = where.rstrip("`")
        if said.startswith("Object contains unknown field"):
            raise UnknownSetting(
                f"{key or file} has no setting {said.partition('`')[2].rstrip('`')!r}",
                hint="`whit init --print` shows every setting",
            ) from error
        if said.startswith("Invalid enum value"):
            section, _, name = key.partition(".")
            fields = msgspec.structs.fields(SECTIONS[section])
            choices = next(field.type for field in fields if field.encode_name == name)
            raise BadSetting(
                f"setting {key} is {said.rpartition('value ')[2]}",
                hint="it is one of " + ", ".join(choices),
            ) from error
        raise BadSetting(
            f"setting {key or '?'} has a value of the wrong kind: {said[:1].lower()}{said[1:]}",
            hint=f"it was set in {file}, by a WHIT_ variable or by a flag"
            if file
            else "`whit init` writes a file that shows the form of every setting",
        ) from error


def insecurely(
    settings: Mapping[str, RegistrySettings], hosts: tuple[str, ...]
) -> dict[str, RegistrySettings]:
    """The settings, with `hosts` allowed plain HTTP and any certificate."""
    plain = {
        host: msgspec.structs.replace(settings.get(host, RegistrySettings()), insecure=True)
        for host in hosts
    }
    return {**settings, **plain}
