"""Whoever we are in, the surroundings of a build's steps out: root, or root of a user namespace.

    root of the machine       steps run as they are
    a user                    `unshare` makes us root of a namespace with the user's subordinate
                              ids; the whole build happens in it, so that files of any owner can
                              be written, read and mounted
    a user without such ids   the same with one id: all files are root's, and so is every step

A door.
"""

import os
import subprocess
import sys
from pathlib import Path

from whit.errors.sandbox import NoRuntime, RuntimeFailed
from whit.layer.unpack import may_give_away
from whit.sandbox.engine import How, Runtime
from whit.sandbox.finding import find_runtime
from whit.sandbox.host import cgroup_mode, find_program, read_host
from whit.sandbox.spec import HostFacts, IdRange

_MARK = "WHIT_NESTED"


def namespace_command(words: tuple[str, ...], host: HostFacts) -> tuple[str, ...]:
    """The command that runs `words` as root of a user namespace."""
    ids = ("--map-root-user",) if host.has_single_id else ("--map-root-user", "--map-auto")
    return (find_program("unshare") or "unshare", "--user", *ids, "--mount", "--", *words)


def enter_namespace(arguments: tuple[str, ...]) -> None:
    """Become root of a namespace, in place of this process, unless we are root of something.

    Errors: RuntimeFailed. Does not return when it enters.
    """
    if os.geteuid() == 0 or os.environ.get(_MARK):
        return
    host = read_host()
    tried = namespace_command(("true",), host)
    try:
        done = subprocess.run(tried, capture_output=True, text=True, check=False)
    except OSError as error:
        raise _refusal(str(error)) from error
    if done.returncode:
        raise _refusal(done.stderr)
    words = (sys.executable, "-m", "whit.cli.entry", *arguments)
    command = namespace_command(words, host)
    os.execve(command[0], command, os.environ | {_MARK: "1"})  # noqa: S606


def _refusal(said: str) -> RuntimeFailed:
    return RuntimeFailed(
        "this user may not make user namespaces, and whoever is not root builds in one",
        hint="`whit doctor` says what to change here; or build as root",
        output=said.strip(),
    )


def step_host() -> HostFacts:
    """The facts for steps. Inside a namespace nothing more is mapped, and cgroups are not ours."""
    host = read_host()
    if host.is_root or os.geteuid():
        return host
    if not may_give_away():
        return HostFacts(0, 0, is_root=False)
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
