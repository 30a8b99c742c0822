"""Layers and a RunRequest in, an Outcome out: the whole way of one run (a door).

find a runtime ─▶ workspace ─▶ rootfs ─▶ account ─▶ run ─▶ nothing left
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from whit.sandbox.finding import find_runtime
from whit.sandbox.host import read_host
from whit.sandbox.rootfs import LayerOpener, make_rootfs
from whit.sandbox.runtime import WATCH_SECONDS, Capture, Outcome, run
from whit.sandbox.spec import RunRequest
from whit.sandbox.workspace import open_workspace


def run_image(
    layers: Sequence[LayerOpener],
    request: RunRequest,
    cache: Path,
    capture: Capture | None = None,
    watch: Callable[[int], bool] | None = None,
    tracer: tuple[str, ...] = (),
    watch_seconds: float = WATCH_SECONDS,
) -> Outcome:
    """Run `request` in a copy of the layers' tree. `cache` holds the copy while it runs.
    `watch`, `tracer` and `watch_seconds` are as `run` takes them.

    Raises NoRuntime, UnknownUser, BadRootfs, and what unpacking and `run` raise.
    """
    host = read_host()
    runtime = find_runtime(cache, is_root=host.is_root)
    with open_workspace(cache / "run") as workspace:
        account = make_rootfs(layers, workspace.rootfs, request.user, host)
        ready = msgspec.structs.replace(request, rootfs=str(workspace.rootfs), account=account)
        return run(ready, runtime, workspace, host, capture, watch, tracer, watch_seconds)
