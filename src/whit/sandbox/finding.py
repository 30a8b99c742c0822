"""The host in, a Runtime that works out: crun or runc, tried once a boot and remembered (a door).

What was tried last is kept in a file, so that a run costs no probe. A probe is a real container
that runs the host's own `true`.
"""

import os
from pathlib import Path

import msgspec

from whit.errors.sandbox import NoRuntime
from whit.sandbox.engine import How, Runtime
from whit.sandbox.host import boot_id, cgroup_mode, find_program


class Remembered(msgspec.Struct, frozen=True):
    """`key` holds whatever would change the answer: boot, user, programs."""

    key: str
    runtime: Runtime


def find_runtime(cache: Path, *, is_root: bool) -> Runtime:
    """The remembered runtime, else the first that runs a container. Raises NoRuntime."""
    found = {name: find_program(name) for name in ("crun", "runc")}
    key = key_of(found)
    # Runtimes see users differently: each user has an answer of its own.
    remembered = cache / f"runtime-{os.geteuid()}.json"
    try:
        with remembered.open("rb") as file:
            known = msgspec.json.decode(file.read(4096), type=Remembered)
        if known.key == key:
            return known.runtime
    except (OSError, msgspec.DecodeError):
        pass
    runtime = _first_that_works(candidates(found, cgroup_mode(), is_root=is_root), cache)
    _remember(remembered, Remembered(key, runtime))
    return runtime


def candidates(found: dict[str, str], cgroups: str, *, is_root: bool) -> tuple[Runtime, ...]:
    """What to try, in this order. The curtain is for root on hosts where crun is known to fail."""
    tries = []
    if found.get("crun"):
        crun = found["crun"]
        tries += [Runtime("crun", crun, How.PLAIN)] if cgroups != "hybrid" else []
        tries += [Runtime("crun", crun, How.NO_CGROUPS)]
        tries += [Runtime("crun", crun, How.CURTAIN)] if is_root and cgroups == "hybrid" else []
    if found.get("runc"):
        tries.append(Runtime("runc", found["runc"], How.PLAIN))
    return tuple(tries)


def _first_that_works(tries: tuple[Runtime, ...], cache: Path) -> Runtime:
    from whit.sandbox.probe import probe  # noqa: PLC0415

    said = []
    for runtime in tries:
        complaint = probe(runtime, cache / "run")
        if not complaint:
            return runtime
        said.append(f"{runtime.name} ({runtime.how.value}): {complaint}")
    if not said:
        raise NoRuntime(
            "no container runtime is installed",
            hint="apt-get install crun (or runc); `whit doctor` shows what this host can do",
        )
    raise NoRuntime(
        "no container runtime works on this host",
        hint="`whit doctor` shows what this host can do and how to mend it",
        output="\n".join(said),
    )


def key_of(found: dict[str, str]) -> str:
    parts = [boot_id(), str(os.geteuid())]
    for path in filter(None, found.values()):
        status = os.stat(path)
        parts.append(f"{path}:{status.st_size}:{status.st_mtime_ns}")
    return " ".join(parts)


def _remember(path: Path, answer: Remembered) -> None:
    """Best effort: a cache that cannot be written costs a probe and nothing else."""
    draft = path.with_suffix(f".{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(msgspec.json.encode(answer))
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
