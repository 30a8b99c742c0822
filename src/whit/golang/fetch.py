"""Secrets and a recipe in, a filled module cache out; then an environment that knows no secret.

    fetch     network and credentials; may only fill the module cache, checked against go.sum
    compile   neither: a listed environment, an empty home, no agent, no proxy, no network where
              the host can take it away

What the second phase makes is a function of the source, the module cache and the toolchain; a
credential of the first could reach it only through content that go.sum pins.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from tempfile import TemporaryDirectory

import msgspec

from whit.errors import WhitError
from whit.golang.compile import go_environment
from whit.golang.diagnosis import diagnose
from whit.golang.environment import (
    build_environment,
    may_compiler_know,
    module_cache,
    user_settings,
)
from whit.golang.gomod import read_gomod
from whit.golang.linkerflags import asks_for
from whit.golang.places import cache_of, go_caches, home_of
from whit.golang.process import Outcome, find_program, run
from whit.golang.toolchain import Toolchain, find_go
from whit.model.program import Recipe
from whit.model.secret import Secret, Secrets

# Secrets that Go, git and curl read from files of the home directory.
_HOME_FILES = {"netrc": ".netrc", "git-credentials": ".git-credentials", "gitconfig": ".gitconfig"}
_PROBE_SECONDS = 5
# MAX_ARG_STRLEN, less the name.
_VARIABLE_BYTES = (128 << 10) - 256


class Fetched(msgspec.Struct, frozen=True):
    """What the fetch leaves behind for the compile phase besides the module cache."""

    toolchain: Toolchain
    module_cache: str


def fetch(recipe: Recipe, user: Mapping[str, str], secrets: Secrets, agent: str = "") -> Fetched:
    """Fill the module cache. `agent` is the socket of an ssh agent, "" for the user's.

    Errors: those of the G pages, with no secret in their words.
    """
    env = build_environment(recipe, user)
    env |= go_caches(env)
    if agent:
        env["SSH_AUTH_SOCK"] = agent
    directory = "" if recipe.source.version else recipe.source.directory
    toolchain = find_go(recipe.go, directory, recipe.offline, env)
    cache = module_cache(env, toolchain.root)
    with _with_secrets(env, secrets) as fetching:
        asking = {**fetching, "GOMODCACHE": cache, "GIT_TERMINAL_PROMPT": "0"}
        chosen = go_environment(toolchain, asking)
        outcome = None
        if recipe.source.version:
            outcome = _get(recipe, toolchain, chosen)
        elif _has_modules(recipe.source.directory):
            command = (toolchain.path, "mod", "download")
            outcome = run(command, chosen, recipe.source.directory)
        if outcome is not None and not outcome.is_good:
            raise _hidden(diagnose(outcome, recipe, toolchain, chosen), secrets)
    return Fetched(toolchain, cache)


def closed_environment(
    recipe: Recipe, user: Mapping[str, str], secrets: Secrets, home: str, cache: str
) -> dict[str, str]:
    """What the compile phase may know. `home` is an empty directory; `cache` the module cache.

    A variable that holds a secret's value stays out whatever its name.
    """
    settings = {**user_settings(user), **user}
    asked = {name.removeprefix("Env.") for name in asks_for(recipe.ldflags)}
    values = [secret.reveal().strip() for secret in secrets]
    kept = {
        name: value
        for name, value in settings.items()
        if (name in asked or may_compiler_know(name))
        and not any(known in os.fsencode(value) for known in values)
    }
    own = home_of(user)
    place = user.get("XDG_CACHE_HOME") or os.path.join(own, ".cache")
    return {
        "GOCACHE": os.path.join(place, "go-build"),
        "GOPATH": os.path.join(own, "go"),
        **go_caches(user),
        **kept,
        "GOMODCACHE": cache,
        "GOENV": "off",
        "GOPROXY": "off",
        "GONOPROXY": "none",
        # The fetch asked the checksum database; without a network it cannot be asked again.
        "GOSUMDB": "off",
        "HOME": home,
        # No settings, and none written: below a file there are no directories.
        "XDG_CONFIG_HOME": os.devnull,
        "WHIT_CACHE": cache_of(user),
    }


def without_network(env: Mapping[str, str]) -> tuple[str, ...]:
    """The words that run a command without a network; none where the host cannot take it away."""
    unshare = find_program("unshare", env.get("PATH", os.defpath))
    true = find_program("true", env.get("PATH", os.defpath))
    if not unshare or not true:
        return ()
    ways = ((unshare, "--net", "--"), (unshare, "--user", "--map-current-user", "--net", "--"))
    for way in ways:
        if run((*way, true), {}, limit_seconds=_PROBE_SECONDS).is_good:
            return way
    return ()


@contextmanager
def _with_secrets(env: Mapping[str, str], secrets: Secrets) -> Iterator[dict[str, str]]:
    """The environment of the fetch: secrets that are files lie in a home in memory, those with
    the name of a variable in the environment. Nothing stands on a command line.
    """
    with TemporaryDirectory(prefix="whit-", dir=_memory()) as home:
        fetching = dict(env)
        if any(secret.name in _HOME_FILES for secret in secrets):
            own = os.path.join(home_of(env), ".gitconfig")
            if os.path.isfile(own):
                fetching.setdefault("GIT_CONFIG_GLOBAL", own)
            # Go counts itself below the directory of settings, and may do so after it has ended.
            settings = env.get("XDG_CONFIG_HOME") or os.path.join(home_of(env), ".config")
            fetching |= {"GOENV": _settings_file(env), **_caches(env)}
            fetching |= {"HOME": home, "XDG_CONFIG_HOME": settings}
        for secret in secrets:
            if secret.name in _HOME_FILES:
                _write(os.path.join(home, _HOME_FILES[secret.name]), secret)
            elif secret.name.replace("_", "a").isalnum() and _fits(secret):
                fetching[secret.name] = os.fsdecode(secret.reveal())
        if secrets.get("gitconfig") is not None:
            fetching["GIT_CONFIG_GLOBAL"] = os.path.join(home, ".gitconfig")
        if secrets.get("git-credentials") is not None:
            count = int(fetching.get("GIT_CONFIG_COUNT", "0") or 0)
            fetching |= {
                "GIT_CONFIG_COUNT": str(count + 1),
                f"GIT_CONFIG_KEY_{count}": "credential.helper",
                f"GIT_CONFIG_VALUE_{count}": "store",
            }
        yield fetching


def _fits(secret: Secret) -> bool:
    """Whether a variable can hold it: no zero byte, and no more than Linux takes."""
    value = secret.reveal()
    return b"\0" not in value and len(value) < _VARIABLE_BYTES


def _write(path: str, secret: Secret) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secret.reveal())


def _memory() -> str | None:
    """A file system in memory, where there is one."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK | os.X_OK) else None


