r"""Facts and Code in, the contract out: what a program reads from its environment. Pure.

"At least these": a name that is put together at run time cannot be read. Three sources, none of
them a guess:

    code   the constant that a call of os.Getenv and its kin is handed, also through the program's
           own functions: getenv("PORT", "8080") one or two calls away
    tag    struct tags in type data, which survive stripping: `env:"PORT,required"
           envDefault:"8080"`, `envconfig:"PORT" default:"8080"`
    flag   names, defaults and usages that flag and pflag are handed

Variables that only the standard library reads (GODEBUG, SSL_CERT_FILE) are kept apart.
"""

import re
from collections.abc import Iterator, Mapping

from whit.binary.calls import Code
from whit.binary.facts import Facts
from whit.model.contract import Contract, Option, Variable

READERS: Mapping[str, int] = {
    "os.Getenv": 0,
    "os.LookupEnv": 0,
    "syscall.Getenv": 0,
    "github.com/spf13/viper.(*Viper).MustBindEnv": 1,
}
_KINDS = ("Bool", "Int", "Int64", "Uint", "Uint64", "Float64", "Duration")
# (name, default, usage): the words in which their strings begin; -1 where there is no string.
FLAGS: Mapping[str, tuple[int, int, int]] = {
    "flag.(*FlagSet).Var": (3, -1, 5),
    "flag.(*FlagSet).StringVar": (2, 4, 6),
    "flag.(*FlagSet).String": (1, 3, 5),
    "flag.(*FlagSet).Func": (1, -1, 3),
    "flag.String": (0, 2, 4),
    "flag.StringVar": (1, 3, 5),
    "flag.Var": (2, -1, 4),
    # A number, a switch or a time takes one word and is no string.
    **{f"flag.(*FlagSet).{kind}": (1, -1, 4) for kind in _KINDS},
    **{f"flag.(*FlagSet).{kind}Var": (2, -1, 5) for kind in _KINDS},
    **{f"flag.{kind}": (0, -1, 3) for kind in _KINDS},
    **{f"flag.{kind}Var": (1, -1, 4) for kind in _KINDS},
    "github.com/spf13/pflag.(*FlagSet).VarPF": (3, -1, 7),
    "github.com/spf13/pflag.(*FlagSet).StringVarP": (2, 6, -1),
    "github.com/spf13/pflag.(*FlagSet).StringP": (1, 5, 7),
    "github.com/spf13/pflag.(*FlagSet).StringVar": (2, 4, 6),
    "github.com/spf13/pflag.(*FlagSet).BoolVarP": (2, -1, 7),
    "github.com/spf13/pflag.(*FlagSet).IntVarP": (2, -1, 7),
}
# Whose tags mean the environment; the first word is the tag's key.
TAG_LIBRARIES: Mapping[str, tuple[str, ...]] = {
    "env": (
        "github.com/caarlos0/env",
        "github.com/sethvargo/go-envconfig",
        "github.com/ilyakaznacheev/cleanenv",
        "github.com/alecthomas/kong",
        "github.com/jessevdk/go-flags",
        "github.com/Netflix/go-env",
        "github.com/joeshaw/envdecode",
    ),
    "envconfig": ("github.com/kelseyhightower/envconfig", "github.com/vrischmann/envconfig"),
}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{1,127}")
_UPPER = re.compile(r"[A-Z][A-Z0-9_]{1,127}")
_TAGS = re.compile(rb'(?:[A-Za-z_][A-Za-z0-9_-]{0,31}:"(?:[^"\\\n]|\\.){0,400}" ?)+')
_PAIR = re.compile(rb'([A-Za-z_][A-Za-z0-9_-]*):"((?:[^"\\\n]|\\.)*)"')
_SECRET = re.compile(
    r"(?:_|^)(?:API_?KEY|CREDENTIALS?|KEY|PASSWORD|PASSWD|PASS|PWORD|SECRET|TOKEN|DSN)(?:_|$)"
)
_PLAIN = re.compile(r"PUBLIC|_FILE$|_PATH$|_DIR$|_URL$|_TTL$|_ID$|EXPIR|_LENGTH|_NAME$")
_MAX_WRAPPERS = 40
_MAX_USAGE = 200
# A wrapper of a wrapper is still found; what lies deeper rarely has a constant.
_LEVELS = 2
_MAX_TAG_BYTES = 256 << 20


def contract_of(facts: Facts, code: Code) -> Contract:
    """What the program's bytes say; empty for a program that is not Go's."""
    if not facts.functions or not code.is_readable:
        return Contract()
    found: dict[str, Variable] = {}
    libraries: dict[str, set[str]] = {}
    for name, default, caller, reader in _read(facts, code):
        module = module_of(caller, facts)
        if module:
            libraries.setdefault(module, set()).add(name)
        else:
            _add(found, Variable(name, default=default, sources=(f"code: {reader} in {caller}",)))
    for variable in _tagged(facts):
        _add(found, variable)
    return Contract(
        env=tuple(found[name] for name in sorted(found)),
        flags=tuple(sorted(_flags(facts, code), key=lambda flag: flag.name)),
        libraries={
            module: tuple(sorted(names - set(found)))
            for module, names in sorted(libraries.items())
            if names - set(found)
        },
    )


