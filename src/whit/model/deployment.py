"""Deployed: what is to run somewhere, as a manifest has to know it.

The rule of the type: it says what an image is given and what it may do, and holds no value of a
secret.
"""

import re

import msgspec

from whit.model.contract import Contract, Variable
from whit.model.plan import Health
from whit.model.probe import Probe

# Below it a process without privileges needs to be told that it may listen.
FIRST_FREE_PORT = 1024
NOBODY = "65532:65532"


class Deployed(msgspec.Struct, frozen=True, kw_only=True):
    """`volumes` are paths that keep what is written, `scratch` those that need not, `written` the
    ones of them that hold what templates became. `by_file` are variables that may come from the
    file that NAME_FILE names. `capabilities` are those that a run was seen to use (NET_RAW).
    """

    name: str
    reference: str
    contract: Contract
    user: str = ""
    ports: tuple[tuple[int, str], ...] = ()
    volumes: tuple[str, ...] = ()
    scratch: tuple[str, ...] = ()
    written: tuple[str, ...] = ()
    by_file: tuple[str, ...] = ()
    health: Health | None = None
    probe: Probe | None = None
    command: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    working_dir: str = "/"
    stop_signal: str = ""
    capabilities: tuple[str, ...] = ()

    @property
    def plain(self) -> list[Variable]:
        """Variables that a deployment has to say something about and everybody may read."""
        return [v for v in self._wanted if not v.secret]

    @property
    def secret(self) -> list[Variable]:
        return [v for v in self._wanted if v.secret and v not in self.left_out]

    @property
    def left_out(self) -> list[Variable]:
        """Files of secrets that may be missing: where one is named, a start needs it."""
        return [v for v in self._wanted if v.secret and v.type == "file" and not v.required]

    @property
    def _wanted(self) -> list[Variable]:
        return [v for v in self.contract.env if v.required or v.secret or v.default is not None]

    @property
    def claims(self) -> list[str]:
        """Names of what keeps each volume."""
        return [f"{self.name}-{volume_name(path)}" for path in self.volumes]

    @property
    def is_root(self) -> bool:
        return self.user.partition(":")[0] in ("", "0", "root")

    @property
    def owner(self) -> tuple[str, str]:
        """User and group; nobody's in the place of root's."""
        uid, _, gid = (NOBODY if self.is_root else self.user).partition(":")
        return uid, gid

    @property
    def needs_low_port(self) -> bool:
        return any(port < FIRST_FREE_PORT for port, _ in self.ports)

    def file_variable(self, variable: Variable) -> str:
        """The variable that names a file instead, where one is read; else nothing, and for what may
        be missing: a variable can be unset, a file that is named has to be there.
        """
        if variable.type == "file":
            return variable.name
        if not variable.required:
            return ""
        file = f"{variable.name}_FILE"
        known = variable.name in self.by_file or self.contract.variable(file) is not None
        return file if known else ""


def volume_name(path: str) -> str:
    """A name that DNS takes (RFC 1123), for what is mounted at a path."""
    return re.sub(r"[^a-z0-9]+", "-", path.lower()).strip("-")[:60] or "data"
