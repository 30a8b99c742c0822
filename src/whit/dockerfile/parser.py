"""A Dockerfile's bytes in, its lines as words out: no instruction has a meaning here yet. Pure.

bytes ─lexer─▶ lines ─this─▶ Dockerfile(nodes) ─interpret─▶ instructions ─stages─▶ BuildGraph
"""

import re
from collections.abc import Callable

import msgspec

from whit.dockerfile import lexer
from whit.dockerfile.expand import SPACES, Mode, expand_words
from whit.dockerfile.instructions import Heredoc
from whit.dockerfile.places import Span, place_of, word_of
from whit.errors import Place
from whit.errors.dockerfile import BadDockerfile, BadExpansion

DIRECTIVES = ("syntax", "escape", "check")
_DIRECTIVE = re.compile(r"#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*\Z")
_HEREDOC = re.compile(r"(\d*)<<(-?)\s*([^<]*)\Z")
_HEREDOC_WORDS = ("run", "copy", "add")
_HEREDOC_LINE = Mode(keeps_quotes=True, keeps_escapes=True, keeps_unset=True)
_HEREDOC_NAME = Mode(keeps_unset=True)
_HEREDOC_NAME_RAW = Mode(keeps_unset=True, keeps_quotes=True)
# A trigger of a trigger is refused later; here it only must not exhaust the stack.
_MAX_NESTED = 20


class Node(msgspec.Struct, frozen=True):
    """One logical line. `words` of ENV and LABEL are key, value and "=" or "", three a pair.

    `child` is what ONBUILD holds. `comments` are those above, without the sign.
    """

    span: Span
    word: str
    text: str
    flags: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    is_json: bool = False
    child: "Node | None" = None
    heredocs: tuple[Heredoc, ...] = ()
    comments: tuple[str, ...] = ()


class Directive(msgspec.Struct, frozen=True):
    name: str
    value: str
    line: int


class Dockerfile(msgspec.Struct, frozen=True):
    """`empty_continuations` are line numbers at which a broken line with blank ones in it ends."""

    file: str
    lines: tuple[str, ...]
    nodes: tuple[Node, ...]
    escape: str = "\\"
    directives: tuple[Directive, ...] = ()
    empty_continuations: tuple[int, ...] = ()

    def place(self, span: Span, word: str = "") -> Place:
        return place_of(self.file, self.lines, span, word)


def parse(data: bytes, file: str = "Dockerfile") -> Dockerfile:
    """Errors: BadDockerfile."""
    reader = _Reader(lexer.read_lines(data, file), file)
    nodes = reader.nodes()
    if not nodes:
        raise BadDockerfile(
            f"{file} has no instructions", hint="it needs at least a FROM", place=Place(file, 1)
        )
    return Dockerfile(
        file,
        tuple(line.rstrip("\r\n") for line in reader.lines),
        tuple(nodes),
        reader.escape,
        tuple(reader.directives),
        tuple(reader.empty_continuations),
    )


