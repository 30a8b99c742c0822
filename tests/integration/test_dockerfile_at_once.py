"""Two builds on one store and one cache at once, and one of them ended at a random moment."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from integration.test_dockerfile_build import Yard, write

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.busybox,
    pytest.mark.skipif(os.geteuid() != 0, reason="owners of files are root's to give"),
]
ROUNDS = 6
FILE = """FROM alpine AS a
COPY many /many
RUN cp -r /many /more && rm -r /many/d0 && sleep 0.2
FROM alpine
RUN --mount=type=cache,target=/c echo {name} >/c/{name} && sleep 0.2
COPY --from=a /more /more
RUN rm -r /more/d1 && echo {name} >/x
"""


class Twins:
    """Two Dockerfiles over one context, that share their first stage."""

    def __init__(self, place: Path) -> None:
        self.yard, self.context = Yard(place / "yard"), place / "context"
        self.yard.add("alpine:latest")
        self.context.mkdir()
        for number in range(200):
            path = self.context / f"many/d{number % 10}/{number}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{number}\n" * 50)
        for name in ("one", "other"):
            write(self.context, "", **{name: FILE.format(name=name)})
        self.digests = {name: self.finish(self.start(name)) for name in ("one", "other")}

    def start(self, name: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "whit.cli.entry", "build", "-f", str(self.context / name),
             str(self.context), "-t", f"{name}:latest"],
            env=self.yard.env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def finish(self, process: "subprocess.Popen[str]") -> str:
        out, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
        return out.strip().partition("@")[2]

    def forget(self) -> None:
        shutil.rmtree(self.yard.place / "cache")

    def left(self) -> list[str]:
        end = time.monotonic() + 10
        while (left := self.yard.leftovers()) and time.monotonic() < end:
            time.sleep(0.05)
        return left


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Twins:
    return Twins(tmp_path_factory.mktemp("twins"))


@pytest.mark.parametrize("number", range(ROUNDS))
def test_a_build_that_is_ended_does_not_harm_one_beside_it(twins: Twins, number: int) -> None:
    dice = random.Random(number)
    twins.forget()
    name = ("one", "other")[number % 2]
    doomed, beside = twins.start("one"), twins.start(name)
    time.sleep(dice.uniform(0.1, 1.6))
    doomed.send_signal((signal.SIGINT, signal.SIGKILL)[number // 2 % 2])
    doomed.communicate(timeout=30)
    assert twins.finish(beside) == twins.digests[name]
    assert twins.left() == []
    assert twins.finish(twins.start("one")) == twins.digests["one"]
    assert twins.yard.store.check() == ()


def test_two_builds_that_are_left_alone_make_what_one_makes(twins: Twins) -> None:
    twins.forget()
    started = [(name, twins.start(name)) for name in ("one", "other", "one")]
    for name, process in started:
        assert twins.finish(process) == twins.digests[name]
    assert not list((twins.yard.place / "cache/snapshots").glob("draft-*"))
