"""A source or an image in, its contract out; settings of a run in, what is wrong with them out.

An image carries its contract as a label where it was built with one. Without a label the contract
is read from the image's own program, whoever built it.
"""

import os
import re
import stat
from collections.abc import Collection, Mapping, Sequence
from time import perf_counter

import msgspec

from whit.bases.entry import PATH
from whit.binary.calls import open_code
from whit.binary.facts import Facts, read_facts
from whit.build.events import Finished, Listener, Started, Warned
from whit.build.house import House
from whit.build.request import Request
from whit.build.settings import Settings
from whit.build.templates import template_variables
from whit.errors import WhitError
from whit.errors.binary import NotAProgram
from whit.errors.images import UnknownImage
from whit.errors.request import ContractBroken, NoContract
from whit.errors.secrets import BadSecret
from whit.layer.read import Kind, LayerReader
from whit.model.contract import LABEL, Contract, Variable, decode
from whit.model.image import Image
from whit.model.names import Reference
from whit.model.program import Binary
from whit.needs.contract import contract_of, says_secret
from whit.oci.documents import Config
from whit.oci.documents import decode as decode_document
from whit.report.words import count_text
from whit.store.blobs import Store

# As strconv.ParseInt with base 0 and time.ParseDuration read them, and viper plain nanoseconds.
_INT = re.compile(r"[+-]?(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO]?[0-7_]*|[1-9][0-9_]*)")
_DURATION = re.compile(r"[+-]?(?:\d+|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)")
MAX_PROGRAM_BYTES = 1 << 30
MAX_SECRET_BYTES = 1 << 20
# Linux takes no longer string for a new program: MAX_ARG_STRLEN.
MAX_VARIABLE_BYTES = 128 << 10


UNREAD = "is set, and nothing known reads it"


class Described(msgspec.Struct, frozen=True):
    """A contract and, of an image, the configuration it is to be run with."""

    name: str
    contract: Contract
    config: Config | None = None


def contract_of_image(name: str, house: House) -> Described:
    """An image of the store, else of the registry that its name says, of which only documents are
    read. Errors: those of the store and of the R pages; NoContract where there is neither a label
    nor a Go program.
    """
    store = Store.open(house.store)
    try:
        try:
            image = store.find(name)
        except UnknownImage:
            if not name.strip("0123456789abcdef") or not Reference.parse(name).registry:
                raise
            return _in_registry(name)
        config = decode_document(Config, image.config, "the configuration")
        label = (config.config.labels or {}).get(LABEL) if config.config else None
        if label is not None:
            contract = decode(label)
            if contract is None:
                raise NoContract(
                    f"{name}: its label {LABEL} is no contract",
                    hint="build it again, or remove the label",
                )
        else:
            contract = _derived(name, image, config, store)
        return Described(name, contract, config)
    finally:
        store.close()


def _in_registry(name: str) -> Described:
    from pathlib import Path

    from whit.build.referring import contract_in_registry
    from whit.build.registries import Registries
    from whit.build.request import host_platform
    from whit.build.settings import read_settings

    settings, home = read_settings({}, os.environ, Path.cwd())
    registries = Registries(settings.registries, str(home))
    contract, config = contract_in_registry(Reference.parse(name), host_platform(), registries)
    return Described(name, contract, config)


def contract_of_program(
    binary: Binary, facts: Facts, request: Request, listen: Listener
) -> Contract:
    """What its bytes say, what the source says where whit compiled it, what was observed, and what
    whit.toml says.
    """
    settings, home = request.settings, request.home
    contract = contract_of(facts, open_code(facts.elf.data, facts))
    if binary.recipe is not None and facts.functions:
        from whit.golang.reading import read_source
        from whit.needs.sourced import with_source

        begun = perf_counter()
        listen(Started("contract", "reading the source"))
        own = facts.go.main.path if facts.go and facts.go.main else binary.package
        reading = read_source(binary, own, os.environ)
        if reading.why_not:
            message = f"the contract knows nothing from the source: {reading.why_not}"
            listen(Warned(message, "what the program's bytes say is in it all the same"))
        contract = with_source(contract, facts, reading.sayings)
        listen(Finished("contract", _size(contract), perf_counter() - begun))
    if settings.image.observed:
        from whit.build.learning import read_observed

        seen = read_observed(os.path.join(home, settings.image.observed))
        contract = msgspec.structs.replace(contract, observed=seen)
    return declared(contract, settings, home)


