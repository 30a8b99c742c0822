"""A failed build in, the error that helps out; Go is asked again where that tells more."""

import os
import re
from collections.abc import Mapping

from whit.errors import WhitError
from whit.errors.golang import ChooseProgram, CompileFailed, NeedsCgo, NoProgram, NoSuchVersion
from whit.golang.failure import failure_of
from whit.golang.listing import list_packages
from whit.golang.module import list_of_version, versions_near
from whit.golang.process import Outcome
from whit.golang.toolchain import Toolchain
from whit.model.program import Recipe

_SHOWN = 12
_SHOWN_VERSIONS = 8
_HEADER = re.compile(r"^# (\S+)", re.MULTILINE)


def diagnose(
    outcome: Outcome, recipe: Recipe, toolchain: Toolchain, env: Mapping[str, str]
) -> WhitError:
    """The error for a failed build of `recipe`."""
    error = failure_of(outcome, recipe)
    if isinstance(error, NoSuchVersion) and recipe.source.version and not recipe.offline:
        return _with_versions(error, recipe, toolchain, env)
    if env.get("CGO_ENABLED") == "0" and isinstance(error, NoProgram | CompileFailed):
        needy = _cgo_packages(outcome, recipe, toolchain, env)
        if needy:
            return NeedsCgo(
                f"{_listed(needy)} needs cgo, which is off here",
                hint="--cgo static builds the C code too, --cgo auto decides by itself"
                if not recipe.source.version
                else "--cgo static builds the C code too",
                output=error.output,
            )
    if isinstance(error, NoProgram) and not recipe.source.version:
        return _programs_below(error, recipe, toolchain, env)
    return error


def _with_versions(
    error: NoSuchVersion, recipe: Recipe, toolchain: Toolchain, env: Mapping[str, str]
) -> WhitError:
    module, versions = versions_near(recipe.source, toolchain, env)
    package, version = recipe.source.packages[0], recipe.source.version
    if version in versions and package != module:
        error.message = f"{module} has no package {package.removeprefix(module)[1:]} at {version}"
        error.hint = f"`go list {module}/...` in a checkout of it shows what it has"
    elif versions:
        error.hint = f"newest versions: {', '.join(versions[-_SHOWN_VERSIONS:])}"
    return error


def _cgo_packages(
    outcome: Outcome, recipe: Recipe, toolchain: Toolchain, env: Mapping[str, str]
) -> list[str]:
    """The packages in trouble, or imported by those, that have files for cgo only.

    cgo is switched on for the question alone: `go list` then says which files would be used.
    """
    failed = set(_HEADER.findall(outcome.errors))
    excluded = "build constraints exclude all Go files" in outcome.errors
    if not (excluded or (failed and "undefined: " in outcome.errors)):
        return []
    asked = {**env, "CGO_ENABLED": "1"}
    if recipe.source.version:
        packages = list_of_version(recipe.source, toolchain, asked)
    else:
        packages = list_packages(recipe.source, toolchain, asked, flags=("-deps",))
    needy = [p for p in packages if p.cgo_file_count and not p.is_standard]
    if excluded:
        return [p.path for p in needy if p.directory in outcome.errors or not p.file_count]
    return [p.path for p in needy if p.path in failed or f"undefined: {p.name}." in outcome.errors]


def _listed(paths: list[str]) -> str:
    return ", ".join(paths[:3]) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")


def _programs_below(
    error: NoProgram, recipe: Recipe, toolchain: Toolchain, env: Mapping[str, str]
) -> WhitError:
    """Name the programs under a directory that is none itself."""
    package = recipe.source.packages[0]
    if "..." in package or len(recipe.source.packages) > 1 or not package.startswith("."):
        return error
    below = "./..." if package == "." else f"{package}/..."
    packages = list_packages(recipe.source, toolchain, env, (below,))
    # As they are named from where whit was called.
    places = [
        place if place.startswith("..") else f"./{place}"
        for place in (os.path.relpath(p.directory) for p in packages if p.is_program)
    ]
    if not places:
        return error
    shown = "\n".join(f"  whit build {place}" for place in places[:_SHOWN])
    if len(places) > _SHOWN:
        shown += f"\n  and {len(places) - _SHOWN} more"
    common = os.path.commonpath([os.path.dirname(place) for place in places])
    common = "." if common in ("", ".", "./") else common
    common = common if common.startswith(".") else f"./{common}"
    return ChooseProgram(
        f"{package} is no program itself; there {'are' if len(places) > 1 else 'is'} "
        f"{len(places)} below it",
        hint=f"choose one:\n{shown}\nor all: whit build {common}/...",
    )
