"""One step of a build in, its Outcome and what it wrote out: RUN, as BuildKit runs it (a door).

    lower directories ─overlay─▶ rootfs ─crun, runc─▶ upper directory: what the step changed

The mounts live in a mount namespace of the step alone and end with it. Mount points that did not
exist before are taken out of the upper directory again; /dev, /proc and /sys stay, as with docker.
"""

import os
import platform
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from whit.layer.stack import Stack
from whit.sandbox.again import Again, again_command, write_again
from whit.sandbox.document import (
    Capabilities,
    Linux,
    MountPoint,
    Namespace,
    Process,
    Root,
    RuntimeDocument,
    User,
)
from whit.sandbox.engine import Runtime
from whit.sandbox.limiting import Hold, holding, limits_text
from whit.sandbox.overlay import Overlay, Secret, prefix_of
from whit.sandbox.runtime import Call, Capture, Outcome, read_output
from whit.sandbox.seccomp import seccomp_of
from whit.sandbox.spec import (
    CAPABILITIES,
    MASKED_PATHS,
    OCI_VERSION,
    READONLY_PATHS,
    Account,
    HostFacts,
    Limits,
    Network,
    runtime_bytes,
)
from whit.sandbox.stopper import Stopper
from whit.sandbox.stubs import make_kernel_directories, missing, remove_stubs
from whit.sandbox.workspace import Workspace

HOSTNAME = "buildkitsandbox"
_HOSTS = f"127.0.0.1\tlocalhost {HOSTNAME}\n::1\tlocalhost ip6-localhost ip6-loopback\n"
_RESOLVED = "/run/systemd/resolve/resolv.conf"
_KEPT_BYTES = 1 << 16
_GREATEST_FILE_BYTES = 1 << 20


class StepMount(msgspec.Struct, frozen=True):
    """Seen inside at `target`: a host path, an overlay of `lower` that takes writes and forgets
    them, `secret` bytes that stay in memory, or an empty tmpfs where nothing is named.
    """

    target: str
    host: str = ""
    lower: tuple[str, ...] = ()
    secret: bytes | None = None
    read_only: bool = False
    size_bytes: int = 0
    mode: int = 0o400
    uid: int = 0
    gid: int = 0


class StepRequest(msgspec.Struct, frozen=True):
    """What to run on which layers. `upper` and `work` are empty directories of one file system."""

    args: tuple[str, ...]
    env: tuple[tuple[str, str], ...]
    lower: tuple[str, ...]
    upper: str
    work: str
    working_dir: str = "/"
    account: Account = Account()
    network: Network = Network.HOST
    mounts: tuple[StepMount, ...] = ()
    title: str = ""
    limits: Limits = Limits()
    # Variables that hold secrets: they are in no file that outlives the step.
    secret_env: tuple[tuple[str, str], ...] = ()


class _Inner(msgspec.Struct, frozen=True):
    """What the step's own mount namespace holds besides overlays, and the cgroups it joins."""

    secrets: tuple[Secret, ...] = ()
    groups: tuple[str, ...] = ()


class _Place(msgspec.Struct, frozen=True):
    """Where a mount comes from: what is mounted for it before, and the host's path."""

    mount: StepMount
    host: str
    overlay: Overlay | None = None


def run_step(
    request: StepRequest,
    runtime: Runtime,
    workspace: Workspace,
    host: HostFacts,
    sink: Callable[[bytes], None],
    stopper: Stopper,
) -> Outcome:
    """Run it; every piece of output goes to `sink` as it comes, the last of it is in the Outcome.

    A step that fails leaves the workspace for an hour, with what opens a shell where it began.
    Raises CannotStart, RuntimeFailed.
    """
    limits = request.limits
    with holding(limits, runtime, host, workspace.name) as hold:
        if hold.how:
            sink(f"whit: {limits_text(limits)}, held by {hold.how}\n".encode())
        return _run(request, runtime, workspace, host, hold, _Talk(sink, stopper))


class _Talk(msgspec.Struct, frozen=True):
    """Who hears the step's output, and who may end it."""

    sink: Callable[[bytes], None]
    stopper: Stopper


