"""RunRequest and HostFacts in, the OCI runtime document out: how a container is confined.

The defaults are docker's, so that a program that runs here runs there: the same capabilities,
masked paths, mounts and environment. Pure: the same request gives the same bytes.
"""

from enum import StrEnum

import msgspec

from whit.errors.sandbox import BadRunOption
from whit.sandbox.document import (
    Capabilities,
    DeviceRule,
    IdMapping,
    Linux,
    Memory,
    MountPoint,
    Namespace,
    Pids,
    Process,
    ResourceLimit,
    Resources,
    Root,
    RuntimeDocument,
    User,
)

OCI_VERSION = "1.0.2"  # what runc 1.1 and crun 1.8 (Debian 12) both read
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# docker's fourteen (moby oci/caps/defaults.go).
CAPABILITIES = (
    "CAP_AUDIT_WRITE",
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_MKNOD",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_RAW",
    "CAP_SETFCAP",
    "CAP_SETGID",
    "CAP_SETPCAP",
    "CAP_SETUID",
    "CAP_SYS_CHROOT",
)
MASKED_PATHS = (
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
)
READONLY_PATHS = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
# (type, major, minor) of null, zero, full, random, urandom, tty, the pty master and its slaves.
_DEVICES = (
    ("c", 1, 3),
    ("c", 1, 5),
    ("c", 1, 7),
    ("c", 1, 8),
    ("c", 1, 9),
    ("c", 5, 0),
    ("c", 5, 2),
    ("c", 136, None),
)


class Network(StrEnum):
    """host: the host's own; private: loopback and published ports; none: loopback alone."""

    HOST = "host"
    PRIVATE = "private"
    NONE = "none"


class Port(msgspec.Struct, frozen=True):
    """TCP connections to `address`:`host` outside reach `container` inside."""

    host: int
    container: int
    address: str = ""


class Mount(msgspec.Struct, frozen=True):
    """A host path seen inside at `container`."""

    host: str
    container: str
    read_only: bool = False


class Account(msgspec.Struct, frozen=True):
    """Who runs: numbers only. `home` is "" when passwd does not know the user."""

    uid: int = 0
    gid: int = 0
    groups: tuple[int, ...] = ()
    home: str = ""


class Limits(msgspec.Struct, frozen=True):
    """Zero means no limit. `seconds` ends the run with SIGKILL."""

    memory_bytes: int = 0
    pids: int = 0
    seconds: float = 0


class RunRequest(msgspec.Struct, frozen=True):
    """One run; `args` is never empty.

    `rootfs` and `account` are what `run_image` finds out: a private directory on the host, and who
    `user` (`name`, `uid`, either with `:group`) is in it.
    """

    args: tuple[str, ...]
    user: str = ""
    rootfs: str = ""
    env: tuple[tuple[str, str], ...] = ()
    account: Account = Account()
    working_dir: str = "/"
    read_only: bool = False
    network: Network = Network.HOST
    ports: tuple[Port, ...] = ()
    mounts: tuple[Mount, ...] = ()
    tmpfs: tuple[str, ...] = ()
    hostname: str = "whit"
    terminal: bool = False
    limits: Limits = Limits()


class IdRange(msgspec.Struct, frozen=True):
    """A line of /etc/subuid or /etc/subgid that belongs to the caller."""

    start: int
    size: int


class HostFacts(msgspec.Struct, frozen=True):
    """What the document depends on besides the request.

    `uid_ranges` and `gid_ranges` are empty as root, and where the user has no subordinate ids:
    then one id exists inside, 0, and it is the caller.
    """

    uid: int = 0
    gid: int = 0
    is_root: bool = True
    uid_ranges: tuple[IdRange, ...] = ()
    gid_ranges: tuple[IdRange, ...] = ()
    has_cgroup_limits: bool = False

    @property
    def has_single_id(self) -> bool:
        return not self.is_root and not (self.uid_ranges and self.gid_ranges)


