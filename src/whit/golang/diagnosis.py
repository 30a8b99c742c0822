"""A failed build in, the error that helps out; Go is asked again where that tells more."""

import os
from collections.abc import Mapping

from whit.errors import ChooseProgram, NoProgram, WhitError
from whit.golang.failure import failure_of
from whit.golang.listing import list_packages
from whit.golang.process import Outcome
from whit.golang.toolchain import Toolchain
from whit.model.program import Recipe

_SHOWN = 12


def diagnose(
    outcome: Outcome, recipe: Recipe, toolchain: Toolchain, env: Mapping[str, str]
) -> WhitError:
    """The error for a failed build of `recipe`."""
    error = failure_of(outcome, recipe)
    if isinstance(error, NoProgram) and not recipe.source.version:
        return _programs_below(error, recipe, toolchain, env)
    return error


def _programs_below(
    error: NoProgram, recipe: Recipe, toolchain: Toolchain, env: Mapping[str, str]
) -> WhitError:
    """Name the programs under a directory that is none itself."""
    package = recipe.source.packages[0]
    if "..." in package or len(recipe.source.packages) > 1 or not package.startswith("."):
        return error
    below = "./..." if package == "." else f"{package}/..."
    packages = list_packages(recipe.source, toolchain, env, (below,))
    places = [
        "./" + os.path.relpath(package.directory, recipe.source.directory)
        for package in packages
        if package.is_program
    ]
    if not places:
        return error
    shown = "\n".join(f"  whit build {place}" for place in places[:_SHOWN])
    if len(places) > _SHOWN:
        shown += f"\n  and {len(places) - _SHOWN} more"
    common = os.path.commonpath([os.path.dirname(place) for place in places])
    return ChooseProgram(
        f"{package} is no program itself; there {'are' if len(places) > 1 else 'is'} "
        f"{len(places)} below it",
        hint=f"choose one:\n{shown}\nor all: whit build {common or '.'}/...",
    )
