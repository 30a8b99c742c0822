"""A parsed line in, a typed instruction out: which words and flags each one takes. Pure."""

import re
from collections.abc import Callable

from whit.dockerfile import instructions as i
from whit.dockerfile.durations import read_duration
from whit.dockerfile.expand import SPACES
from whit.dockerfile.flags import Flags, FlagTable, Kind, did_you_mean, read_flags
from whit.dockerfile.mounts import read_mount_text
from whit.dockerfile.parser import Dockerfile, Node, heredoc_of, without_tabs
from whit.dockerfile.places import word_of
from whit.errors import WhitError
from whit.errors.dockerfile import BadDockerfile, BadInstruction

_STAGE_NAME = re.compile(r"[a-z][a-z0-9\-_.]*")
_ONBUILD = re.compile(rf"[{SPACES}]*ONBUILD[{SPACES}]*", re.IGNORECASE)
_NOT_TRIGGERS = ("ONBUILD", "MAINTAINER", "FROM")
MAX_RETRIES = 0x7FFFFFFF


def interpret(dockerfile: Dockerfile) -> tuple[i.Instruction, ...]:
    """Every line of a file. Errors: BadDockerfile, BadInstruction, with the place."""
    return tuple(_placed(dockerfile, node) for node in dockerfile.nodes)


def _placed(dockerfile: Dockerfile, node: Node) -> i.Instruction:
    try:
        return instruction_of(node)
    except WhitError as error:
        error.place = error.place or dockerfile.place(node.span, word_of(error.message))
        raise


def instruction_of(node: Node) -> i.Instruction:
    """One line. Errors: BadDockerfile, BadInstruction, without a place."""
    name = node.word.upper()
    row = _TABLE.get(name)
    if row is None:
        raise BadDockerfile(
            f"there is no instruction {node.word!r}"
            if node.word
            else "a line continues into nothing",
            hint=did_you_mean(node.word, _TABLE) or "a Dockerfile has " + ", ".join(_TABLE),
        )
    table, make = row
    flags = Flags({}) if table is None else read_flags(node.flags, table, name)
    return make(node, flags)


def stage_name(text: str) -> str:
    """The name after AS, in lower case. Errors: BadInstruction."""
    name = text.lower()
    if not _STAGE_NAME.fullmatch(name):
        raise BadInstruction(
            f"{text!r} cannot name a stage",
            hint="a name begins with a letter; letters, digits, - _ and . follow",
        )
    return name


def _some(node: Node) -> tuple[str, ...]:
    if not node.words:
        raise BadInstruction(f"{node.word.upper()} needs at least one argument")
    return node.words


def _one(node: Node) -> str:
    if len(node.words) != 1:
        raise BadInstruction(f"{node.word.upper()} needs exactly one argument")
    return node.words[0]


def _from(node: Node, flags: Flags) -> i.Instruction:
    words = node.words
    if len(words) not in (1, 3) or (len(words) == 3 and words[1].lower() != "as"):
        raise BadInstruction(
            "FROM takes an image, and perhaps AS and a name",
            hint="write FROM image, or FROM image AS name",
        )
    is_named = len(words) == 3
    return i.From(
        span=node.span, word=node.word, text=node.text, comments=node.comments,
        image=words[0],
        name=stage_name(words[2]) if is_named else "",
        platform=flags.text("platform"),
        as_word=words[1] if is_named else "",
        written_name=words[2] if is_named else "",
    )  # fmt: skip


def _arg(node: Node, _flags: Flags) -> i.Instruction:
    arguments = []
    for word in _some(node):
        name, equals, value = word.partition("=")
        if not name:
            raise BadInstruction(f"ARG {word} has no name", hint="write ARG name=value")
        arguments.append(i.Argument(name, value if equals else None))
    return i.Arg(
        span=node.span, word=node.word, text=node.text, comments=node.comments,
        arguments=tuple(arguments),
    )  # fmt: skip


def _pairs(node: Node) -> tuple[i.Pair, ...]:
    words = _some(node)
    rows = zip(words[::3], words[1::3], words[2::3], strict=True)
    pairs = tuple(i.Pair(key, value, not equals) for key, value, equals in rows)
    if not all(pair.key for pair in pairs):
        raise BadInstruction(f"{node.word.upper()} has a = without a name before it")
    return pairs


def _env(node: Node, _flags: Flags) -> i.Instruction:
    return i.Env(
        span=node.span, word=node.word, text=node.text, comments=node.comments, pairs=_pairs(node)
    )


