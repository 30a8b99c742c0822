"""Whole files: the config and history they give, where docker's own code gave the same.

The walk over the graph is the executor's, without doing anything.
"""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dockerfile_case import AMD, plan, walk
from whit.dockerfile.graph import (
    FromBuildContext,
    FromContext,
    FromImage,
    FromScratch,
    FromStage,
)
from whit.dockerfile.state import State
from whit.errors import WhitError
from whit.errors.dockerfile import BadStage
from whit.model.names import Platform
from whit.oci.documents import Config

TABLE = json.loads((Path(__file__).parents[2] / "cases/dockerfile/configs.json").read_text())
BASES = {name: msgspec.convert(base, Config) for name, base in TABLE["bases"].items()}


def outcome(case: dict[str, Any]) -> State:
    base = BASES.get(case.get("base", ""))
    options = {
        "target": case.get("target", ""),
        "arguments": tuple(case.get("args", {}).items()),
        "platform": Platform.parse(case.get("platform", "linux/amd64")),
    }
    graph = plan(case["text"], **options)
    if base and base.config and base.config.on_build:
        taken = {s.index: base.config.on_build for s in graph.stages
                 if isinstance(s.base, FromImage)}  # fmt: skip
        graph = plan(case["text"], taken, **options)
    return walk(graph, base)


def test_the_table_is_large():
    assert len(TABLE["cases"]) >= 200


@pytest.mark.parametrize("case", TABLE["cases"], ids=lambda case: repr(case["text"])[:80])
def test_config_and_history_are_dockers(case: dict[str, Any]):
    if case.get("error"):
        with pytest.raises(WhitError):
            outcome(case)
        return
    state = outcome(case)
    config = json.loads(msgspec.json.encode(state.config))
    empty: list[Any] = [None, "", [], {}, False]
    assert {key: value for key, value in config.items() if value not in empty} == case["config"]
    history = [[entry.created_by, not entry.empty_layer] for entry in state.history]
    assert history == case["history"]
    assert state.author == case.get("author", "")


SEED = """\
# Stage 1: Build the application
FROM golang:1.21-alpine AS builder
WORKDIR /app
COPY . .
RUN go build -ldflags="-w -s" -o app main.go
# Stage 2: Create the minimal runtime image
FROM scratch
COPY --from=builder /app/app /app
CMD ["/app"]
"""


def test_a_two_stage_file_is_two_stages():
    graph = plan(SEED)
    build, final = graph.stages
    assert build.base == FromImage(
        "docker.io/library/golang:1.21-alpine", AMD, "golang:1.21-alpine"
    )
    assert (build.name, build.needs, build.title) == ("builder", (), "builder")
    assert (final.name, final.needs, final.title) == ("", (0,), "stage-1")
    assert final.steps[0].origins == (FromStage(0),)
    assert build.steps[1].origins == (FromBuildContext(),)
    assert [step.number for step in build.steps] == [1, 2, 3]


def test_stages_the_target_does_not_need_are_left_out():
    graph = plan(
        "FROM nowhere AS lost\nRUN false\nFROM scratch AS a\nFROM scratch AS b\n"
        "COPY --from=a x /\nFROM scratch AS c\n",
        target="B",
    )
    assert [stage.name for stage in graph.stages] == ["a", "b"]
    assert graph.unused == ("lost", "c")


def test_origins_of_mounts():
    graph = plan(
        "FROM scratch AS a\nFROM scratch\nRUN --mount=from=A,target=/a "
        "--mount=target=/b --mount=type=cache,target=/c --mount=type=bind,from=x/y:1,target=/d "
        "--mount=type=secret,id=e --mount=type=cache,from=scratch,target=/f make\n"
    )
    assert graph.stages[1].steps[0].origins == (
        FromStage(0),
        FromBuildContext(),
        FromScratch(),
        FromImage("docker.io/x/y:1", AMD, "x/y:1"),
        FromScratch(),
        FromScratch(),
    )