def _size(contract: Contract) -> str:
    variables = count_text(len(contract.env), "variable")
    return f"at least {variables} and {count_text(len(contract.flags), 'flag')}"


def declared(contract: Contract, settings: Settings, home: str) -> Contract:
    """The contract with what templates name, and what `[config]` in whit.toml says over it."""
    found = {variable.name: variable for variable in contract.env}
    for path, names in template_variables(settings, home).items():
        for name, is_required in names.items():
            old = found.get(name, Variable(name, secret=says_secret(name)))
            found[name] = msgspec.structs.replace(
                old,
                required=old.required or is_required,
                sources=(*old.sources, f"template: {path}"),
            )
    for name, said in settings.config.items():
        old = found.get(name, Variable(name, secret=says_secret(name)))
        found[name] = Variable(
            name=name,
            required=old.required if said.required is None else said.required,
            secret=old.secret if said.secret is None else said.secret,
            default=said.default if said.default is not None else old.default,
            usage=said.usage or old.usage,
            type=said.type or old.type,
            file=said.file or old.file,
            sources=(*old.sources, "declared"),
        )
    return msgspec.structs.replace(contract, env=tuple(found[name] for name in sorted(found)))


def read_secret_names(directory: str) -> tuple[dict[str, int], tuple[str, ...]]:
    """Names and sizes of a directory's secrets, and what is wrong with some of them. A link may
    only lead inside of the directory, as those of Kubernetes do. Errors: BadSecret.
    """
    root = os.path.realpath(directory)
    sizes: dict[str, int] = {}
    wrong: list[str] = []
    try:
        names = sorted(os.listdir(root))
    except OSError as error:
        raise BadSecret(
            f"{directory} cannot be read: {error.strerror}", hint="name a directory of secrets"
        ) from None
    for name in names:
        if name.startswith("."):
            continue
        place = os.path.realpath(os.path.join(root, name))
        if os.path.commonpath((root, place)) != root:
            wrong.append(f"{name} is a link out of {directory}")
            continue
        try:
            status = os.stat(place)
        except OSError as error:
            wrong.append(f"{name}: {error.strerror}")
            continue
        if stat.S_ISDIR(status.st_mode):
            continue
        if not stat.S_ISREG(status.st_mode):
            wrong.append(f"{name} is no regular file")
        elif not 0 < status.st_size <= MAX_SECRET_BYTES:
            wrong.append(f"{name} is {'larger than 1 MiB' if status.st_size else 'empty'}")
        else:
            sizes[name] = status.st_size
            if not status.st_mode & 0o004 and status.st_uid == 0:
                wrong.append(f"{name} is readable by root only: the image's user is another")
    return sizes, tuple(wrong)


