"""The frozen graph of stages and steps that an executor walks. Types only; pure.

    graph  = plan_stages(dockerfile, options)                      whit.dockerfile.stages
    state  = open_image(config, platform) or open_child(parent)    whit.dockerfile.state
    step   = expand_step(step, state.environment)                  whit.dockerfile.steps
    state  = apply_step(state, step)                               whit.dockerfile.config

Only stages that the target needs are in `BuildGraph.stages`, each after those it needs: a stage
may start when the stages in `Stage.needs` are done, so independent ones may run side by side.
"""

from typing import TypeAlias

import msgspec

from whit.dockerfile.instructions import Instruction
from whit.dockerfile.places import Span
from whit.model.names import Platform


class FromScratch(msgspec.Struct, frozen=True):
    """Nothing at all."""


class FromStage(msgspec.Struct, frozen=True):
    """The finished tree of another stage, by its index in the file."""

    index: int


class FromImage(msgspec.Struct, frozen=True):
    """An image by its full reference: `alpine` is docker.io/library/alpine:latest."""

    reference: str
    platform: Platform
    written: str = ""  # as the Dockerfile names it


class FromContext(msgspec.Struct, frozen=True):
    """A named context (--build-context NAME=…): what it is, the caller knows."""

    name: str


class FromBuildContext(msgspec.Struct, frozen=True):
    """The build context, after .dockerignore."""


Origin: TypeAlias = FromScratch | FromStage | FromImage | FromContext | FromBuildContext


class Step(msgspec.Struct, frozen=True):
    """One instruction of a stage. `number` counts the stage's steps from 1.

    `origins` belongs to COPY and ADD (one) and to RUN (one a mount, in their order; a mount
    without content has FromScratch). `escape` is the file's escape character.
    """

    number: int
    instruction: Instruction
    origins: tuple[Origin, ...] = ()
    escape: str = "\\"
    is_trigger: bool = False  # brought by an ONBUILD of the base


class Stage(msgspec.Struct, frozen=True):
    """One FROM and what follows. `index` counts the stages of the file from 0.

    `name` is lower case or "". `platform` is what it is built for.
    """

    index: int
    name: str
    base: Origin
    platform: Platform
    steps: tuple[Step, ...]
    needs: tuple[int, ...]
    span: Span
    comments: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        return self.name or f"stage-{self.index}"


class BuildGraph(msgspec.Struct, frozen=True):
    """`stages` in an order in which each may be built; `target` is the index of the last.

    `unused` are titles of stages the target does not need; `unknown_arguments` are build
    arguments that no ARG declares; `proxies` go into every RUN, but into no key and no history.
    """

    stages: tuple[Stage, ...]
    target: int
    platform: Platform
    build_platform: Platform
    global_arguments: tuple[tuple[str, str], ...]
    proxies: tuple[tuple[str, str], ...] = ()
    unused: tuple[str, ...] = ()
    unknown_arguments: tuple[str, ...] = ()

    def stage(self, index: int) -> Stage:
        return next(stage for stage in self.stages if stage.index == index)
