"""A program and its recipe in, what its source says of variables and flags out (a door).

The binary says which names there are; defaults, usages and what is required stand in the source,
and so do names that a library makes up. Go's own parser and type checker read it: a small program
of the standard library alone (`reader/`), built once by the user's Go, offline, into whit's cache.

    go list -deps -export ─▶ reader ─▶ a line of JSON for each name

The rule of the room: the source is read after it was compiled, so nothing is fetched, and the
export data comes out of Go's cache. Where that fails there is a reason and no error: the contract
of the bytes stands by itself.
"""

import os
from collections.abc import Mapping
from hashlib import sha256
from importlib.resources import files
from tempfile import TemporaryDirectory

import msgspec

from whit.errors import WhitError
from whit.golang.compile import go_environment, toolchain_for
from whit.golang.environment import build_environment, may_compiler_know, module_cache
from whit.golang.module import escaped
from whit.golang.places import cache_of, go_caches
from whit.golang.process import MAX_OUTPUT_BYTES, Outcome, run
from whit.golang.toolchain import Toolchain
from whit.model.contract import Saying
from whit.model.program import Binary, Cgo, Recipe

LIMIT_SECONDS = 300
_FIELDS = "Dir,ImportPath,Export,GoFiles,CgoFiles,Imports,ImportMap,Standard,Module"
_MAX_SAYINGS = 5000
# Where Go's settings and caches lie, and whit's.
_PLACES = ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "GOENV", "WHIT_CACHE")


class Reading(msgspec.Struct, frozen=True):
    """What the source says; `why_not` where it could not be read."""

    sayings: tuple[Saying, ...] = ()
    why_not: str = ""


def read_source(binary: Binary, module: str, user: Mapping[str, str]) -> Reading:
    """`module` is the program's own. Nothing for a prebuilt program."""
    recipe = binary.recipe
    if recipe is None:
        return Reading()
    try:
        toolchain = toolchain_for(recipe)
        env = _environment(recipe, toolchain, user)
        program = _reader(toolchain, user)
        listed = _listing(recipe, binary.package, module, toolchain, env)
        if not listed.is_good or len(listed.output) >= MAX_OUTPUT_BYTES:
            return Reading(why_not=_first_line(listed.errors) or "go list could not list it")
        with TemporaryDirectory(prefix="whit-") as place:
            listing = os.path.join(place, "listing")
            with open(listing, "w", encoding="utf-8") as file:
                file.write(listed.output)
            outcome = run((program, listing, module), {}, place, LIMIT_SECONDS)
    except (WhitError, OSError) as error:
        return Reading(why_not=str(error))
    if not outcome.is_good:
        return Reading(why_not=_first_line(outcome.errors) or "its reader ended early")
    return Reading(_decoded(outcome.output))


def _decoded(text: str) -> tuple[Saying, ...]:
    decoder = msgspec.json.Decoder(Saying)
    found = []
    for line in text.splitlines()[:_MAX_SAYINGS]:
        try:
            found.append(decoder.decode(line))
        except msgspec.DecodeError:
            continue
    return tuple(found)


def _environment(recipe: Recipe, toolchain: Toolchain, user: Mapping[str, str]) -> dict[str, str]:
    """As the program was compiled, but for the network and whatever credentials its user has: its
    modules are in the cache.
    """
    known = {name: value for name, value in user.items() if may_compiler_know(name)}
    known |= {name: user[name] for name in _PLACES if name in user}
    env = build_environment(recipe, known)
    env |= go_caches(env)
    cache = module_cache(env, toolchain.root)
    env |= {
        "GOPROXY": f"file://{cache}/cache/download", "GONOPROXY": "none", "GOSUMDB": "off",
        "GOMODCACHE": cache,
    }  # fmt: skip
    if recipe.cgo is Cgo.OFF:
        env["CGO_ENABLED"] = "0"
    return go_environment(toolchain, env)


def _listing(
    recipe: Recipe, package: str, module: str, toolchain: Toolchain, env: Mapping[str, str]
) -> Outcome:
    """`go list` of the program and all that it imports, with the types that Go made of each."""
    flags = ["-trimpath"] if recipe.trimpath else []
    if recipe.tags:
        flags.append(f"-tags={','.join(recipe.tags)}")
    command = (toolchain.path, "list", "-deps", "-export", f"-json={_FIELDS}", *flags, "--")

    directory = recipe.source.directory
    if recipe.source.version:
        # Where its module lies in the cache it is the main module, as it was for `go install`.
        place = f"{escaped(module)}@{escaped(recipe.source.version)}"
        directory = os.path.join(module_cache(env, toolchain.root), place)
        env = {**env, "GOWORK": "off"}
    return run((*command, package or recipe.source.packages[0]), env, directory, LIMIT_SECONDS)


def _reader(toolchain: Toolchain, user: Mapping[str, str]) -> str:
    """The path of the reader that this Go built. It reads export data of its own release only."""
    sources = sorted(
        (entry for entry in files("whit.golang").joinpath("reader").iterdir()
         if entry.name.endswith(".go")), key=lambda entry: entry.name,
    )  # fmt: skip
    contents = {entry.name: entry.read_bytes() for entry in sources}
    key = sha256(repr((toolchain.version, toolchain.path, contents)).encode()).hexdigest()[:16]
    place = os.path.join(cache_of(user), "reader", key)
    program = os.path.join(place, "reader")
    if os.access(program, os.X_OK):
        return program
    os.makedirs(place, exist_ok=True)
    env = {
        **{k: v for k, v in user.items() if k in ("PATH", "HOME", "GOCACHE", "XDG_CACHE_HOME")},
        **go_caches(user), "GOFLAGS": "", "GOENV": "off", "GOWORK": "off", "GOPROXY": "off",
        "CGO_ENABLED": "0",
    }  # fmt: skip
    with TemporaryDirectory(prefix="whit-", dir=place) as work:
        for name, data in contents.items():
            with open(os.path.join(work, name), "wb") as file:
                file.write(data)
        made = os.path.join(work, "made")
        command = (toolchain.path, "build", "-trimpath", "-ldflags=-s -w", "-o", made, *contents)
        outcome = run(command, go_environment(toolchain, env), work, LIMIT_SECONDS)
        if not outcome.is_good:
            raise OSError(_first_line(outcome.errors) or "Go could not build the reader of source")
        os.replace(made, program)
    return program


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")[:200]