def module_of(function: str, facts: Facts) -> str:
    """The module of a function: "" for the program's own, "std" for the standard library. A name
    without a dot is no sign of that: a program's own module may be called anything.
    """
    own = facts.go.main.path if facts.go and facts.go.main else ""
    if function.startswith("main.") or (own and _is_below(function, own)):
        return ""
    modules = [module.path for module in facts.go.modules] if facts.go else []
    other = "std" if is_standard(function) else "other"
    return max((path for path in modules if _is_below(function, path)), key=len, default=other)


def _is_below(function: str, module: str) -> bool:
    """Whether a function's package is the module or inside of it; pclntab escapes dots there."""
    for path in (module, module.replace(".", "%2e")):
        if function.startswith(path) and function[len(path) : len(path) + 1] in ("/", "."):
            return True
    return False


def is_standard(function: str) -> bool:
    """Whether a function is the standard library's: its path has no host, and is not main."""
    package = function.partition(".")[0] if "/" not in function else function.partition("/")[0]
    return "." not in package and package != "main" and "/vendor/" not in function


def says_secret(name: str) -> bool:
    """As a name says it: DB_PASSWORD, not TOKEN_FILE."""
    upper = name.upper()
    return bool(_SECRET.search(upper)) and not _PLAIN.search(upper)


def _add(found: dict[str, Variable], new: Variable) -> None:
    old = found.get(new.name)
    sources = tuple(dict.fromkeys((*(old.sources if old else ()), *new.sources)))
    found[new.name] = Variable(
        name=new.name,
        required=new.required or bool(old and old.required),
        secret=says_secret(new.name),
        default=new.default if old is None or old.default is None else old.default,
        usage=new.usage or (old.usage if old else ""),
        type=new.type or (old.type if old else ""),
        sources=sources[:3],
    )


def _read(facts: Facts, code: Code) -> Iterator[tuple[str, str | None, str, str]]:
    """(name, default, caller, reader) of every constant that reaches a reader."""
    asked = {name: word for name, word in READERS.items() if facts.links(name)}
    form, level = _NAME, 0
    seen = set(asked)
    while asked and level <= _LEVELS:
        wrappers: set[str] = set()
        defaults = code.constants({name: word + 2 for name, word in asked.items()}) if level else {}
        for reader, constants in code.constants(asked).items():
            for number, constant in enumerate(constants):
                if constant.value is not None and form.fullmatch(constant.value):
                    # What a library's own reader is handed next is no default.
                    default = defaults[reader][number].value if level else None
                    yield constant.value, default, constant.caller, reader
                elif constant.value is None and not is_standard(constant.caller):
                    wrappers.add(constant.caller)
        chosen = sorted(wrappers - seen)[:_MAX_WRAPPERS]
        seen |= set(chosen)
        asked = {name: 1 if ".(" in name else 0 for name in chosen}
        # One that is called with anything may read something else: only the usual form counts.
        form, level = _UPPER, level + 1


def _tagged(facts: Facts) -> Iterator[Variable]:
    """Variables of struct tags, where a library is linked that reads them."""
    modules = {module.path for module in facts.go.modules} if facts.go else set()
    keys = {
        key.encode()
        for key, libraries in TAG_LIBRARIES.items()
        if any(module.startswith(library) for module in modules for library in libraries)
    }
    data = facts.elf.section_bytes(".rodata") if keys else None
    if data is None:
        return
    for found in _TAGS.finditer(data[:_MAX_TAG_BYTES]):
        pairs = {
            match[1]: match[2].decode("utf-8", "replace") for match in _PAIR.finditer(found[0])
        }
        for key in keys & set(pairs):
            name, *options = [word.strip() for word in pairs[key].split(",")]
            if _NAME.fullmatch(name):
                yield _of_tags(name, options, pairs, key.decode())


def _of_tags(name: str, options: list[str], pairs: dict[bytes, str], key: str) -> Variable:
    default = pairs.get(b"envDefault", pairs.get(b"env-default", pairs.get(b"default")))
    default = next((o.partition("=")[2] for o in options if o.startswith("default=")), default)
    required = "required" in options or "notEmpty" in options
    required = required or pairs.get(b"required") == "true" or b"env-required" in pairs
    usage = pairs.get(b"desc") or pairs.get(b"help") or pairs.get(b"env-description") or ""
    usage = usage or pairs.get(b"description") or ""
    kind = "file" if "file" in options else ""
    is_needed = required and default is None
    return Variable(name, is_needed, default=default, usage=usage[:_MAX_USAGE], type=kind,
                    sources=(f"tag: {key}",))  # fmt: skip


def _flags(facts: Facts, code: Code) -> Iterator[Option]:
    linked = {name: words for name, words in FLAGS.items() if facts.links(name)}
    if not linked:
        return
    names = code.constants({name: words[0] for name, words in linked.items()})
    defaults = code.constants({name: words[1] for name, words in linked.items() if words[1] >= 0})
    usages = code.constants({name: words[2] for name, words in linked.items() if words[2] >= 0})
    found: dict[str, Option] = {}
    for function, constants in names.items():
        for number, constant in enumerate(constants):
            name = constant.value or ""
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", name):
                continue
            if is_standard(constant.caller) and not constant.caller.startswith("main"):
                continue
            default = defaults[function][number].value if function in defaults else None
            usage = usages[function][number].value if function in usages else None
            option = Option(name, default, (usage or "")[:_MAX_USAGE])
            old = found.get(name)
            found[name] = option if old is None or not old.usage else old
    yield from found.values()