def _settings_file(env: Mapping[str, str]) -> str:
    chosen = env.get("GOENV", "")
    base = env.get("XDG_CONFIG_HOME") or os.path.join(home_of(env), ".config")
    return chosen or os.path.join(base, "go/env")


def _caches(env: Mapping[str, str]) -> dict[str, str]:
    place = env.get("XDG_CACHE_HOME") or os.path.join(home_of(env), ".cache")
    return {
        "GOCACHE": env.get("GOCACHE") or os.path.join(place, "go-build"),
        "GOPATH": env.get("GOPATH") or os.path.join(home_of(env), "go"),
    }


def _has_modules(directory: str) -> bool:
    """Whether there is something to fetch: a module without its dependencies beside it."""
    root = read_gomod(directory).root
    return bool(root) and not os.path.isfile(os.path.join(root, "vendor/modules.txt"))


def _get(recipe: Recipe, toolchain: Toolchain, env: Mapping[str, str]) -> Outcome:
    """Fetch a module at a version and what it imports, in a module that asks for nothing else."""
    with TemporaryDirectory(prefix="whit-") as place:
        with open(os.path.join(place, "go.mod"), "w", encoding="ascii") as file:
            file.write("module question.invalid\n")
        chosen = {**env, "GOFLAGS": "-mod=mod", "GOWORK": "off", "GO111MODULE": "on"}
        package = f"{recipe.source.packages[0]}@{recipe.source.version}"
        return run((toolchain.path, "get", "--", package), chosen, place)


def _hidden(error: WhitError, secrets: Secrets) -> WhitError:
    """The error without the secrets that a program may have put into its words."""
    error.message = secrets.hidden(error.message)
    error.hint = secrets.hidden(error.hint) if error.hint else error.hint
    error.output = secrets.hidden(error.output) if error.output else error.output
    error.args = (error.message,)
    return error
