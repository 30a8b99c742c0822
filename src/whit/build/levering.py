"""A program that was built in, what its levers depend on out (a door: Go is asked)."""

import os

from whit.build.planning import Planned
from whit.build.programs import Opened, recipe_of
from whit.build.request import Request
from whit.golang.compile import go_environment, toolchain_for
from whit.golang.environment import build_environment
from whit.golang.knowntags import known_tags, tags_in, unknown_tags
from whit.golang.levers import Known, linker_options
from whit.golang.listing import list_packages
from whit.golang.places import cache_of
from whit.golang.process import run
from whit.golang.releases import installed_releases
from whit.golang.toolchain import Toolchain, go_on_path
from whit.model.names import Platform
from whit.model.program import Cgo, Recipe

_HELP_SECONDS = 60
_ZONES = "N020"


def known_of(
    request: Request, opened: Opened, plan: Planned, releases: tuple[str, ...]
) -> tuple[Known, tuple[str, ...]]:
    """And the tags that the modules ask for and no table knows."""
    settings, platform = request.settings, request.platform
    recipe = opened.binary.recipe or recipe_of(request, platform)
    toolchain = toolchain_for(recipe)
    env = go_environment(toolchain, build_environment(recipe, os.environ))
    env["CGO_ENABLED"] = "0" if recipe.cgo is Cgo.OFF else "1"
    found = _tags(recipe, toolchain, env)
    goflags = settings.go.env.get("GOFLAGS") or os.environ.get("GOFLAGS", "")
    known = Known(
        architecture=platform.architecture,
        platform=str(Platform(platform.os, platform.architecture)),
        variant=platform.variant or env.get("GOAMD64", ""),
        strip=settings.go.strip,
        cgo=recipe.cgo,
        gcflags=settings.go.gcflags,
        ldflags=settings.go.ldflags,
        tags=settings.go.tags,
        goflags=goflags,
        experiment=settings.go.env.get("GOEXPERIMENT") or os.environ.get("GOEXPERIMENT", ""),
        format=settings.output.compression,
        effort=settings.output.effort,
        trims=settings.go.trimpath,
        go=plan.go_version.removeprefix("go"),
        has_zones=any(entry.code == _ZONES for entry in plan.plan.entries),
        linker_options=_linker_options(toolchain, env),
        known_tags=known_tags(found),
        releases=tuple(dict.fromkeys((*releases, *_at_hand()))),
    )
    return known, unknown_tags(found)


def _tags(recipe: Recipe, toolchain: Toolchain, env: dict[str, str]) -> dict[str, set[str]]:
    """Of a module at a version nothing: its source is no directory that Go could list."""
    if recipe.source.version:
        return {}
    flags = ["-deps", *([f"-tags={','.join(recipe.tags)}"] if recipe.tags else [])]
    return tags_in(list_packages(recipe.source, toolchain, env, flags=flags))


def _linker_options(toolchain: Toolchain, env: dict[str, str]) -> frozenset[str]:
    outcome = run((toolchain.path, "tool", "link", "-help"), env, "", _HELP_SECONDS)
    return linker_options(outcome.output + outcome.errors)


def _at_hand() -> list[str]:
    """Releases in whit's cache, and the one on PATH."""
    here = installed_releases(os.path.join(cache_of(os.environ), "go"))
    found = [str(release) for release in sorted(here)]
    local = go_on_path(os.environ)
    return [*found, local.version] if local is not None else found
