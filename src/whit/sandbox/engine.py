"""The ways to call crun and runc, as values: Runtime -> argv (pure)."""

from enum import StrEnum

import msgspec


class How(StrEnum):
    """The ways to start a container, best first.

    plain      the runtime as it is
    no-cgroups crun told to leave cgroups alone
    curtain    crun 1.8 refuses a host with hybrid cgroups even then; it does not look behind a
               mount namespace where they are covered (15 ms a start, where runc takes 42)
    """

    PLAIN = "plain"
    NO_CGROUPS = "no-cgroups"
    CURTAIN = "curtain"


class Runtime(msgspec.Struct, frozen=True):
    name: str
    path: str
    how: How

    def command(self, state: str, *words: str) -> list[str]:
        """The argv of one of the runtime's commands, with its state under `state`."""
        own = [self.path, "--root", state]
        if self.how is not How.PLAIN:
            own.append("--cgroup-manager=disabled")
        if self.how is How.CURTAIN:
            cover = 'mount -t tmpfs -o ro whit /sys/fs/cgroup && exec "$@"'
            own = ["unshare", "--mount", "sh", "-c", cover, "sh", *own]
        return [*own, *words]

    @property
    def uncovered(self) -> "Runtime":
        """The same for a caller who covers the cgroups himself."""
        return Runtime(self.name, self.path, How.NO_CGROUPS) if self.is_curtained else self

    @property
    def is_curtained(self) -> bool:
        return self.how is How.CURTAIN

    @property
    def has_cgroups(self) -> bool:
        return self.how is How.PLAIN
