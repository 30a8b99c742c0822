"""Dockerfile engines: each opened for the time of a scenario, with the golang image inside.

An engine is only its name, its version and the command that builds a context; everything it
keeps lies in the work directory it was given, or is taken away again when it closes.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from golang_image import ENVIRONMENT, REFERENCE, GolangImage
from measure import Absent, Failed, output_of
from sources import BUILDCTL, BUILDKITD, module_program

IMAGE = "localhost/whit-bench/hello:latest"
START_SECONDS = 60


@dataclass(frozen=True)
class Engine:
    """`command(context, dockerfile)` is what a user would type, once the engine is there; `forget`
    takes away what it keeps of earlier builds.
    """

    name: str
    version: str
    command: Callable[[Path, str], tuple[str, ...]]
    environment: dict[str, str]
    before: Callable[[], None] = lambda: None
    forget: Callable[[], None] = lambda: None


@contextmanager
def buildkit(cache: Path, work: Path, base: GolangImage) -> Iterator[Engine]:
    """buildkitd as root with its OCI worker and buildctl; the image goes to an OCI layout."""
    with buildkit_client(cache, work) as (client, version):

        def command(context: Path, dockerfile: str) -> tuple[str, ...]:
            return (
                *client, *build_words(context, dockerfile),
                "--oci-layout", f"golang={base.layout}",
                "--opt", f"context:{REFERENCE}=oci-layout://golang@{base.digest}",
                "--output", f"type=oci,tar=false,dest={work}/layout",
            )  # fmt: skip

        yield Engine("BuildKit", version, command, {})


def build_words(context: Path, dockerfile: str) -> tuple[str, ...]:
    """What buildctl is told of a Dockerfile."""
    return (
        "build", "--progress", "plain", "--frontend", "dockerfile.v0",
        "--local", f"context={context}", "--local", f"dockerfile={context}",
        "--opt", f"filename={dockerfile}",
    )  # fmt: skip


@contextmanager
def buildkit_client(cache: Path, work: Path) -> Iterator[tuple[tuple[str, ...], str]]:
    """The words that begin a command to a buildkitd of its own, and what it is."""
    if os.geteuid() != 0:
        raise Absent("buildkitd is started as root here, and this is not root")
    runtime = shutil.which("runc") or shutil.which("crun")
    if runtime is None:
        raise Absent("buildkitd needs runc or crun")
    client = module_program(cache, BUILDCTL, "buildctl")
    daemon = module_program(cache, BUILDKITD, "buildkitd")
    work.mkdir(parents=True)
    address = f"unix://{work}/socket"
    log = work / "log"
    with log.open("wb") as talk:
        process = subprocess.Popen(
            [
                str(daemon), "--root", str(work / "root"), "--addr", address,
                "--containerd-worker=false", "--oci-worker-binary", runtime,
                "--oci-worker-net", "host", "--config", os.devnull,
            ],
            stdin=subprocess.DEVNULL, stdout=talk, stderr=talk,
        )  # fmt: skip
    try:
        _wait_until([str(client), "--addr", address, "debug", "workers"], process, log)
        version = f"{BUILDKITD.version} ({Path(runtime).name})"
        yield (str(client), "--addr", address), version
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def buildah(_: Path, work: Path, base: GolangImage) -> Iterator[Engine]:
    """buildah bud --layers in chroot isolation, with a storage of its own."""
    program = shutil.which("buildah")
    if program is None:
        raise Absent("no buildah on PATH")
    has_overlay = "overlay" in Path("/proc/filesystems").read_text() and os.geteuid() == 0
    driver = "overlay" if has_overlay else "vfs"
    start = (
        program, "--root", str(work / "storage"), "--runroot", str(work / "run"),
        "--storage-driver", driver,
    )  # fmt: skip
    work.mkdir(parents=True)
    # The path becomes the image's name, so it must read like one.
    (work / "golang").symlink_to(base.layout)
    try:
        image = output_of([*start, "pull", "-q", "oci:golang:bench"], work)
        output_of([*start, "tag", image.splitlines()[-1], REFERENCE])
        version = output_of([program, "--version"]).split()[2]

        def command(context: Path, dockerfile: str) -> tuple[str, ...]:
            return (
                *start, "bud", "--layers", "--isolation", "chroot", "--pull-never",
                "-f", str(context / dockerfile), "-t", IMAGE, str(context),
            )  # fmt: skip

        def forget() -> None:
            # Layers of earlier builds are images without names; the base has one and stays.
            subprocess.run([*start, "rmi", "-f", IMAGE], check=False, capture_output=True)
            subprocess.run([*start, "rmi", "--prune"], check=False, capture_output=True)

        yield Engine("buildah", f"{version} ({driver})", command, {}, forget=forget)
    except Failed as failure:
        raise Absent(f"buildah: {failure}") from failure
    finally:
        subprocess.run([*start, "rm", "--all"], check=False, capture_output=True)


@contextmanager
def docker(_: Path, __: Path, base: GolangImage) -> Iterator[Engine]:
    """The legacy builder of a running daemon. What it built is removed again at the end."""
    program = shutil.which("docker")
    if program is None:
        raise Absent("no docker on PATH")
    try:
        facts = output_of([program, "info", "--format", "{{.ServerVersion}} ({{.Driver}})"])
    except Failed as failure:
        raise Absent("no Docker daemon answers") from failure
    words = " ".join(ENVIRONMENT)
    changes = ["--change", f"ENV {words}", "--change", f"LABEL {LABEL}"]
    output_of([program, "import", *changes, str(base.tar), REFERENCE])
    made: set[str] = set()

    def command(context: Path, dockerfile: str) -> tuple[str, ...]:
        return (program, "build", "-f", str(context / dockerfile), "-t", IMAGE, str(context))

    def before() -> None:
        # The next build takes the name from this image, and only its identity finds it then.
        made.update(output_of([program, "image", "ls", "-q", "--no-trunc", IMAGE]).split())

    def forget() -> None:
        for image in made:
            subprocess.run([program, "rmi", "-f", image], check=False, capture_output=True)
        prune = [program, "image", "prune", "-f", "--filter", f"label={LABEL}"]
        subprocess.run(prune, check=False, capture_output=True)

    try:
        yield Engine(
            "docker", f"{facts}, legacy builder", command, {"DOCKER_BUILDKIT": "0"}, before, forget
        )
    finally:
        before()
        for image in (*made, REFERENCE):
            subprocess.run([program, "rmi", "-f", image], check=False, capture_output=True)
        prune = [program, "image", "prune", "-f", "--filter", f"label={LABEL}"]
        subprocess.run(prune, check=False, capture_output=True)


# The stages that stand on the golang image inherit this, and are found by it when it is over.
LABEL = "whit.bench=1"


def unmount_below(work: Path) -> None:
    """Take away the mounts that storage drivers leave behind, so that `work` can be deleted."""
    for line in reversed(Path("/proc/self/mounts").read_text().splitlines()):
        place = line.split()[1]
        if place.startswith(f"{work}/"):
            subprocess.run(["umount", "-l", place], check=False, capture_output=True)


def _wait_until(command: list[str], process: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            output_of(command)
        except Failed:
            if process.poll() is not None or time.monotonic() > end:
                tail = " ".join(log.read_text(errors="replace").splitlines()[-2:])
                raise Absent(f"buildkitd did not start: {tail}") from None
            time.sleep(0.2)
        else:
            return
