"""Layers and a RunConfig in, an Observation out: the image runs once, as it ships (a door).

The sandbox has the image's own user and environment, no network but loopback, bounded output and
bounded time.
"""

import os
import time
from collections.abc import Sequence
from pathlib import Path

from whit.errors.sandbox import ForeignPlatform
from whit.model.names import Platform
from whit.model.plan import RunConfig
from whit.model.verdict import Observation
from whit.sandbox.container import run_image
from whit.sandbox.finding import find_runtime
from whit.sandbox.host import read_host
from whit.sandbox.listening import listening_ports
from whit.sandbox.rootfs import LayerOpener
from whit.sandbox.runtime import WATCH_SECONDS, Capture
from whit.sandbox.spec import Limits, Network, RunRequest

# Most programs that cannot start say so at once; those that wait for something wait for longer.
STILL_RUNS_SECONDS = 5.0
SETTLED_SECONDS = 1.0
SAMPLE_SECONDS = 0.001
_STOPPED = (128 + 9, 128 + 15)
_OUTPUT_BYTES = 64 * 1024
_RUNTIMES = ("crun", "runc")
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
    limit_seconds: float = STILL_RUNS_SECONDS,
    *,
    samples: bool = False,
) -> Observation:
    """Run the entrypoint with `arguments` (the image's own cmd when there are none).

    A program that still runs after `limit_seconds`, or that has listened on a port for a while, is
    stopped: it has started, and more is not asked. With `samples` its memory is looked at every
    millisecond. Raises ForeignPlatform, and what `run_image`
    raises.
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
    server = _Server(samples=samples)
    outcome = run_image(
        layers, request, cache, Capture(_OUTPUT_BYTES), server.has_settled,
        watch_seconds=SAMPLE_SECONDS if samples else WATCH_SECONDS,
    )  # fmt: skip
    output = outcome.output.decode("utf-8", "replace")
    if outcome.dropped_bytes:
        output += f"\n[{outcome.dropped_bytes} more bytes of output were dropped]"
    runtime = find_runtime(cache, is_root=read_host().is_root)
    # It may have ended by itself just when it was to be stopped.
    was_stopped = outcome.timed_out and outcome.status in _STOPPED
    return Observation(
        command,
        outcome.status,
        output,
        outcome.seconds,
        f"{runtime.name} ({runtime.how.value})",
        was_stopped,
        tuple(sorted(server.ports)) if was_stopped else (),
        server.peak_bytes,
    )


class _Server:
    """Watches a program until it has listened for long enough to have failed if it would."""

    def __init__(self, *, samples: bool = False) -> None:
        self.ports: frozenset[int] = frozenset()
        self.peak_bytes = 0
        self._samples, self._since, self._looked = samples, 0.0, 0.0

    def has_settled(self, process: int) -> bool:
        now = time.monotonic()
        if self._samples:
            self.peak_bytes = peak_of(process) or self.peak_bytes
            if now - self._looked < WATCH_SECONDS:
                return False
            self._looked = now
        self.ports = listening_ports(process)
        if not self.ports:
            self._since = 0.0
        elif not self._since:
            self._since = now
        return bool(self._since) and now - self._since >= SETTLED_SECONDS


def peak_of(process: int) -> int:
    """The most bytes that the process has held in memory so far; 0 before it is the program, and
    when it has ended. Starting another program begins the count anew, so that the last answer is
    the program's own.
    """
    try:
        text = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0
    lines = dict(line.partition(":")[::2] for line in text.splitlines())
    if lines.get("Name", "").strip().startswith(_RUNTIMES):
        return 0
    size = lines.get("VmHWM", "").split()
    return int(size[0]) * 1024 if size else 0