def _label(node: Node, _flags: Flags) -> i.Instruction:
    return i.Label(
        span=node.span, word=node.word, text=node.text, comments=node.comments, pairs=_pairs(node)
    )


def _command(node: Node) -> i.CommandLine:
    return i.CommandLine(node.words, not node.is_json, node.heredocs)


def _run(node: Node, flags: Flags) -> i.Instruction:
    network, security = flags.text("network", "default"), flags.text("security", "sandbox")
    for name, value, known in (
        ("network", network, ("default", "none", "host")),
        ("security", security, ("sandbox", "insecure")),
    ):
        if value not in known:
            raise BadInstruction(
                f"--{name} is {' or '.join(known)}, and not {value!r}",
                hint=did_you_mean(value, known),
            )
    return i.Run(
        span=node.span, word=node.word, text=node.text, comments=node.comments,
        command=_command(node),
        mounts=tuple(map(read_mount_text, flags.many("mount"))),
        network=network, security=security, devices=flags.many("device"),
    )  # fmt: skip


def _cmd(node: Node, _flags: Flags) -> i.Instruction:
    return i.Cmd(
        span=node.span, word=node.word, text=node.text, comments=node.comments,
        command=_command(node),
    )  # fmt: skip


def _entrypoint(node: Node, _flags: Flags) -> i.Instruction:
    return i.Entrypoint(
        span=node.span, word=node.word, text=node.text, comments=node.comments,
        command=_command(node),
    )  # fmt: skip


def _places(node: Node) -> tuple[tuple[str, ...], tuple[i.InlineFile, ...], str]:
    """Sources, heredocs as sources, and the destination."""
    name = node.word.upper()
    if len(node.words) < 2:
        raise BadInstruction(
            f"{name} needs a source and a destination", hint=f"write {name} source destination"
        )
    *words, destination = node.words
    if heredoc_of(destination):
        raise BadInstruction(f"{name} cannot have a heredoc as its destination")
    documents = {document.name: document for document in node.heredocs}
    sources: list[str] = []
    files: list[i.InlineFile] = []
    for word in words:
        opened = heredoc_of(word)
        if opened is None:
            sources.append(word)
            continue
        if "/" in opened.name or opened.name in (".", ".."):
            raise BadInstruction(f"a heredoc cannot be named {opened.name!r}")
        document = documents.get(opened.name, opened)
        text = without_tabs(document.content) if opened.chomps else document.content
        files.append(i.InlineFile(opened.name, text, opened.expands))
    return tuple(sources), tuple(files), destination


def _copy(node: Node, flags: Flags) -> i.Instruction:
    sources, files, destination = _places(node)
    return i.Copy(
        span=node.span, word=node.word, text=node.text, comments=node.comments,
        sources=sources, files=files, destination=destination,
        chown=flags.text("chown"), chmod=flags.text("chmod"),
        is_linked=bool(flags.switch("link")), excludes=flags.many("exclude"),
        origin=flags.text("from"), keeps_parents=bool(flags.switch("parents")),
    )  # fmt: skip


def _add(node: Node, flags: Flags) -> i.Instruction:
    sources, files, destination = _places(node)
    return i.Add(
        span=node.span, word=node.word, text=node.text, comments=node.comments,
        sources=sources, files=files, destination=destination,
        chown=flags.text("chown"), chmod=flags.text("chmod"),
        is_linked=bool(flags.switch("link")), excludes=flags.many("exclude"),
        checksum=flags.text("checksum"), unpacks=flags.switch("unpack"),
        keeps_git=flags.switch("keep-git-dir"),
    )  # fmt: skip


def _shell(node: Node, _flags: Flags) -> i.Instruction:
    words = _some(node)
    if not node.is_json:
        raise BadInstruction(
            "SHELL has to be written as a JSON array", hint='as in SHELL ["/bin/bash", "-c"]'
        )
    return i.Shell(
        span=node.span, word=node.word, text=node.text, comments=node.comments, words=words
    )


def _healthcheck(node: Node, flags: Flags) -> i.Instruction:
    kind, *command = _some(node)
    test: tuple[str, ...]
    if kind.upper() == "NONE":
        if command:
            raise BadInstruction("HEALTHCHECK NONE takes no arguments")
        test, flags = ("NONE",), Flags({})
    elif kind.upper() == "CMD":
        if not command:
            raise BadInstruction("HEALTHCHECK CMD has no command")
        test = ("CMD" if node.is_json else "CMD-SHELL", *command)
    else:
        raise BadInstruction(
            f"HEALTHCHECK takes CMD or NONE, and not {kind!r}", hint="write HEALTHCHECK CMD …"
        )
    times = ("interval", "timeout", "start-period", "start-interval")
    interval, timeout, start, between = (read_duration(name, flags.text(name)) for name in times)
    return i.Healthcheck(
        span=node.span, word=node.word, text=node.text, comments=node.comments,
        test=test, interval_ns=interval, timeout_ns=timeout, start_period_ns=start,
        start_interval_ns=between, retries=_retries(flags.text("retries")),
    )  # fmt: skip


