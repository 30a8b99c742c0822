"""A Dockerfile's text in, its graph and its last state out: the executor's walk, doing nothing."""

from typing import Any

from whit.dockerfile.config import apply_step, is_layer
from whit.dockerfile.graph import BuildGraph, FromImage, FromScratch, FromStage
from whit.dockerfile.parser import parse
from whit.dockerfile.stages import PlanOptions, plan_stages
from whit.dockerfile.state import State, open_child, open_image
from whit.dockerfile.steps import expand_step
from whit.errors.dockerfile import BadStage
from whit.model.names import Platform
from whit.oci.documents import Config

AMD = Platform("linux", "amd64")


def plan(text: str, triggers: dict[int, tuple[str, ...]] | None = None, **options: Any):
    chosen = {"platform": AMD, "build_platform": AMD, **options}
    return plan_stages(parse(text.encode()), PlanOptions(**chosen), triggers)


def walk(graph: BuildGraph, base: Config | None) -> State:
    states: dict[int, State] = {}
    for stage in graph.stages:
        if isinstance(stage.base, FromStage):
            state = open_child(states[stage.base.index])
        elif isinstance(stage.base, FromImage) and base is None:
            raise BadStage("there is no such base")
        else:
            image = None if isinstance(stage.base, FromScratch) else base
            state = open_image(image, stage.platform)
        for step in stage.steps:
            before = len(state.history)
            state = apply_step(state, expand_step(step, state.environment))
            if len(state.history) > before:
                assert state.history[-1].empty_layer is not is_layer(state, step)
        states[stage.index] = state
    return states[graph.target]
