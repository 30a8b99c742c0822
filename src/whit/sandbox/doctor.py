"""The host in, Findings out: what whit can do here and the command that mends the rest (a door)."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import msgspec

from whit.errors.sandbox import NoRuntime
from whit.sandbox.engine import How
from whit.sandbox.finding import find_runtime
from whit.sandbox.host import cgroup_mode, find_program, has_id_mappers, read_host

_LITTLE_SPACE_BYTES = 1 << 30
_ANSWER_SECONDS = 10
_NOT_BELOW_OVERLAYS = ("overlay", "nfs", "nfs4", "cifs", "smb3", "vfat", "exfat", "ntfs3")


class Finding(msgspec.Struct, frozen=True):
    """`status` is ok, limited or missing; `fix` is a command or "" when nothing needs mending."""

    name: str
    status: str
    detail: str
    fix: str = ""


def examine_host(store: Path, cache: Path | None = None) -> tuple[Finding, ...]:
    """Look at everything whit uses. `store` may not exist yet.

    With `cache` the runtime that builds remember is shown; without, they are all tried afresh.
    """
    import tempfile  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="whit-doctor-") as fresh:
        runtime = _runtime(cache or Path(fresh))
    return (
        _python(),
        _go(),
        runtime,
        _user_namespaces(),
        _subordinate_ids(),
        _cgroups(),
        _docker(),
        _disk(store),
        *([_cache(cache)] if cache else []),
        _foreign_platforms(),
    )


def _python() -> Finding:
    return Finding("Python", "ok", f"{platform.python_version()} at {sys.executable}")


def _go() -> Finding:
    go = find_program("go")
    if not go:
        detail = "not on PATH; whit installs one from the package index when it builds"
        return Finding("Go", "limited", detail, "apt-get install golang-go")
    version = _answer_of([go, "env", "GOVERSION"])
    if not version:
        return Finding("Go", "missing", f"{go} does not work", "apt-get install --reinstall golang")
    return Finding("Go", "ok", f"{version} at {go}")


def _runtime(cache: Path) -> Finding:
    try:
        found = find_runtime(cache, is_root=read_host().is_root)
    except NoRuntime as error:
        installed = find_program("crun") or find_program("runc")
        fix = "apt-get install crun" if not installed else "apt-get install runc"
        return Finding("Runtime", "missing", error.output or error.message, fix)
    lines = _answer_of([found.path, "--version"])
    detail = f"{lines or found.name} at {found.path}"
    if found.how is How.PLAIN:
        return Finding("Runtime", "ok", detail)
    detail += ", with cgroups off: no memory or process limits"
    return Finding("Runtime", "limited", detail, "boot with systemd.unified_cgroup_hierarchy=1")


def _user_namespaces() -> Finding:
    host, name = read_host(), "User namespaces"
    if host.is_root:
        return Finding(name, "ok", "not needed as root")
    unshare = find_program("unshare")
    if unshare and _works([unshare, "--user", "--map-root-user", "true"]):
        return Finding(name, "ok", "this user can make them")
    fix = "sysctl -w kernel.unprivileged_userns_clone=1 user.max_user_namespaces=15000"
    if Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns").exists():
        fix = "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
    return Finding(name, "missing", "this user cannot make them: `whit run` needs root", fix)


def _subordinate_ids() -> Finding:
    host, name = read_host(), "Subordinate ids"
    if host.is_root:
        return Finding(name, "ok", "not needed as root")
    if not host.has_single_id:
        count = sum(part.size for part in host.uid_ranges)
        return Finding(name, "ok", f"{count} user ids")
    if not has_id_mappers():
        detail = "newuidmap and newgidmap are missing: every program runs as id 0 inside"
        return Finding(name, "limited", detail, "apt-get install uidmap")
    detail = "none for this user: every program runs as id 0 inside, without capabilities"
    who = os.environ.get("USER") or str(os.getuid())
    fix = f"usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {who}"
    return Finding(name, "limited", detail, fix)


def _cgroups() -> Finding:
    mode, host = cgroup_mode(), read_host()
    if mode == "none":
        return Finding(
            "Cgroups", "limited", "not mounted: no limits", "mount them at /sys/fs/cgroup"
        )
    if not host.is_root:
        return Finding("Cgroups", "limited", f"{mode}; limits need root", "run as root for limits")
    if mode != "v2":
        fix = "boot with systemd.unified_cgroup_hierarchy=1"
        return Finding("Cgroups", "limited", f"{mode}: crun has to do without", fix)
    return Finding("Cgroups", "ok", mode)


def _docker() -> Finding:
    docker = find_program("docker")
    if not docker:
        detail = "no docker command: docker-daemon: destinations do not work; nothing else needs it"
        return Finding("Docker", "limited", detail, "apt-get install docker.io")
    version = _answer_of([docker, "version", "--format", "{{.Server.Version}}"])
    if not version:
        return Finding("Docker", "limited", "no daemon answers", "systemctl start docker")
    return Finding("Docker", "ok", f"daemon {version}")


def _disk(store: Path) -> Finding:
    place = store
    while not place.exists() and place != place.parent:
        place = place.parent
    status = os.statvfs(place)
    free_bytes = status.f_bavail * status.f_frsize
    detail = f"{free_bytes / 1e9:.1f} GB free for {store}"
    if not os.access(place, os.W_OK):
        return Finding(
            "Store", "missing", f"{place} is not writable", "export WHIT_STORE=$HOME/whit"
        )
    if free_bytes < _LITTLE_SPACE_BYTES:
        return Finding("Store", "limited", detail, "whit images --prune")
    return Finding("Store", "ok", detail)


def _cache(cache: Path) -> Finding:
    """Steps of Dockerfiles are stacked there: not every file system lets overlayfs write on it."""
    mounts = [line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    above = {str(cache), *map(str, cache.parents)}
    # The last of those that are mounted at the longest path is the one that shows.
    place, kind = max(
        ((words[4], words[words.index("-") + 1]) for words in mounts if words[4] in above),
        key=lambda mount: len(mount[0]),
        default=("/", "unknown"),
    )
    if kind in _NOT_BELOW_OVERLAYS:
        detail = f"{place} is {kind}, on which RUN of a Dockerfile cannot stack files"
        fix = "export WHIT_CACHE=DIRECTORY on a volume or a tmpfs"
        return Finding("Cache", "limited", detail, fix)
    return Finding("Cache", "ok", f"{kind} for {cache}")


def _foreign_platforms() -> Finding:
    directory, name = Path("/proc/sys/fs/binfmt_misc"), "Other platforms"
    found = sorted(p.name.removeprefix("qemu-") for p in directory.glob("qemu-*"))
    if found:
        return Finding(name, "ok", "can run " + ", ".join(found))
    detail = "images for them are built and checked, and cannot be run"
    return Finding(name, "limited", detail, "apt-get install qemu-user-static binfmt-support")


def _answer_of(command: list[str]) -> str:
    """The first line a command prints; "" when it fails, is slow or says nothing."""
    try:
        done = subprocess.run(
            command, capture_output=True, check=False, timeout=_ANSWER_SECONDS, cwd="/"
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    lines = done.stdout.decode("utf-8", "replace").strip().splitlines()
    return lines[0] if lines and done.returncode == 0 else ""


def _works(command: list[str]) -> bool:
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=_ANSWER_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
