"""Stages that have Go and never reach the image in, cache mounts for them out.

The file never asked for them: they make the second build as fast as `go build` is. They are
given where nobody can see the difference: no other stage copies what lies in the caches, and the
stage had nothing there itself.
"""

from whit.dockerfile.graph import BuildGraph, FromStage, Stage
from whit.dockerfile.instructions import BindMount, CacheMount, Copy, Owner, Run
from whit.layer.stack import Stack

_PLACES = ("/usr/local/go/bin", "/usr/local/bin", "/usr/bin", "/usr/lib/go/bin")


def stages_out_of_sight(graph: BuildGraph) -> frozenset[int]:
    """Stages whose files are no part of the target's, however they are named."""
    seen = {graph.target}
    at = graph.stage(graph.target)
    while isinstance(at.base, FromStage):
        at = graph.stage(at.base.index)
        seen.add(at.index)
    return frozenset(stage.index for stage in graph.stages) - seen


def taken_from(graph: BuildGraph, index: int) -> tuple[str, ...]:
    """What other stages read of the stage `index` or of those that go on from it."""
    heirs = {index}
    for stage in graph.stages:
        if isinstance(stage.base, FromStage) and stage.base.index in heirs:
            heirs.add(stage.index)
    found: list[str] = []
    for stage in graph.stages:
        for step in stage.steps:
            instruction = step.instruction
            for number, origin in enumerate(step.origins):
                if not isinstance(origin, FromStage) or origin.index not in heirs:
                    continue
                if isinstance(instruction, Copy):
                    found += instruction.sources
                elif isinstance(instruction, Run) and number < len(instruction.resolved):
                    mount = instruction.resolved[number]
                    found.append(mount.source if isinstance(mount, BindMount) else "/")
                else:
                    found.append("/")
    return tuple(found)


def go_caches(
    stage: Stage,
    below: Stack,
    env: dict[str, str],
    home: str,
    taken: tuple[str, ...],
    run: Run,
    owner: Owner,
) -> tuple[CacheMount, ...]:
    """The mounts for one RUN of `owner`; none where Go is not there, or where something else is."""
    path = env.get("PATH", "").split(":")
    if not any(below.find(below.resolve(f"{place}/go")) for place in (*path, *_PLACES) if place):
        return ()
    gopath = env.get("GOPATH", "").partition(":")[0] or f"{home.rstrip('/')}/go"
    caches = env.get("XDG_CACHE_HOME") or f"{home.rstrip('/')}/.cache"
    build = env.get("GOCACHE") or f"{caches}/go-build"
    modules = env.get("GOMODCACHE") or f"{gopath}/pkg/mod"
    asked = [mount.target for mount in run.resolved if mount.target]
    found = []
    for name, target in (("go build", build), ("go modules", modules)):
        if not target.startswith("/") or any(_meet(target, one) for one in asked):
            continue
        if any(_meet(target, one) for one in taken) or below.names(below.resolve(target)):
            continue
        identity = f"whit {name} {stage.platform} {home}"
        found.append(CacheMount(target=target, id=identity, owner=owner))
    return tuple(found)


def _meet(one: str, other: str) -> bool:
    """Whether one path is, or may be, in the other. A pattern may mean anything."""
    first, second = f"/{one.strip('/')}/", f"/{other.strip('/')}/"
    if any(letter in other for letter in "*?[$"):
        second = second[: min(second.find(c) for c in "*?[$" if c in second)]
        return first.startswith(second.rpartition("/")[0] + "/") or second.startswith(first)
    return first.startswith(second) or second.startswith(first)