def _run(
    request: StepRequest,
    runtime: Runtime,
    workspace: Workspace,
    host: HostFacts,
    hold: Hold,
    talk: _Talk,
) -> Outcome:
    stopper = talk.stopper
    below = Stack(request.lower)
    places = tuple(_placed(n, mount, workspace) for n, mount in enumerate(request.mounts))
    files = _files(workspace)
    stubs = missing(
        below, [place.mount.target for place in places] + [f.destination for f in files]
    )
    make_kernel_directories(Path(request.upper), below)
    mounts = (*_kernel_mounts(host, request.network), *files, *map(_mount_point, places))
    document = _document(request, host, mounts, str(workspace.rootfs), hold)
    config = workspace.document
    config.touch(0o600)
    config.write_bytes(runtime_bytes(document))
    secrets, descriptors = _secrets(places, workspace)
    try:
        prefix = _prefix(request, places, workspace, runtime, host, _Inner(secrets, hold.members))
        call = Call(runtime, workspace, prefix, descriptors)
        capture = Capture(_KEPT_BYTES, sink=talk.sink)
        started = time.monotonic()
        try:
            with stopper.watching(call.kill):
                process = call.start(capture, terminal=False)
                output, dropped = read_output(process, capture)
                status = process.wait()
        finally:
            call.end()
        seconds = time.monotonic() - started
    finally:
        config.unlink()
        for descriptor in descriptors:
            os.close(descriptor)
    status = 128 - status if status < 0 else status
    if status and not stopper.is_stopped:
        # On a full disk there is nothing to replay; how the step failed is said all the same.
        with suppress(OSError):
            _write_again(request, document, places, runtime, workspace, host)
            workspace.keep()
        call.raise_complaint(request.args[0], again_command(workspace.name))
    if not status:
        remove_stubs(Path(request.upper), below, stubs)
    return Outcome(status, seconds, output, dropped)


# ---- the document ---------------------------------------------------------------------------


def _document(
    request: StepRequest,
    host: HostFacts,
    mounts: tuple[MountPoint, ...],
    rootfs: str,
    hold: Hold,
) -> RuntimeDocument:
    account = request.account
    groups = () if host.has_single_id else tuple(sorted({account.gid, *account.groups}))
    kinds = ["pid", "ipc", "uts", "mount"]
    if request.network is Network.NONE:
        kinds.append("network")
    return RuntimeDocument(
        oci_version=OCI_VERSION,
        process=Process(
            # The own group is among the further ones, as with docker: without it, a program that
            # gives up its group would gain what is open to all but that group.
            user=User(account.uid, account.gid, groups),
            args=request.args,
            cwd=request.working_dir,
            env=tuple(
                f"{name}={value}"
                for name, value in (*_home(request), *request.env, *request.secret_env)
            ),
            # For every user: the kernel takes them from whoever is not root inside.
            capabilities=Capabilities(CAPABILITIES, CAPABILITIES, CAPABILITIES),
            rlimits=hold.rlimits,
        ),
        root=Root(rootfs),
        hostname=HOSTNAME,
        mounts=mounts,
        linux=Linux(
            namespaces=tuple(Namespace(kind) for kind in kinds),
            resources=hold.resources,
            seccomp=seccomp_of(platform.machine()),
            masked_paths=MASKED_PATHS if host.is_root else (),
            readonly_paths=READONLY_PATHS if host.is_root else (),
        ),
    )


def _home(request: StepRequest) -> tuple[tuple[str, str], ...]:
    """Runtimes differ in what they say of a user that passwd does not know."""
    if any(name == "HOME" for name, _ in request.env):
        return ()
    return (("HOME", request.account.home or "/"),)


def _kernel_mounts(host: HostFacts, network: Network) -> tuple[MountPoint, ...]:
    quiet = ("nosuid", "noexec", "nodev")
    terminals: tuple[str, ...] = ("nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620")
    terminals += () if host.has_single_id else ("gid=5",)
    bound = not host.is_root and network is not Network.NONE
    return (
        MountPoint("/proc", "proc", "proc", quiet),
        MountPoint("/dev", "tmpfs", "tmpfs", ("nosuid", "strictatime", "mode=755", "size=65536k")),
        MountPoint("/dev/pts", "devpts", "devpts", terminals),
        MountPoint("/dev/shm", "shm", "tmpfs", (*quiet, "mode=1777", "size=65536k")),
        MountPoint("/dev/mqueue", "mqueue", "mqueue", quiet),
        MountPoint("/sys", "/sys", "none", ("rbind", *quiet, "ro"))
        if bound
        else MountPoint("/sys", "sysfs", "sysfs", (*quiet, "ro")),
    )


def _files(workspace: Workspace) -> tuple[MountPoint, ...]:
    """Hosts and resolv.conf, which no step may write."""
    directory = workspace.path / "etc"
    directory.mkdir(exist_ok=True)
    options = ("rbind", "ro", "nosuid", "noexec", "nodev")
    found = []
    for name, text in (("resolv.conf", _resolvers()), ("hosts", _HOSTS)):
        path = directory / name
        path.write_text(text)
        path.chmod(0o644)
        found.append(MountPoint(f"/etc/{name}", str(path), "bind", options))
    return tuple(found)


