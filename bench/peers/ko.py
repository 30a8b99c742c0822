"""ko, told to build the same stripped program on a base image of one small file.

The base comes from a registry on the loopback interface (crane's own), because ko asks one at
every build: the nearest it can have.
"""

import io
import os
import shutil
import socket
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from measure import Absent, Contender, Failed, output_of
from sources import CRANE, GO_ENVIRONMENT, KO, Program, go_program, module_program

START_SECONDS = 20


@dataclass(frozen=True)
class Ko:
    program: Path
    version: str
    base: str
    work: Path

    def contender(self, tree: Program, *, is_stripped: bool, edits: bool) -> Contender:
        """A build of `tree` into a new OCI layout, as ko never cleans one it finds."""
        layout = self.layout_of(tree)
        options = "defaultLdflags: [-s, -w]\n" if is_stripped else ""
        (tree.directory / ".ko.yaml").write_text(f"defaultBaseImage: {self.base}\n{options}")

        def prepare(_: int) -> None:
            shutil.rmtree(layout, ignore_errors=True)
            if edits:
                tree.edit()

        return Contender(
            "ko",
            (
                str(self.program), "build", tree.package, "--bare", "--push=false", "--sbom=none",
                "--oci-layout-path", str(layout),
            ),
            tree.directory,
            self.environment,
            prepare,
        )  # fmt: skip

    def layout_of(self, tree: Program) -> Path:
        return self.work / f"layout-{tree.directory.name}"

    @property
    def environment(self) -> dict[str, str]:
        # With KOCACHE ko keeps the linked program, as whit does: its faster way.
        path = f"{Path(go_program()).parent}{os.pathsep}{os.environ['PATH']}"
        own = {"KOCACHE": str(self.work / "cache"), "KO_DOCKER_REPO": "ko.invalid/bench"}
        return {**GO_ENVIRONMENT, **own, "PATH": path}


@contextmanager
def ko(cache: Path, work: Path) -> Iterator[Ko]:
    program = module_program(cache, KO, "ko")
    crane = module_program(cache, CRANE, "crane")
    (work / "cache").mkdir(parents=True)
    with _registry(crane, work) as address:
        layer = work / "base.tar"
        with tarfile.open(layer, "w") as tar:
            entry = tarfile.TarInfo("base")
            entry.size = 5
            tar.addfile(entry, io.BytesIO(b"base\n"))
        reference = f"{address}/base:1"
        output_of([str(crane), "append", "--oci-empty-base", "-f", str(layer), "-t", reference])
        output_of([str(crane), "mutate", "--set-platform", _platform(), reference, "-t", reference])
        yield Ko(program, KO.version, reference, work)


def _platform() -> str:
    return output_of([go_program(), "env", "GOOS", "GOARCH"]).replace("\n", "/")


@contextmanager
def _registry(crane: Path, work: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with (work / "registry.log").open("wb") as talk:
        process = subprocess.Popen(
            [str(crane), "registry", "serve", "--address", address],
            stdin=subprocess.DEVNULL, stdout=talk, stderr=talk,
        )  # fmt: skip
    try:
        _wait_for(lambda: output_of([str(crane), "catalog", address]), "the local registry")
        yield address
    finally:
        process.terminate()
        process.wait()


def _wait_for(attempt: Callable[[], object], name: str) -> None:
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            attempt()
        except Failed as failure:
            if time.monotonic() > end:
                raise Absent(f"{name} did not start: {failure}") from failure
            time.sleep(0.1)
        else:
            return