def parse_port(text: str) -> Port:
    """`8080`, `8080:80`, `127.0.0.1:8080:80`, each with an optional `/tcp`."""
    body, _, protocol = text.partition("/")
    parts = body.rsplit(":", 2)
    address = parts.pop(0) if len(parts) == 3 else ""
    good = protocol in ("", "tcp") and (address or body.count(":") < 2)
    if good and all(part.isascii() and part.isdigit() and len(part) < 6 for part in parts):
        port = Port(int(parts[0]), int(parts[-1]), address.strip("[]"))
        if 0 < port.host < 65536 and 0 < port.container < 65536:
            return port
    raise BadRunOption(
        f"-p {text!r} is no port to publish",
        hint="write -p 8080:80 or -p 127.0.0.1:8080:80; TCP only",
    )


def parse_mount(text: str, here: str) -> Mount:
    """`HOST:INSIDE` or `HOST:INSIDE:ro`; a relative host path starts at the directory `here`."""
    parts = text.split(":")
    options = parts[2].split(",") if len(parts) == 3 else []
    if (
        len(parts) not in (2, 3)
        or not parts[0]
        or not parts[1].startswith("/")
        or any(word not in ("ro", "rw", "z", "Z") for word in options)
    ):
        raise BadRunOption(
            f"-v {text!r} is no mount",
            hint="write -v HOST:INSIDE or -v HOST:INSIDE:ro, the inner path absolute",
        )
    host = parts[0] if parts[0].startswith("/") else f"{here.rstrip('/')}/{parts[0]}"
    return Mount(host, parts[1], "ro" in options)


def parse_memory(text: str, option: str = "--memory") -> int:
    """`64m` -> bytes; "" is no limit."""
    if not text:
        return 0
    scale = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}.get(text[-1].lower(), 1)
    digits = text[:-1] if scale > 1 else text
    if not digits.isdigit():
        raise BadRunOption(f"{option} {text!r} is no size", hint="write 64m, 512m or 1g")
    return int(digits) * scale


def network_of(asked: str, ports: tuple[Port, ...]) -> Network:
    """What the user asked for; else private when ports are published, else the host's."""
    if not asked:
        return Network.PRIVATE if ports else Network.HOST
    try:
        network = Network(asked)
    except ValueError:
        raise BadRunOption(
            f"--network {asked!r} is no network", hint="one of host, private, none"
        ) from None
    if network is Network.NONE and ports:
        raise BadRunOption(
            "--network none has no way in, and -p asks for one",
            hint="leave one of the two out",
        )
    return network


def account_inside(account: Account, host: HostFacts) -> Account:
    """The account as it can be on this host: with one id there is only 0."""
    return Account(home=account.home) if host.has_single_id else account


def environment_of(request: RunRequest) -> dict[str, str]:
    """The defaults of docker under the request's own; the last value of a name counts."""
    found = {"PATH": DEFAULT_PATH, "HOSTNAME": request.hostname}
    if request.terminal:
        found["TERM"] = "xterm"
    if request.account.home:
        found["HOME"] = request.account.home
    return found | dict(request.env)


def mappings_of(own: int, ranges: tuple[IdRange, ...], wanted: int) -> tuple[IdMapping, ...]:
    """0 is the caller, 1 and on are the subordinate ids; a `wanted` id beyond them takes the last.

    An arbitrary `--user 1000700000` needs no range that long: one spare id stands for it.
    """
    found = [IdMapping(0, own)]
    after = 1
    for part in ranges:
        found.append(IdMapping(after, part.start, part.size))
        after += part.size
    if wanted < after or not ranges:
        return tuple(found)
    last = found.pop()
    if last.size > 1:
        found.append(IdMapping(last.container, last.host, last.size - 1))
    found.append(IdMapping(wanted, last.host + last.size - 1))
    return tuple(found)


