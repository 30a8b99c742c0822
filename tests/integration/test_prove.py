"""Observations of real runs."""

import io
from pathlib import Path

import pytest

from integration.sandbox_case import Box
from whit.errors.sandbox import ForeignPlatform
from whit.model.names import Platform
from whit.model.plan import RunConfig
from whit.prove.observe import can_run, observe

pytestmark = [pytest.mark.sandbox, pytest.mark.go]


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Box:
    return Box(tmp_path_factory.mktemp("prove"))


def config_of(box: Box, platform: Platform | None = None) -> RunConfig:
    import os

    own = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
    return RunConfig(platform or Platform("linux", own), entrypoint=(box.name,), cmd=("exit", "4"))


def test_a_run_is_observed_as_the_images_user(box: Box, tmp_path: Path) -> None:
    layers = [lambda: io.BytesIO(box.layer)]
    seen = observe(layers, config_of(box), ("id",), tmp_path)
    assert (seen.status, seen.output.split()[:2]) == (0, ["65532", "65532"])
    assert seen.command == (box.name, "id")
    assert observe(layers, config_of(box), (), tmp_path).status == 4


def test_time_and_output_are_bounded(box: Box, tmp_path: Path) -> None:
    layers = [lambda: io.BytesIO(box.layer)]
    slow = observe(layers, config_of(box), ("sleep",), tmp_path, 0.5)
    assert (slow.still_ran, slow.ports, slow.output) == (True, (), "sleeping\n")
    assert slow.seconds < 4
    loud = observe(layers, config_of(box), ("flood",), tmp_path)
    assert len(loud.output) < 70_000
    assert "more bytes of output were dropped" in loud.output


def test_a_foreign_platform_is_not_run(box: Box, tmp_path: Path) -> None:
    foreign = Platform("linux", "s390x")
    if can_run(foreign):
        pytest.skip("qemu runs s390x here")
    with pytest.raises(ForeignPlatform, match="linux/s390x"):
        observe([], config_of(box, foreign), (), tmp_path)
