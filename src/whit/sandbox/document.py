"""The OCI runtime document (config.json) as typed values: what crun and runc read.

Only the parts that whit writes. Names follow the OCI runtime specification, in camel case on disk.
"""

import msgspec


class Document(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Base of all parts: camel case, and nothing written that was not said."""


class User(Document, frozen=True, rename="camel", omit_defaults=False):
    uid: int
    gid: int
    additional_gids: tuple[int, ...] = ()


class Capabilities(Document, frozen=True, rename="camel", omit_defaults=True):
    bounding: tuple[str, ...] = ()
    effective: tuple[str, ...] = ()
    permitted: tuple[str, ...] = ()


class ResourceLimit(Document, frozen=True, rename="camel", omit_defaults=False):
    type: str
    hard: int
    soft: int


class Process(Document, frozen=True, rename="camel", omit_defaults=True):
    user: User
    args: tuple[str, ...]
    cwd: str
    env: tuple[str, ...] = ()
    terminal: bool = False
    capabilities: Capabilities | None = None
    no_new_privileges: bool = False
    rlimits: tuple[ResourceLimit, ...] = ()


class Root(Document, frozen=True, rename="camel", omit_defaults=True):
    path: str
    readonly: bool = False


class MountPoint(Document, frozen=True, rename="camel", omit_defaults=True):
    destination: str
    source: str
    type: str = ""
    options: tuple[str, ...] = ()


class Namespace(Document, frozen=True, rename="camel", omit_defaults=True):
    type: str
    path: str = ""


class IdMapping(msgspec.Struct, frozen=True):
    """`size` ids from `container` on are `host`, `host` + 1, … outside."""

    container: int = msgspec.field(name="containerID")
    host: int = msgspec.field(name="hostID")
    size: int = 1


class Memory(Document, frozen=True, rename="camel", omit_defaults=True):
    limit: int = 0
    swap: int = 0


class Pids(Document, frozen=True, rename="camel", omit_defaults=True):
    limit: int = 0


class DeviceRule(Document, frozen=True, rename="camel", omit_defaults=True):
    allow: bool
    access: str = ""
    type: str = ""
    major: int | None = None
    minor: int | None = None


class Resources(Document, frozen=True, rename="camel", omit_defaults=True):
    devices: tuple[DeviceRule, ...] = ()
    memory: Memory | None = None
    pids: Pids | None = None


class SeccompArgument(Document, frozen=True, rename="camel", omit_defaults=False):
    """`value` is the mask where `op` compares under one, and `value_two` what must come out."""

    index: int
    value: int
    op: str
    value_two: int = 0


class SeccompRule(Document, frozen=True, rename="camel", omit_defaults=True):
    names: tuple[str, ...]
    action: str
    errno_ret: int | None = None
    args: tuple[SeccompArgument, ...] = ()


class Seccomp(Document, frozen=True, rename="camel", omit_defaults=True):
    default_action: str
    default_errno_ret: int
    architectures: tuple[str, ...]
    syscalls: tuple[SeccompRule, ...]


class Linux(Document, frozen=True, rename="camel", omit_defaults=True):
    namespaces: tuple[Namespace, ...]
    uid_mappings: tuple[IdMapping, ...] = ()
    gid_mappings: tuple[IdMapping, ...] = ()
    sysctl: dict[str, str] = {}
    resources: Resources | None = None
    seccomp: Seccomp | None = None
    masked_paths: tuple[str, ...] = ()
    readonly_paths: tuple[str, ...] = ()


class RuntimeDocument(Document, frozen=True, rename="camel", omit_defaults=True):
    oci_version: str
    process: Process
    root: Root
    linux: Linux
    hostname: str = ""
    mounts: tuple[MountPoint, ...] = ()
