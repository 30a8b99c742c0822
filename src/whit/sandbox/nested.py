"""Whoever we are in, the surroundings of a build's steps out: root, or root of a user namespace.

    root of the machine       steps run as they are
    a user                    `unshare` makes us root of a namespace with the user's subordinate
                              ids; the whole build happens in it, so that files of any owner can
                              be written, read and mounted

A door.
"""

import os
import sys
from pathlib import Path

from whit.errors.sandbox import NoRuntime, RuntimeFailed
from whit.sandbox.engine import How, Runtime
from whit.sandbox.finding import find_runtime
from whit.sandbox.host import cgroup_mode, find_program, read_host
from whit.sandbox.spec import HostFacts, IdRange

_MARK = "WHIT_NESTED"


def namespace_command(words: tuple[str, ...], host: HostFacts) -> tuple[str, ...]:
    """The command that runs `words` as root of a user namespace. Errors: RuntimeFailed."""
    if host.has_single_id:
        raise RuntimeFailed(
            "building a Dockerfile without root needs subordinate ids, and this user has none",
            hint="as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 "
            "USER, and install uidmap; `whit doctor` shows more",
        )
    options = ("--user", "--map-root-user", "--map-auto", "--mount")
    return (find_program("unshare") or "unshare", *options, "--", *words)


def enter_namespace(arguments: tuple[str, ...]) -> None:
    """Become root of a namespace, in place of this process, unless we are root of something.

    Errors: RuntimeFailed. Does not return when it enters.
    """
    if os.geteuid() == 0 or os.environ.get(_MARK):
        return
    words = (sys.executable, "-m", "whit.cli.entry", *arguments)
    command = namespace_command(words, read_host())
    os.execve(command[0], command, os.environ | {_MARK: "1"})  # noqa: S606


def step_host() -> HostFacts:
    """The facts for steps. Inside a namespace nothing more is mapped, and cgroups are not ours."""
    host = read_host()
    if host.is_root or os.geteuid():
        return host
    whole = (IdRange(1, 65535),)
    return HostFacts(0, 0, is_root=False, uid_ranges=whole, gid_ranges=whole)


def step_runtime(cache: Path, host: HostFacts) -> Runtime:
    """Crun or runc. In a namespace crun without cgroups: there is nothing to probe for."""
    if host.is_root:
        return find_runtime(cache, is_root=True)
    crun, runc = find_program("crun"), find_program("runc")
    if crun:
        is_hybrid = cgroup_mode() == "hybrid"
        return Runtime("crun", crun, How.CURTAIN if is_hybrid else How.NO_CGROUPS)
    if runc:
        return Runtime("runc", runc, How.PLAIN)
    raise NoRuntime(
        "no container runtime is installed",
        hint="apt-get install crun (or runc); `whit doctor` shows what this host can do",
    )