def _retries(text: str) -> int:
    if not text:
        return 0
    if not re.fullmatch(r"\+?[0-9]{1,10}", text) or int(text) > MAX_RETRIES:
        raise BadInstruction(f"--retries is a whole number from 0, and not {text!r}")
    return int(text)


def _expose(node: Node, _flags: Flags) -> i.Instruction:
    return i.Expose(
        span=node.span, word=node.word, text=node.text, comments=node.comments,
        ports=tuple(sorted(_some(node))),
    )  # fmt: skip


def _user(node: Node, _flags: Flags) -> i.Instruction:
    return i.User(
        span=node.span, word=node.word, text=node.text, comments=node.comments, user=_one(node)
    )


def _volume(node: Node, _flags: Flags) -> i.Instruction:
    paths = tuple(path.strip(SPACES) for path in _some(node))
    if not all(paths):
        raise BadInstruction("VOLUME has an empty path")
    return i.Volume(
        span=node.span, word=node.word, text=node.text, comments=node.comments, paths=paths
    )


def _workdir(node: Node, _flags: Flags) -> i.Instruction:
    return i.Workdir(
        span=node.span, word=node.word, text=node.text, comments=node.comments, path=_one(node)
    )


def _stop_signal(node: Node, _flags: Flags) -> i.Instruction:
    return i.StopSignal(
        span=node.span, word=node.word, text=node.text, comments=node.comments, signal=_one(node)
    )


def _maintainer(node: Node, _flags: Flags) -> i.Instruction:
    return i.Maintainer(
        span=node.span, word=node.word, text=node.text, comments=node.comments, author=_one(node)
    )


def _on_build(node: Node, _flags: Flags) -> i.Instruction:
    if node.child is None:
        raise BadInstruction("ONBUILD needs an instruction after it")
    name = node.child.word.upper()
    if name in _NOT_TRIGGERS:
        raise BadInstruction(f"{name} cannot be a trigger of ONBUILD")
    trigger = _ONBUILD.sub("", node.text, count=1)
    for document in node.heredocs:
        trigger += f"\n{document.content}{document.name}"
    return i.OnBuild(
        span=node.span, word=node.word, text=node.text, comments=node.comments, trigger=trigger
    )


_TRANSFER: FlagTable = {
    "chown": Kind.TEXT,
    "chmod": Kind.TEXT,
    "link": Kind.SWITCH,
    "exclude": Kind.MANY,
}
_HEALTH: FlagTable = {
    "interval": Kind.TEXT,
    "timeout": Kind.TEXT,
    "start-period": Kind.TEXT,
    "start-interval": Kind.TEXT,
    "retries": Kind.TEXT,
}
_RUN: FlagTable = {
    "mount": Kind.MANY,
    "network": Kind.TEXT,
    "security": Kind.TEXT,
    "device": Kind.MANY,
}
# None: docker looks at no flag there, and so swallows any.
_TABLE: dict[str, tuple[FlagTable | None, Callable[[Node, Flags], i.Instruction]]] = {
    "FROM": ({"platform": Kind.TEXT}, _from),
    "ARG": (None, _arg),
    "RUN": (_RUN, _run),
    "COPY": ({**_TRANSFER, "from": Kind.TEXT, "parents": Kind.SWITCH}, _copy),
    "ADD": (
        {
            **_TRANSFER,
            "checksum": Kind.TEXT,
            "unpack": Kind.SWITCH,
            "keep-git-dir": Kind.SWITCH,
        },
        _add,
    ),
    "ENV": ({}, _env),
    "LABEL": ({}, _label),
    "WORKDIR": ({}, _workdir),
    "USER": ({}, _user),
    "CMD": ({}, _cmd),
    "ENTRYPOINT": ({}, _entrypoint),
    "EXPOSE": ({}, _expose),
    "VOLUME": ({}, _volume),
    "SHELL": ({}, _shell),
    "HEALTHCHECK": (_HEALTH, _healthcheck),
    "STOPSIGNAL": (None, _stop_signal),
    "ONBUILD": ({}, _on_build),
    "MAINTAINER": ({}, _maintainer),
}
