"""A module path at a version in, the `go install` that builds it out.

`go install path@version` is the one way Go builds another module as its own main module, so that
the program records which version it is. It writes to $GOPATH/bin, or for another platform to
$GOPATH/bin/linux_arm64, and nowhere else (GOBIN forbids cross compiling): each recipe gets a GOPATH
of its own, while the module cache stays the user's.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import msgspec

from whit.golang.environment import module_cache, user_settings
from whit.golang.listing import Package, list_packages
from whit.golang.process import run
from whit.golang.toolchain import Toolchain
from whit.model.program import Recipe, Source

T = TypeVar("T")

LIST_LIMIT_SECONDS = 20
_NO_RELEASE = os.devnull  # what releases set by themselves is no place of a cache


def install_command(
    recipe: Recipe,
    toolchain: Toolchain,
    arguments: Sequence[str],
    env: Mapping[str, str],
    place: str,
    *,
    from_cache: bool,
) -> tuple[list[str], dict[str, str]]:
    """The command and its environment; `place` becomes its GOPATH.

    `from_cache` tries what was fetched before without asking any proxy.
    """
    source = recipe.source
    cache = module_cache(env, toolchain.root)
    # GOBIN may also stand in the settings file, where only GOENV=off silences it.
    chosen = {**user_settings(env), **env, "GOENV": "off"}
    chosen.pop("GOBIN", None)
    chosen |= {"GOPATH": place, "GOMODCACHE": cache}
    if from_cache:
        # Go asks the proxy about every prefix of the path although the module lies in the cache.
        # The cache has the layout of a proxy and answers the same questions at once.
        chosen["GOPROXY"] = f"file://{cache}/cache/download"
    package = f"{source.packages[0]}@{source.version}"
    return [toolchain.path, "install", *arguments, "--", package], chosen


def resolved_source(source: Source, program: str) -> Source:
    """The source with the version that went into `program` in place of a query like latest."""
    version = module_of(program)[1]
    return msgspec.structs.replace(source, version=version) if version else source


def module_of(program: str) -> tuple[str, str]:
    """(path, version) of the main module that a program records; empty when it records none."""
    import mmap  # noqa: PLC0415

    from whit.binary.elf import read_elf  # noqa: PLC0415
    from whit.binary.goinfo import read_goinfo  # noqa: PLC0415

    with open(program, "rb") as file:
        info = read_goinfo(read_elf(memoryview(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ))))
    return (info.main.path, info.main.version) if info is not None and info.main else ("", "")


def versions_near(
    source: Source, toolchain: Toolchain, env: Mapping[str, str]
) -> tuple[str, tuple[str, ...]]:
    """The module that holds the source's package, and its released versions, newest last; "" and
    nothing when Go knows none.
    """
    path = source.packages[0]
    chosen = {**env, "GOFLAGS": "-mod=mod", "GOWORK": "off", "GO111MODULE": "on"}
    while "/" in path:
        command = (toolchain.path, "list", "-m", "-versions", "--", path)
        answer = run(command, chosen, "/", LIST_LIMIT_SECONDS)
        words = answer.output.split()
        if answer.is_good and len(words) > 1:
            return words[0], tuple(words[1:])
        path = path.rpartition("/")[0]
    return "", ()


def list_of_version(
    source: Source, toolchain: Toolchain, env: Mapping[str, str]
) -> tuple[Package, ...]:
    """The source's package and all that it imports, as `go list` says in a module of its own that
    asks for nothing else; nothing when Go cannot say.
    """

    def listed(there: Source, chosen: Mapping[str, str]) -> tuple[Package, ...]:
        return list_packages(there, toolchain, chosen, flags=("-deps",))

    return in_module_with(source, toolchain, env, listed) or ()


def in_module_with(
    source: Source,
    toolchain: Toolchain,
    env: Mapping[str, str],
    ask: Callable[[Source, Mapping[str, str]], T],
) -> T | None:
    """What `ask` says in a module that requires the source's package and nothing else; None when
    there cannot be one.
    """
    from tempfile import TemporaryDirectory  # noqa: PLC0415

    with TemporaryDirectory(prefix="whit-") as place:
        with open(os.path.join(place, "go.mod"), "w", encoding="ascii") as file:
            file.write("module question.invalid\n")
        chosen = {**env, "GOFLAGS": "-mod=mod", "GOWORK": "off", "GO111MODULE": "on"}
        package = source.packages[0]
        get = (toolchain.path, "get", "--", f"{package}@{source.version}")
        if not run(get, chosen, place, LIST_LIMIT_SECONDS).is_good:
            return None
        return ask(Source(place, (package,)), chosen)


def is_cached(source: Source, cache: str) -> bool:
    """Whether the very version lies in the module cache; a query such as latest never does."""
    path = escaped(source.packages[0])
    name = escaped(source.version)
    while path and ".." not in path:
        if os.path.exists(os.path.join(cache, "cache/download", path, "@v", f"{name}.zip")):
            return True
        path = path.rpartition("/")[0]
    return False


def directory_of(module: str, version: str, env: Mapping[str, str]) -> str:
    """Where a fetched module lies in the cache."""
    cache = module_cache(env, _NO_RELEASE)
    return os.path.join(cache, f"{escaped(module)}@{escaped(version)}")


def escaped(text: str) -> str:
    """Upper case as the module cache spells it: BurntSushi is !burnt!sushi."""
    return "".join(f"!{letter.lower()}" if letter.isupper() else letter for letter in text)
