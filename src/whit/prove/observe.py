"""Layers and a RunConfig in, an Observation out: the image runs once, as it ships (a door).

The sandbox has the image's own user and environment, no network but loopback, bounded output and
bounded time.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from whit.errors import ForeignPlatform
from whit.model.names import Platform
from whit.model.plan import RunConfig
from whit.model.verdict import Observation
from whit.sandbox.container import run_image
from whit.sandbox.finding import find_runtime
from whit.sandbox.host import read_host
from whit.sandbox.rootfs import LayerOpener
from whit.sandbox.runtime import Capture
from whit.sandbox.spec import Limits, Network, RunRequest

_OUTPUT_BYTES = 64 * 1024
_MACHINES = {
    "x86_64": ("amd64", "386"),
    "aarch64": ("arm64",),
    "armv7l": ("arm",),
    "i686": ("386",),
    "riscv64": ("riscv64",),
    "s390x": ("s390x",),
    "ppc64le": ("ppc64le",),
}
_QEMU_NAMES = {"amd64": "x86_64", "arm64": "aarch64", "386": "i386"}


def can_run(platform: Platform) -> bool:
    """Whether the kernel starts such programs: its own kind, or one that qemu is registered for."""
    if platform.architecture in _MACHINES.get(os.uname().machine, ()):
        return True
    name = _QEMU_NAMES.get(platform.architecture, platform.architecture)
    try:
        said = Path(f"/proc/sys/fs/binfmt_misc/qemu-{name}").read_text()
    except OSError:
        return False
    # F: the interpreter was opened when it was registered, so no container has to hold it.
    flags = next((line for line in said.splitlines() if line.startswith("flags:")), "")
    return said.startswith("enabled") and "F" in flags


def observe(
    layers: Sequence[LayerOpener],
    config: RunConfig,
    arguments: tuple[str, ...],
    cache: Path,
    limit_seconds: float = 30,
) -> Observation:
    """Run the entrypoint with `arguments` (the image's own cmd when there are none).

    A run that lasts longer is killed; its status is then 137 and its output says so. Raises
    ForeignPlatform, and what `run_image` raises.
    """
    if not can_run(config.platform):
        raise ForeignPlatform(
            f"this host cannot run {config.platform} programs",
            hint="leave --smoke out: the image is then published unproven",
        )
    command = (*config.entrypoint, *(arguments or config.cmd))
    request = RunRequest(
        args=command,
        user=config.user,
        env=config.env,
        working_dir=config.working_dir,
        network=Network.NONE,
        limits=Limits(seconds=limit_seconds),
    )
    outcome = run_image(layers, request, cache, Capture(_OUTPUT_BYTES))
    output = outcome.output.decode("utf-8", "replace")
    if outcome.dropped_bytes:
        output += f"\n[{outcome.dropped_bytes} more bytes of output were dropped]"
    if outcome.timed_out:
        output += f"\n[killed after {limit_seconds:g} s]"
    runtime = find_runtime(cache, is_root=read_host().is_root)
    return Observation(
        command, outcome.status, output, outcome.seconds, f"{runtime.name} ({runtime.how.value})"
    )