def _resolvers() -> str:
    """The host's; where it only names systemd's own, those that systemd asks."""
    text = _read("/etc/resolv.conf")
    servers = [line.split()[1] for line in text.splitlines() if line.startswith("nameserver ")]
    if servers == ["127.0.0.53"]:
        return _read(_RESOLVED) or text
    return text


def _read(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return file.read(_GREATEST_FILE_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""


# ---- mounts ---------------------------------------------------------------------------------


def _placed(number: int, mount: StepMount, workspace: Workspace) -> _Place:
    if mount.secret is not None:
        return _Place(mount, f"{workspace.path}/memory/{number}")
    if not mount.lower:
        return _Place(mount, mount.host)
    if mount.read_only and len(mount.lower) == 1:
        return _Place(mount, mount.lower[0] + mount.host)
    base = f"{workspace.path}/mount-{number}"
    for name in ("at", "upper", "work"):
        os.makedirs(f"{base}/{name}")
    at = f"{base}/at"
    writable = "" if mount.read_only else f"{base}/upper"
    overlay = Overlay(mount.lower, at, writable, f"{base}/work" if writable else "")
    return _Place(mount, at + mount.host, overlay)


def _mount_point(place: _Place) -> MountPoint:
    mount = place.mount
    if place.host:
        access = "ro" if mount.read_only else "rw"
        return MountPoint(mount.target, place.host, "bind", ("rbind", "rprivate", access))
    options: tuple[str, ...] = ("nosuid", "nodev", "mode=1777")
    if mount.size_bytes:
        options += (f"size={mount.size_bytes}",)
    return MountPoint(mount.target, "tmpfs", "tmpfs", options)


def _secrets(
    places: tuple[_Place, ...], workspace: Workspace
) -> tuple[tuple[Secret, ...], tuple[int, ...]]:
    """Secrets as open files in memory, never on a disk."""
    found = []
    for place in places:
        mount = place.mount
        if mount.secret is not None:
            descriptor = os.memfd_create("secret")
            with os.fdopen(os.dup(descriptor), "wb") as file:
                file.write(mount.secret)
            os.lseek(descriptor, 0, os.SEEK_SET)
            found.append(Secret(descriptor, place.host, mount.mode, mount.uid, mount.gid))
    (workspace.path / "memory").mkdir(exist_ok=True)
    return tuple(found), tuple(secret.descriptor for secret in found)


def _prefix(
    request: StepRequest,
    places: tuple[_Place, ...],
    workspace: Workspace,
    runtime: Runtime,
    host: HostFacts,
    inner: _Inner,
) -> tuple[str, ...]:
    root = Overlay(request.lower, str(workspace.rootfs), request.upper, request.work)
    overlays = (root, *(place.overlay for place in places if place.overlay))
    return prefix_of(
        overlays,
        str(workspace.path / "runtime.log"),
        groups=inner.groups,
        memory=str(workspace.path / "memory") if inner.secrets else "",
        secrets=inner.secrets,
        is_nested=not host.is_root,
        is_covered=runtime.is_curtained,
    )


def _write_again(
    request: StepRequest,
    document: RuntimeDocument,
    places: tuple[_Place, ...],
    runtime: Runtime,
    workspace: Workspace,
    host: HostFacts,
) -> None:
    """What `whit debug` starts: a shell on a fresh copy of what the step began with; without
    secrets.
    """
    base = workspace.path / "shell"
    for name in ("upper", "work", "bundle", "state"):
        (base / name).mkdir(parents=True)
    kept = tuple(place for place in places if place.mount.secret is None)
    hidden = {place.mount.target for place in places} - {place.mount.target for place in kept}
    env = tuple(f"{name}={value}" for name, value in (*_home(request), *request.env))
    process = msgspec.structs.replace(document.process, args=("/bin/sh",), env=env, terminal=True)
    mounts = tuple(mount for mount in document.mounts if mount.destination not in hidden)
    shell = msgspec.structs.replace(document, process=process, mounts=mounts)
    (base / "bundle" / "config.json").write_bytes(runtime_bytes(shell))
    fresh = msgspec.structs.replace(request, upper=str(base / "upper"), work=str(base / "work"))
    prefix = _prefix(fresh, kept, workspace, runtime, host, _Inner())
    command = runtime.uncovered.command(
        str(base / "state"), "run", "--bundle", str(base / "bundle")
    )
    words = (*prefix, *command, f"{workspace.name}-again")
    write_again(workspace.path, Again(request.title, words, str(base / "bundle")))