class _Reader:
    """A cursor over the lines of one file."""

    def __init__(self, lines: tuple[str, ...], file: str) -> None:
        self.lines, self._file = lines, file
        self._at = 0  # lines taken
        self.escape = "\\"
        self.directives: list[Directive] = []
        self._may_direct = True
        self.empty_continuations: list[int] = []

    def nodes(self) -> list[Node]:
        nodes: list[Node] = []
        comments: list[str] = []
        while self._at < len(self.lines):
            line = self._take().rstrip("\r\n").lstrip(SPACES)
            is_directive = self._directive(line)
            if line.startswith("#"):
                if not is_directive:
                    comment = self.lines[self._at - 1][1:].strip(SPACES)
                    comments = [*comments, comment] if comment else []
                continue
            line, continues = lexer.without_continuation(line, self.escape)
            if not line and not continues:
                continue
            nodes.append(self._node(line, tuple(comments), continues=continues))
            comments = []
        return nodes

    def _take(self) -> str:
        self._at += 1
        return self.lines[self._at - 1]

    def _directive(self, line: str) -> bool:
        """Whether the line is a directive; the first line that is none ends them all."""
        match = _DIRECTIVE.match(line) if self._may_direct else None
        name = match[1].lower() if match else ""
        if match is None or name not in DIRECTIVES:
            self._may_direct = False
            return False
        place = Place(self._file, self._at, 1, len(line), line)
        if any(name == directive.name for directive in self.directives):
            raise BadDockerfile(
                f"the directive {name} stands twice", hint="remove one of them", place=place
            )
        if name == "escape":
            if match[2] not in ("\\", "`"):
                raise BadDockerfile(
                    f"the escape character cannot be {match[2]!r}",
                    hint="write `# escape=\\` or `# escape=` and a backtick",
                    place=place,
                )
            self.escape = match[2]
        self.directives.append(Directive(name, match[2], self._at))
        return True

    def _node(self, first: str, comments: tuple[str, ...], *, continues: bool) -> Node:
        start = self._at
        text = first + self._continuations(continues=continues)
        written = self.lines[start - 1]
        span = Span(start, self._at, len(written) - len(written.lstrip(SPACES)) + 1)
        try:
            node = node_of(text, self.escape, span)
            heredocs = self._heredocs(node) if "<<" in text and _may_have_heredoc(node) else ()
        except BadDockerfile as error:
            error.place = error.place or place_of(
                self._file, self._bare(), span, word_of(error.message)
            )
            raise
        return msgspec.structs.replace(
            node,
            span=Span(start, self._at, span.column),
            heredocs=heredocs,
            comments=comments,
        )

    def _bare(self) -> tuple[str, ...]:
        return tuple(line.rstrip("\r\n") for line in self.lines)

    def _continuations(self, *, continues: bool) -> str:
        """The lines that go on from the one just read; comments and blank ones fall out."""
        parts: list[str] = []
        has_blank = False
        while continues and self._at < len(self.lines):
            line = self._take().rstrip("\r\n")
            bare = line.lstrip(SPACES)
            if bare.startswith("#"):
                continue
            if not bare:
                has_blank = True
                continue
            line, continues = lexer.without_continuation(line, self.escape)
            parts.append(line)
        if has_blank:
            self.empty_continuations.append(self._at)
        return "".join(parts)

    def _heredocs(self, node: Node) -> tuple[Heredoc, ...]:
        documents = []
        for document in heredocs_of(node.text):
            content: list[str] = []
            while self._at < len(self.lines):
                line = self._take()
                bare = line.rstrip("\r\n")
                if (bare.lstrip("\t") if document.chomps else bare) == document.name:
                    break
                content.append(line)
            else:
                raise BadDockerfile(
                    f"the heredoc {document.name} has no end",
                    hint=f"a line that is only {document.name} has to end it",
                )
            documents.append(msgspec.structs.replace(document, content="".join(content)))
        return tuple(documents)


def node_of(text: str, escape: str, span: Span, depth: int = 0) -> Node:
    """Read one logical line. Errors: BadDockerfile, without a place."""
    word, flags, rest = lexer.split_instruction(text, escape)
    node = Node(span, word, text, flags)
    if word.lower() == "onbuild":
        if not rest or depth > _MAX_NESTED:
            return node
        return msgspec.structs.replace(node, child=node_of(rest, escape, span, depth + 1))
    words, is_json = _FORMS.get(word.lower(), _nothing)(rest, escape, word.upper())
    return msgspec.structs.replace(node, words=words, is_json=is_json)


def heredoc_of(word: str) -> Heredoc | None:
    """What `<<NAME` says; None when the word is none. Errors: BadDockerfile."""
    match = _HEREDOC.match(word)
    if match is None or not match[3]:
        return None
    try:
        names = expand_words(match[3], {}, _HEREDOC_NAME)
        raw = expand_words(match[3], {}, _HEREDOC_NAME_RAW)
    except BadExpansion as error:
        raise BadDockerfile(
            f"the heredoc {word!r} has a name that cannot be read: {error.message}",
            hint="write <<EOF, or <<'EOF' to keep variables in it as they are",
        ) from None
    if len(names) != 1 or len(raw) != 1:
        return None
    quotes = [sum(text.count(quote) for quote in "'\"") for text in (names[0], raw[0])]
    # More digits than a file descriptor can have mean none.
    descriptor = int(match[1]) if match[1] and len(match[1]) < 19 else 0
    return Heredoc(names[0], "", quotes[0] == quotes[1], match[2] == "-", descriptor)


