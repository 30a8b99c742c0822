"""What a user says of a registry: where it answers, whom to trust, how long to wait."""

import msgspec


class RegistrySettings(msgspec.Struct, frozen=True, rename="kebab", forbid_unknown_fields=True):
    """`[registries."NAME"]` of whit.toml. `insecure` allows plain HTTP and any certificate; `ca`,
    `cert` and `key` are files in PEM. `mirrors` are hosts, or hosts with a path before the name.
    """

    mirrors: tuple[str, ...] = ()
    insecure: bool = False
    ca: str = ""
    cert: str = ""
    key: str = ""


class Patience(msgspec.Struct, frozen=True):
    """How often and how long temporary failures are met with another try."""

    tries: int = 8
    first_wait_seconds: float = 0.2
    budget_seconds: float = 60.0
    connect_seconds: float = 10.0
    stall_seconds: float = 60.0
