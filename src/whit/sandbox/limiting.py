"""Limits, a runtime and a host in, what holds a step to them out (a door).

    the runtime's cgroup   where the runtime manages cgroups by itself
    a cgroup of ours       where it must leave them alone, and this process may make one
    resource limits        otherwise: memory by address space of each process, processes by user

The last is weaker, and none at all for the processes of the machine's root: that is refused.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from whit.errors.sandbox import RuntimeFailed
from whit.sandbox.document import Memory, Pids, ResourceLimit, Resources
from whit.sandbox.engine import Runtime
from whit.sandbox.host import cgroup_mode
from whit.sandbox.spec import HostFacts, Limits

_ROOT = Path("/sys/fs/cgroup")
_WAIT_SECONDS = 2.0
# Where a controller's groups lie, and the files that take its limits, of which the first must be.
_FILES = {
    "v2": {"memory": ("", "memory.max", "memory.swap.max"), "pids": ("", "pids.max")},
    "v1": {
        "memory": ("memory", "memory.limit_in_bytes", "memory.memsw.limit_in_bytes"),
        "pids": ("pids", "pids.max"),
    },
}


class Hold(msgspec.Struct, frozen=True):
    """`how` says it to a user; `members` are the files of cgroups that the step has to join."""

    how: str = ""
    resources: Resources | None = None
    members: tuple[str, ...] = ()
    rlimits: tuple[ResourceLimit, ...] = ()


def limits_text(limits: Limits) -> str:
    """`at most 64 MiB of memory and 32 processes`"""
    said = []
    if limits.memory_bytes:
        said.append(f"{limits.memory_bytes >> 20} MiB of memory")
    if limits.pids:
        said.append(f"{limits.pids} processes")
    return f"at most {' and '.join(said)}"


@contextmanager
def holding(limits: Limits, runtime: Runtime, host: HostFacts, name: str) -> Iterator[Hold]:
    """For the time of one step, whose cgroups are called `name`. Errors: RuntimeFailed."""
    if not limits.memory_bytes and not limits.pids:
        yield Hold()
    elif runtime.has_cgroups and host.has_cgroup_limits:
        memory = Memory(limits.memory_bytes, limits.memory_bytes) if limits.memory_bytes else None
        pids = Pids(limits.pids) if limits.pids else None
        yield Hold(f"cgroups, by {runtime.name}", Resources(memory=memory, pids=pids))
    else:
        made: list[Path] = []
        try:
            yield _own_groups(limits, name, made) or _resource_limits(limits, host)
        finally:
            for group in made:
                _remove(group)


def _own_groups(limits: Limits, name: str, made: list[Path]) -> Hold | None:
    """Cgroups of ours; None where the host has none for us. `made` must be removed."""
    mode = cgroup_mode()
    if mode == "none":
        return None
    wanted = {
        kind: value
        for kind, value in (("memory", limits.memory_bytes), ("pids", limits.pids))
        if value
    }
    if mode == "v2":
        with suppress(OSError):
            words = " ".join(f"+{kind}" for kind in wanted)
            (_ROOT / "cgroup.subtree_control").write_text(words)
    members: dict[str, None] = {}
    for kind, value in wanted.items():
        place, first, *others = _FILES["v2" if mode == "v2" else "v1"][kind]
        group = _ROOT / place / name
        try:
            if group not in made:
                group.mkdir()
                made.append(group)
            (group / first).write_text(str(value))
        except OSError:
            return None
        for other in others:
            # Swap beyond it: nothing more in v2, the same sum of both in v1.
            with suppress(OSError):
                (group / other).write_text("0" if mode == "v2" else str(value))
        members[str(group / "cgroup.procs")] = None
    return Hold("cgroups", members=tuple(members))


def _resource_limits(limits: Limits, host: HostFacts) -> Hold:
    if limits.pids and host.is_root:
        raise RuntimeFailed(
            "--pids needs cgroups here: the kernel does not count the processes of root otherwise",
            hint="run whit where it may make cgroups (`whit doctor`), or as a user",
        )
    pairs = (("RLIMIT_AS", limits.memory_bytes), ("RLIMIT_NPROC", limits.pids))
    found = tuple(ResourceLimit(kind, value, value) for kind, value in pairs if value)
    return Hold("resource limits of each process, as this host gives no cgroups", rlimits=found)


def _remove(group: Path) -> None:
    """The last process of a group may need a moment to be gone."""
    end = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            group.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            if time.monotonic() > end:
                return
            time.sleep(0.01)
        else:
            return