def heredocs_of(line: str) -> tuple[Heredoc, ...]:
    """The heredocs that a logical line opens, without their content."""
    try:
        words = expand_words(line, {}, _HEREDOC_LINE)
    except BadExpansion:
        return ()
    return tuple(filter(None, map(heredoc_of, words)))


def without_tabs(content: str) -> str:
    """What `<<-` makes of a heredoc: no line begins with tabs."""
    return re.sub(r"^\t+", "", content, flags=re.MULTILINE)


def _may_have_heredoc(node: Node) -> bool:
    inner = node.child or node
    return inner.word.lower() in _HEREDOC_WORDS and not inner.is_json


# ---- how the rest of the line becomes words ------------------------------------------------

_Form = Callable[[str, str, str], tuple[tuple[str, ...], bool]]


def _nothing(_rest: str, _escape: str, _name: str) -> tuple[tuple[str, ...], bool]:
    return (), False


def _blanks(rest: str, _escape: str, _name: str) -> tuple[tuple[str, ...], bool]:
    return (tuple(lexer.BLANKS.split(rest)) if rest else ()), False


def _whole(rest: str, _escape: str, _name: str) -> tuple[tuple[str, ...], bool]:
    return ((rest,) if rest else ()), False


def _json(rest: str, name: str) -> tuple[str, ...] | None:
    """The strings of a JSON array; None for whatever is not JSON, which is then plain text."""
    if not rest.startswith("["):
        return None
    try:
        values = msgspec.json.decode(rest, type=list)
    except (msgspec.DecodeError, RecursionError):
        return None
    if not all(isinstance(value, str) for value in values):
        raise BadDockerfile(
            f"the JSON array after {name} holds something that is no string",
            hint='put every element into double quotes, as in ["a", "1"]',
        )
    return tuple(values)


def _json_or_whole(rest: str, escape: str, name: str) -> tuple[tuple[str, ...], bool]:
    words = _json(rest, name)
    return _whole(rest, escape, name) if words is None else (words, True)


def _json_or_blanks(rest: str, escape: str, name: str) -> tuple[tuple[str, ...], bool]:
    words = _json(rest, name)
    return _blanks(rest, escape, name) if words is None else (words, True)


def _quoted(rest: str, escape: str, _name: str) -> tuple[tuple[str, ...], bool]:
    return tuple(lexer.split_words(rest, escape)), False


def _pairs(rest: str, escape: str, name: str) -> tuple[tuple[str, ...], bool]:
    words = lexer.split_words(rest, escape)
    if not words:
        return (), False
    if "=" not in words[0]:
        key, *value = lexer.BLANKS.split(rest, maxsplit=1)
        if not value:
            raise BadDockerfile(
                f"{name} {key} has no value", hint=f"write {name} {key}=value, or {key}= for none"
            )
        return (key, value[0], ""), False
    found: list[str] = []
    for word in words:
        key, equals, value_text = word.partition("=")
        if not equals:
            raise BadDockerfile(
                f"{name} has {word!r} without a =",
                hint="a comment has a line of its own, above or below"
                if word.startswith("#")
                else f'write {name} name=value; a value with spaces as name="a value"',
            )
        found += (key, value_text, "=")
    return tuple(found), False


def _health(rest: str, escape: str, name: str) -> tuple[tuple[str, ...], bool]:
    kind, *command = re.split(f"[{lexer.ASCII_SPACES}]+", rest, maxsplit=1)
    words, is_json = _json_or_whole(command[0] if command else "", escape, name)
    return ((kind, *words) if kind else ()), is_json


_FORMS: dict[str, _Form] = {
    "add": _json_or_blanks,
    "arg": _quoted,
    "cmd": _json_or_whole,
    "copy": _json_or_blanks,
    "entrypoint": _json_or_whole,
    "env": _pairs,
    "expose": _blanks,
    "from": _blanks,
    "healthcheck": _health,
    "label": _pairs,
    "maintainer": _whole,
    "run": _json_or_whole,
    "shell": _json_or_whole,
    "stopsignal": _whole,
    "user": _whole,
    "volume": _json_or_blanks,
    "workdir": _whole,
}