@pytest.mark.parametrize(
    ("contexts", "expected"),
    [
        (("alpine",), FromContext("alpine")),
        (("alpine:latest",), FromContext("alpine:latest")),
        (("docker.io/library/alpine",), FromContext("docker.io/library/alpine")),
        (("alpine::linux/amd64", "alpine"), FromContext("alpine::linux/amd64")),
        (("alpine:3",), FromImage("docker.io/library/alpine:latest", AMD, "alpine")),
    ],
)
def test_named_contexts_stand_for_images(contexts: tuple[str, ...], expected: object):
    assert plan("FROM alpine\n", contexts=contexts).stages[0].base == expected


def test_a_named_context_stands_for_a_stage():
    graph = plan("FROM x AS deps\nRUN a\nFROM scratch\nCOPY --from=deps a /\n", contexts=("deps",))
    assert graph.stages[0].base == FromContext("deps")
    assert graph.stages[0].steps == ()


def test_platforms():
    graph = plan(
        "FROM --platform=$BUILDPLATFORM a AS x\nFROM x AS y\nFROM b\nCOPY --from=y . /\n",
        platform=Platform("linux", "arm64", "v8"),
    )
    assert [str(stage.platform) for stage in graph.stages] == [
        "linux/amd64",
        "linux/amd64",
        "linux/arm64",
    ]


def test_triggers_may_need_a_stage():
    graph = plan("FROM scratch AS dep\nFROM base\nRUN a\n", triggers={1: ("COPY --from=dep x /x",)})
    assert [stage.index for stage in graph.stages] == [0, 1]
    assert [step.is_trigger for step in graph.stages[1].steps] == [True, False]
    assert graph.stages[1].steps[0].instruction.span.line == 2


def test_proxies_have_both_spellings_and_unknown_arguments_are_named():
    graph = plan(
        "FROM scratch\n", arguments=(("http_proxy", "p"), ("TYPO", "1"), ("BUILDARCH", "x"))
    )
    assert graph.proxies == (("HTTP_PROXY", "p"), ("http_proxy", "p"))
    assert graph.unknown_arguments == ("TYPO",)


@pytest.mark.parametrize(
    ("text", "message", "hint", "line"),
    [
        ("ARG BASE\nFROM $BSAE\n", "names no image", "did you mean 'BASE'?", 2),
        ("FROM scratch AS Build\nFROM Build\n", "cannot be an image", "did you mean 'build'?", 2),
        ("FROM scratch\nFROM scratch\nCOPY --from=7 a b\n", "from 0 to 1", "safer", 3),
        ("FROM scratch\nCOPY --from=x a b\nFROM scratch AS x\nCOPY --from=0 a b\n",
         "needs itself", "above", 4),
        ("RUN a\nFROM scratch\n", "before the first FROM", "only ARG", 1),
        ("FROM --platform=linux/mips scratch\n", "no image for platform", "linux/amd64", 1),
        ("FROM scratch\nCOPY --from=$X a b\n", "takes no variables", "FROM $X AS", 2),
    ],
)  # fmt: skip
def test_errors_of_stages_say_where_and_what_to_do(text: str, message: str, hint: str, line: int):
    with pytest.raises(BadStage) as caught:
        plan(text)
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")
    assert caught.value.place is not None
    assert caught.value.place.line == line


def test_an_unknown_target_is_answered_with_the_names():
    with pytest.raises(BadStage, match="no stage 'bilder'") as caught:
        plan(SEED, target="bilder")
    assert caught.value.hint == "did you mean 'builder'?"


def test_a_later_stage_is_refused_only_when_it_is_needed():
    text = "FROM scratch AS a\nCOPY --from=b x /\nFROM scratch AS b\n"
    assert plan(text).stages[0].name == "b"
    with pytest.raises(BadStage, match="built after"):
        plan(text, target="a")
