"""Evidence, Need, Entry, Plan: what must be in the image, why, and which file satisfies it."""

from enum import StrEnum

import msgspec

from whit.model.names import Platform
from whit.model.tree import Node, Tree


class Standing(StrEnum):
    """What a need's rule concluded about this program.

    declared     the user said so
    required     the program fails without it
    optional     something degrades; the note says what
    runtime      the container engine mounts it; never image content
    assumed-not  the code is linked, but nothing was seen to use it; the note prints the assumption
    absent       the code is not linked: proof
    embedded     the program carries it
    """

    DECLARED = "declared"
    REQUIRED = "required"
    OPTIONAL = "optional"
    RUNTIME = "runtime"
    ASSUMED_NOT = "assumed-not"
    ABSENT = "absent"
    EMBEDDED = "embedded"

    @property
    def is_provided(self) -> bool:
        """Whether the plan must satisfy it."""
        return self in (Standing.DECLARED, Standing.REQUIRED)


class Evidence(msgspec.Struct, frozen=True):
    """One sentence that anyone can check.

    `kind` is function, caller, constant, library, symbol, build-info, flag, file or assumption;
    `where` is the thing itself (a function name, a quoted constant, a flag); `chain` is the way
    from main.
    """

    kind: str
    where: str
    chain: tuple[str, ...] = ()


class What(msgspec.Struct, frozen=True, order=True):
    """One thing that must exist, named so that a provider can recognise it.

    kind            names
    ca-roots        paths of extra PEM files on the host
    zones           IANA names, or none for all of them
    zones-of-program  IANA names that stand in the program
    users           -
    tmp             -, or one path that is not /tmp
    home            -
    nsswitch        -
    file            one path
    directory       one path
    program         one executable's name or path
    tree            one directory of a root, with everything below it
    library         one path of a root, with the links that lead there; a bare name is in no root
    beside          a path in the image, and the path of a file that lies by the program
    licence         a path of a root, for the copyright file of the package that owns it
    link            a path in the image and its target
    loader-cache    an architecture, then NAME=PATH for every library that ld.so.cache must name

    `why` is the reason for just this one, where the need has several; else the need's own.
    """

    kind: str
    names: tuple[str, ...] = ()
    why: str = ""


class Need(msgspec.Struct, frozen=True):
    """A rule's conclusion. `what` is empty unless something has to be provided."""

    code: str
    title: str
    standing: Standing
    what: tuple[What, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    note: str = ""


class Entry(msgspec.Struct, frozen=True):
    """One path of the image, what put it there and where its bytes come from.

    `package` is the distribution's package that published exactly these bytes: NAME VERSION.
    """

    path: str
    node: Node
    code: str
    provider: str
    reason: str
    is_program: bool = False
    package: str = ""


class Provided(msgspec.Struct, frozen=True):
    """One path that a provider has for a need. `source` says where its bytes come from; `package`
    is set only where they are those that a package published.
    """

    path: str
    node: Node
    source: str
    package: str = ""


class Dropped(msgspec.Struct, frozen=True):
    """Something that was not taken, with the rule and the reason."""

    what: str
    code: str
    standing: Standing
    reason: str


class Health(msgspec.Struct, frozen=True):
    """How an engine asks whether the program is well."""

    command: tuple[str, ...]
    interval_seconds: int = 30
    timeout_seconds: int = 5
    start_seconds: int = 0


class RunConfig(msgspec.Struct, frozen=True):
    """How the image starts: the part of an OCI image config that a plan decides."""

    platform: Platform
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    user: str = "65532:65532"
    working_dir: str = "/"
    ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    stop_signal: str = ""
    health: Health | None = None
    labels: tuple[tuple[str, str], ...] = ()
    annotations: tuple[tuple[str, str], ...] = ()


class Plan(msgspec.Struct, frozen=True):
    """Everything the image will hold, and everything it will not."""

    entries: tuple[Entry, ...]
    config: RunConfig
    needs: tuple[Need, ...]
    dropped: tuple[Dropped, ...] = ()
    warnings: tuple[str, ...] = ()

    def tree(self, *, programs: bool | None = None) -> Tree:
        """The image's content; only the programs', or all but theirs, when asked."""
        chosen = (e for e in self.entries if programs is None or e.is_program is programs)
        return Tree.of({entry.path: entry.node for entry in chosen})