def check(
    contract: Contract,
    env: Mapping[str, str],
    secrets: Mapping[str, int],
    by_file: Collection[str] | None = None,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(what is wrong, what is worth a look) with a run in this environment, all at once. `secrets`
    are names and sizes of files, `by_file` variables that the image makes of files, and no other;
    None where the program may open a file itself.
    """
    wrong: list[str] = []
    for variable in contract.env:
        name, file = variable.name, f"{variable.name}_FILE"
        is_there = name in secrets or name.lower() in secrets
        takes_file = by_file is None or name in by_file or contract.variable(file) is not None
        in_file = is_there and (takes_file or variable.type == "file")
        given = [word for word in (name, file) if word in env]
        if len(given) == 2:
            wrong.append(f"{name} and {file} are both set: only one can count")
        elif given and in_file:
            wrong.append(
                f"{given[0]} is set, and a secret of its name is there: only one can count"
            )
        if variable.required and not given and not in_file:
            unread = "; the secret of its name is a file, which nothing reads: declare it secret"
            why = unread if is_there else _usage(variable)
            wrong.append(f"{name} is required and not set{why}")
        if in_file and by_file and name in by_file:
            size = max(secrets.get(name, 0), secrets.get(name.lower(), 0))
            if size + len(name) >= MAX_VARIABLE_BYTES:
                wrong.append(f"{name} would be longer than Linux lets a variable be")
        value = env.get(name)
        if value is None:
            continue
        if variable.required and not value.strip():
            wrong.append(f"{name} is required and empty")
        elif value and (why := _mistyped(value, variable.type)):
            wrong.append(f"{name} {why}")
        if len(value.encode("utf-8", "surrogateescape")) + len(name) >= MAX_VARIABLE_BYTES:
            wrong.append(f"{name} is longer than Linux lets a variable be: give it as a file")
    known = {variable.name for variable in contract.env}
    known |= {name for names in contract.libraries.values() for name in names}
    doubtful = [
        f"{name} {UNREAD}{_near(name, known)}"
        for name in env
        if name not in known
        and name.removesuffix("_FILE") not in known
        # Of a family any name may be read; what is nearly one that is known is a slip.
        and (not name.startswith(contract.prefixes) or _near(name, known, 0.95))
    ]
    return tuple(wrong), tuple(doubtful)


def broken(message: str, hint: str, wrong: Sequence[str]) -> ContractBroken:
    """The error for all that is wrong at once; `message` has a place for how many things are."""
    things = "1 thing is" if len(wrong) == 1 else f"{len(wrong)} things are"
    output = "\n".join(f"  {one}" for one in wrong)
    return ContractBroken(message.replace("{}", things, 1), hint=hint, output=output)


def standing_in(names: Collection[str], contract: Contract, name: str, house: House) -> set[str]:
    """Those of `names` that the program of an image in the store holds as text, and not as a part
    of a name that is known: it may read them in a way that nobody finds. Empty for other images.
    """
    known = [v.name for v in contract.env] + [n for ns in contract.libraries.values() for n in ns]
    asked = [one for one in names if not any(one in other for other in known)]
    if not asked:
        return set()
    store = Store.open(house.store)
    try:
        image = store.find(name)
        config = decode_document(Config, image.config, "the configuration")
        data = _file_of(_program_of(config), image, store)
    except UnknownImage:
        return set()
    finally:
        store.close()
    return {one for one in asked if one.encode("utf-8", "surrogateescape") in data}


def _program_of(config: Config) -> str:
    """The path of what an image is there for; "" where it says none."""
    entrypoint = (config.config.entrypoint or ()) if config.config else ()
    if entrypoint and entrypoint[0] == PATH and "--" in entrypoint:
        entrypoint = entrypoint[entrypoint.index("--") + 1 :]
    return entrypoint[0] if entrypoint else ""


def _derived(name: str, image: Image, config: Config, store: Store) -> Contract:
    path = _program_of(config)
    data = _file_of(path, image, store) if path else b""
    try:
        facts = read_facts(memoryview(data))
    except (NotAProgram, WhitError):
        raise NoContract(
            f"{name} carries no contract, and {path or 'it'} is no program to read one from",
            hint="contracts are read from Go programs",
        ) from None
    return contract_of(facts, open_code(memoryview(data), facts))


def _file_of(path: str, image: Image, store: Store) -> bytes:
    """A file's bytes from the topmost layer that has it; none where it is a link or too large."""
    for layer in reversed(image.layers):
        with store.open_blob(layer.digest, layer.size) as blob:
            reader = LayerReader(blob)
            for entry in reader:
                is_it = entry.path == path and entry.kind is Kind.FILE
                if is_it and entry.size <= MAX_PROGRAM_BYTES:
                    return b"".join(reader.content())
    return b""


def _mistyped(value: str, kind: str) -> str:
    if kind == "port" and not (value.isascii() and value.isdigit() and 0 < int(value) < 65536):
        return "is no port"
    if kind == "int" and not _INT.fullmatch(value):
        return "is no whole number"
    if kind == "bool" and value.lower() not in ("1", "0", "t", "f", "true", "false"):
        return "is neither true nor false"
    if kind == "duration" and not _DURATION.fullmatch(value):
        return "is no duration, such as 1m30s"
    if kind == "url" and "://" not in value:
        return "is no URL"
    return ""


def _usage(variable: Variable) -> str:
    """On one line: a label may hold anything."""
    return f": {' '.join(variable.usage.split())}" if variable.usage else ""


def _near(name: str, known: set[str], cutoff: float = 0.75) -> str:
    import difflib

    close = difflib.get_close_matches(name, sorted(known), n=1, cutoff=cutoff)
    return f"; did you mean {close[0]}?" if close else ""