def runtime_document(
    request: RunRequest, host: HostFacts, files: tuple[Mount, ...] = ()
) -> RuntimeDocument:
    """`files` are bind mounts of the house itself: resolv.conf, hosts, hostname."""
    inside = account_inside(request.account, host)
    kept = () if host.has_single_id and request.account.uid else CAPABILITIES
    effective = kept if inside.uid == 0 else ()
    return RuntimeDocument(
        oci_version=OCI_VERSION,
        process=Process(
            user=User(inside.uid, inside.gid, () if host.has_single_id else inside.groups),
            args=request.args,
            cwd=request.working_dir or "/",
            env=tuple(f"{name}={value}" for name, value in environment_of(request).items()),
            terminal=request.terminal,
            capabilities=Capabilities(kept, effective, effective),
            no_new_privileges=not effective,
            rlimits=(ResourceLimit("RLIMIT_CORE", 0, 0),),
        ),
        root=Root(request.rootfs, request.read_only),
        hostname=request.hostname,
        mounts=_mounts_of(request, host, files),
        linux=Linux(
            namespaces=_namespaces_of(request, host),
            uid_mappings=() if host.is_root else _mapped(host.uid, host.uid_ranges, inside.uid),
            gid_mappings=() if host.is_root else _mapped(host.gid, host.gid_ranges, inside.gid),
            # docker's, so that a server of user 65532 may listen on port 80.
            sysctl={}
            if request.network is Network.HOST
            else {"net.ipv4.ip_unprivileged_port_start": "0"},
            resources=_resources_of(request.limits, host),
            masked_paths=MASKED_PATHS,
            readonly_paths=READONLY_PATHS,
        ),
    )


def runtime_bytes(document: RuntimeDocument) -> bytes:
    return msgspec.json.encode(document)


def _mapped(own: int, ranges: tuple[IdRange, ...], wanted: int) -> tuple[IdMapping, ...]:
    return mappings_of(own, ranges, wanted)


def _namespaces_of(request: RunRequest, host: HostFacts) -> tuple[Namespace, ...]:
    kinds = ["pid", "ipc", "uts", "mount"]
    if request.network is not Network.HOST:
        kinds.append("network")
    if not host.is_root:
        kinds.append("user")
    return tuple(Namespace(kind) for kind in kinds)


def _mounts_of(
    request: RunRequest, host: HostFacts, files: tuple[Mount, ...]
) -> tuple[MountPoint, ...]:
    quiet = ("nosuid", "noexec", "nodev")
    # Group 5 owns terminals by convention; with one id there is no such group to give them to.
    terminals: tuple[str, ...] = ("nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620")
    terminals += () if host.has_single_id else ("gid=5",)
    # Without a network namespace of its own a user namespace may not mount sysfs: bind the host's.
    bound_sys = not host.is_root and request.network is Network.HOST
    found = [
        MountPoint("/proc", "proc", "proc", quiet),
        MountPoint("/dev", "tmpfs", "tmpfs", ("nosuid", "strictatime", "mode=755", "size=65536k")),
        MountPoint("/dev/pts", "devpts", "devpts", terminals),
        MountPoint("/sys", "/sys", "none", ("rbind", *quiet, "ro"))
        if bound_sys
        else MountPoint("/sys", "sysfs", "sysfs", (*quiet, "ro")),
        MountPoint("/dev/mqueue", "mqueue", "mqueue", quiet),
        MountPoint("/dev/shm", "shm", "tmpfs", (*quiet, "mode=1777", "size=65536k")),
    ]
    found += [
        MountPoint(path, "tmpfs", "tmpfs", ("nosuid", "nodev", "mode=1777"))
        for path in request.tmpfs
    ]
    for mount in (*files, *request.mounts):
        access = "ro" if mount.read_only else "rw"
        found.append(MountPoint(mount.container, mount.host, "bind", ("rbind", "rprivate", access)))
    return tuple(found)


def _resources_of(limits: Limits, host: HostFacts) -> Resources | None:
    if not host.has_cgroup_limits:
        return None
    memory = Memory(limits.memory_bytes, limits.memory_bytes) if limits.memory_bytes else None
    pids = Pids(limits.pids) if limits.pids else None
    if not host.is_root:  # a user namespace cannot make devices: nothing to forbid
        return Resources(memory=memory, pids=pids) if memory or pids else None
    allowed = (DeviceRule(True, "rwm", kind, major, minor) for kind, major, minor in _DEVICES)
    return Resources((DeviceRule(False, "rwm"), *allowed), memory, pids)
