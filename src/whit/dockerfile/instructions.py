"""The instructions of a Dockerfile as frozen values: every form, every flag. Types only; pure.

`whit.dockerfile.interpret` makes them from parsed lines. Text in them is as the file has it:
variables are expanded by `whit.dockerfile.steps.expand_step` when the environment is known.
"""

from enum import StrEnum
from typing import TypeAlias

import msgspec

from whit.dockerfile.places import Span


class Pair(msgspec.Struct, frozen=True):
    """`key=value` of ENV and LABEL; `is_legacy` for the old form `key value`."""

    key: str
    value: str
    is_legacy: bool = False


class Argument(msgspec.Struct, frozen=True):
    """One name of ARG. `value` None: declared without one. `is_final`: not to be expanded,
    as it came from --build-arg or from an ARG before the first FROM.
    """

    name: str
    value: str | None = None
    is_final: bool = False


class Heredoc(msgspec.Struct, frozen=True):
    """`<<NAME` and the lines up to NAME, each with its line end.

    `expands`: the name was not quoted; `chomps`: written `<<-`, leading tabs do not count.
    `content` is as the file has it, tabs included.
    """

    name: str
    content: str
    expands: bool = True
    chomps: bool = False
    descriptor: int = 0


class InlineFile(msgspec.Struct, frozen=True):
    """A heredoc as a source of COPY or ADD: chomped, and expanded once the step is."""

    name: str
    content: str
    expands: bool = True


class CommandLine(msgspec.Struct, frozen=True):
    """What RUN, CMD and ENTRYPOINT say: a JSON array, or one text for the shell."""

    words: tuple[str, ...]
    is_shell: bool
    heredocs: tuple[Heredoc, ...] = ()


# ---- mounts of RUN ----------------------------------------------------------------------------


class Sharing(StrEnum):
    """What two builds do that want one cache mount at once."""

    SHARED = "shared"
    PRIVATE = "private"
    LOCKED = "locked"


class Owner(msgspec.Struct, frozen=True):
    """uid, gid and mode of a mount's file or directory; None is the default of its kind."""

    uid: int | None = None
    gid: int | None = None
    mode: int | None = None


class BindMount(msgspec.Struct, frozen=True):
    """`origin` "" is the build context. `target` "" is the working directory.

    Writes of a mount that is not read-only are thrown away.
    """

    target: str
    origin: str = ""
    source: str = "/"
    is_read_only: bool = True


class CacheMount(msgspec.Struct, frozen=True):
    """A directory that outlives the build. `origin` and `source` say its first content.

    A new one is 0755 0:0, or what `owner` says when `source` is the root.
    """

    target: str
    id: str
    sharing: Sharing = Sharing.SHARED
    origin: str = ""
    source: str = "/"
    is_read_only: bool = False
    owner: Owner = Owner()


class TmpfsMount(msgspec.Struct, frozen=True):
    """`size_bytes` 0: the kernel's default."""

    target: str
    size_bytes: int = 0
    is_read_only: bool = False


class SecretMount(msgspec.Struct, frozen=True):
    """A secret as a file (`target`, 0400 0:0 by default), as a variable (`variable`), or both.

    `target` "" means no file. Without a value, a secret that is not required is no file and "".
    """

    id: str
    target: str
    variable: str = ""
    is_required: bool = False
    owner: Owner = Owner()


class SshMount(msgspec.Struct, frozen=True):
    """The agent's socket, 0600 0:0 by default, and SSH_AUTH_SOCK naming it.

    `target` "" is /run/buildkit/ssh_agent.N, N counting a step's agents from 0.
    """

    id: str = "default"
    target: str = ""
    is_required: bool = False
    owner: Owner = Owner()


Mount: TypeAlias = BindMount | CacheMount | TmpfsMount | SecretMount | SshMount


class MountText(msgspec.Struct, frozen=True):
    """A `--mount` as written, split at its commas; variables may still stand in the values.

    `origin` is its `from`, which takes no variables.
    """

    fields: tuple[str, ...]
    origin: str = ""


# ---- the instructions ---------------------------------------------------------------------------


class Instruction(msgspec.Struct, frozen=True, kw_only=True):
    """`word` as written; `text` the logical line; `comments` the block right above it."""

    span: Span
    word: str
    text: str
    comments: tuple[str, ...] = ()


class From(Instruction, frozen=True, kw_only=True):
    """`name` is lower case; `written_name` and `as_word` are as written, for lint."""

    image: str
    name: str = ""
    platform: str = ""
    as_word: str = ""
    written_name: str = ""


class Arg(Instruction, frozen=True, kw_only=True):
    arguments: tuple[Argument, ...]


class Env(Instruction, frozen=True, kw_only=True):
    pairs: tuple[Pair, ...]


class Label(Instruction, frozen=True, kw_only=True):
    pairs: tuple[Pair, ...]


class Run(Instruction, frozen=True, kw_only=True):
    """`mounts` as written; `resolved` once expanded, in the same order."""

    command: CommandLine
    mounts: tuple[MountText, ...] = ()
    resolved: tuple[Mount, ...] = ()
    network: str = "default"  # default, none, host
    security: str = "sandbox"  # sandbox, insecure
    devices: tuple[str, ...] = ()


class Transfer(Instruction, frozen=True, kw_only=True):
    """What COPY and ADD share. `destination` is as written: a trailing slash means something."""

    sources: tuple[str, ...]
    files: tuple[InlineFile, ...] = ()
    destination: str
    chown: str = ""
    chmod: str = ""
    is_linked: bool = False
    excludes: tuple[str, ...] = ()


class Copy(Transfer, frozen=True, kw_only=True):
    """`origin` is --from: a stage's name or number, a context, an image; "" the build context."""

    origin: str = ""
    keeps_parents: bool = False


class Add(Transfer, frozen=True, kw_only=True):
    """`unpacks` None: local archives yes, downloads no. `keeps_git` None: as the URL says."""

    checksum: str = ""
    unpacks: bool | None = None
    keeps_git: bool | None = None


class Cmd(Instruction, frozen=True, kw_only=True):
    command: CommandLine


class Entrypoint(Instruction, frozen=True, kw_only=True):
    command: CommandLine


class Shell(Instruction, frozen=True, kw_only=True):
    words: tuple[str, ...]


class Healthcheck(Instruction, frozen=True, kw_only=True):
    """`test` is ("NONE",), ("CMD", …) or ("CMD-SHELL", text); times are 0 when not said."""

    test: tuple[str, ...]
    interval_ns: int = 0
    timeout_ns: int = 0
    start_period_ns: int = 0
    start_interval_ns: int = 0
    retries: int = 0


class Expose(Instruction, frozen=True, kw_only=True):
    """As written and sorted; `whit.dockerfile.ports` reads the words once they are expanded."""

    ports: tuple[str, ...]


class User(Instruction, frozen=True, kw_only=True):
    user: str


class Volume(Instruction, frozen=True, kw_only=True):
    paths: tuple[str, ...]


class Workdir(Instruction, frozen=True, kw_only=True):
    path: str


class StopSignal(Instruction, frozen=True, kw_only=True):
    signal: str


class OnBuild(Instruction, frozen=True, kw_only=True):
    """`trigger` is an instruction's text, heredocs included."""

    trigger: str


class Maintainer(Instruction, frozen=True, kw_only=True):
    author: str
