r"""A word and an environment in, the expanded word out: quotes, escapes and every `$` form. Pure.

    $name ${name}                     value, or nothing
    ${name:-word} ${name-word}        default when unset or empty; when unset
    ${name:+word} ${name+word}        the other way round
    ${name:?text} ${name?text}        an error instead
    ${name#glob} ## % %%              without the shortest or longest prefix or suffix
    ${name/glob/text} //              first or every longest match replaced

A glob knows `*`, `?` and `\`, no brackets. Quotes are removed: nothing is special in '…'; in "…"
only `$` and the escape character before `"`, `$` or itself.
"""

from collections.abc import Mapping

import msgspec

from whit.dockerfile.substitution import (
    MAX_RESULT,
    MAX_SEARCHED,
    OPERATORS,
    Refused,
    glob_of,
    replace_every,
)
from whit.errors.dockerfile import BadExpansion

# Go's unicode.IsSpace, which is less than Python's str.isspace.
SPACES = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)
_SPECIAL = "@*#?-$!0"  # names of one sign, of the shell's special parameters
# Nested ${a:-${b:-…}} come from hostile files only beyond this.
MAX_DEPTH = 100


class Expanded(msgspec.Struct, frozen=True):
    """The text, and the names of variables that were there and that were not."""

    text: str
    used: frozenset[str] = frozenset()
    missing: frozenset[str] = frozenset()


class Mode(msgspec.Struct, frozen=True):
    """`keeps_…`: leave them in the result. `is_body`: a heredoc's body, where quotes are text."""

    escape: str = "\\"
    keeps_quotes: bool = False
    keeps_escapes: bool = False
    keeps_unset: bool = False
    is_body: bool = False


PLAIN = Mode()


def expand(text: str, env: Mapping[str, str], mode: Mode = PLAIN) -> Expanded:
    """Expand one word, which may hold spaces. Errors: BadExpansion."""
    reader = _Reader(text, env, mode)
    result = reader.word("", keeps_escapes=mode.keeps_escapes, is_pattern=False)
    return Expanded(result, frozenset(reader.used), frozenset(reader.missing))


def expand_words(text: str, env: Mapping[str, str], mode: Mode = PLAIN) -> tuple[str, ...]:
    """Expand, then split at spaces that no quote or escape protects. Errors: BadExpansion."""
    reader = _Reader(text, env, mode)
    reader.splitter = _Splitter()
    reader.word("", keeps_escapes=mode.keeps_escapes, is_pattern=False)
    return tuple(reader.splitter.finish())


class _Splitter:
    """Collects words; text from quotes and escapes is never split."""

    def __init__(self) -> None:
        self._words: list[str] = []
        self._word: list[str] = []

    def add(self, text: str, *, is_protected: bool) -> None:
        if is_protected:
            self._word.append(text)
            return
        for character in text:
            if character in SPACES:
                self._end()
            else:
                self._word.append(character)

    def drop(self) -> None:
        """BuildKit forgets the word before `${name:-…}` in such lists; so must the image."""
        self._word.clear()

    def _end(self) -> None:
        word = "".join(self._word)
        if word:
            self._words.append(word)
        self._word.clear()

    def finish(self) -> list[str]:
        self._end()
        return self._words


class _Reader:
    """One pass over one text."""

    def __init__(self, text: str, env: Mapping[str, str], mode: Mode) -> None:
        self._text, self._env, self._mode = text, env, mode
        self._at = 0
        self._depth = 0
        self._keeps_escapes = mode.keeps_escapes
        self.used: set[str] = set()
        self.missing: set[str] = set()
        self.splitter: _Splitter | None = None

    def _fail(self, why: str, hint: str = "") -> BadExpansion:
        return BadExpansion(f"{self._text!r} cannot be expanded: {why}", hint=hint or None)

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self) -> str:
        character = self._text[self._at : self._at + 1]
        self._at += 1
        return character

    def _is_done(self) -> bool:
        return self._at >= len(self._text)

    def word(self, stop: str, *, keeps_escapes: bool, is_pattern: bool) -> str:
        """Read up to the sign `stop` and take it, or up to the end when it is ""."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._fail(f"${{…}} stand more than {MAX_DEPTH} deep in one another")
        before, self._keeps_escapes = self._keeps_escapes, keeps_escapes
        splitter, self.splitter = self.splitter, None
        parts: list[str] = []
        length = 0
        try:
            while not self._is_done():
                if stop and self._peek() == stop:
                    self._at += 1
                    return "".join(parts)
                piece, is_protected = self._piece(splitter, is_pattern=is_pattern)
                parts.append(piece)
                length += len(piece)
                if length > MAX_RESULT:
                    raise self._fail(f"the result is longer than {MAX_RESULT} characters")
                if splitter is not None:
                    splitter.add(piece, is_protected=is_protected)
        finally:
            self._keeps_escapes, self.splitter = before, splitter
            self._depth -= 1
        if stop:
            raise self._fail(f"it ends before the {stop!r} that it needs")
        return "".join(parts)

    def _piece(self, splitter: _Splitter | None, *, is_pattern: bool) -> tuple[str, bool]:
        """The next piece, and whether it is never split."""
        character = self._peek()
        if character == "$":
            return self._dollar(splitter), False
        if character == "<":
            return self._angle(), True
        if character in "'\"" and not self._mode.is_body:
            read = self._single if character == "'" else self._double
            return read(is_pattern=is_pattern), True
        self._at += 1
        if character != self._mode.escape:
            return character, False
        kept = character if self._keeps_escapes else ""
        return kept + self._take(), True

    def _angle(self) -> str:
        """`<<` and the blanks after it stay together, so that `<< NAME` is one word."""
        start = self._at
        self._at += 1
        if self._peek() == "<":
            self._at += 1
            while self._peek() and self._peek() in "\t\r ":
                self._at += 1
        return self._text[start : self._at]

    def _single(self, *, is_pattern: bool) -> str:
        end = self._text.find("'", self._at + 1)
        if end < 0:
            raise self._fail("a ' has no partner")
        inner = self._text[self._at + 1 : end]
        self._at = end + 1
        if is_pattern:
            inner = inner.replace(self._mode.escape, self._mode.escape * 2)
        return f"'{inner}'" if self._mode.keeps_quotes else inner

    def _double(self, *, is_pattern: bool) -> str:
        self._at += 1
        quote = '"' if self._mode.keeps_quotes else ""
        parts = [quote]
        while not self._is_done():
            character = self._peek()
            if character == "$":
                parts.append(self._dollar(None))
                continue
            self._at += 1
            if character == '"':
                return "".join([*parts, quote])
            if character == self._mode.escape:
                if self._is_done():
                    break
                parts.append(self._escaped_in_quotes(is_pattern=is_pattern))
                continue
            parts.append(character)
        raise self._fail('a " has no partner')

    def _escaped_in_quotes(self, *, is_pattern: bool) -> str:
        escape = self._mode.escape
        if self._peek() in ('"', "$", escape):
            return (escape if self._keeps_escapes else "") + self._take()
        doubles = self._keeps_escapes and (not self._mode.keeps_quotes or is_pattern)
        return escape * 2 if doubles else escape

    def _name(self) -> str:
        start, text = self._at, self._text
        first = self._peek()
        if first.isdecimal():
            while self._peek().isdecimal():
                self._at += 1
        elif first and first in _SPECIAL:
            self._at += 1
        else:
            while self._peek() and (self._peek() == "_" or self._peek().isalpha()
                                    or self._peek().isdecimal()):  # fmt: skip
                self._at += 1
        return text[start : self._at]

    def _value(self, name: str) -> str | None:
        value = self._env.get(name)
        (self.missing if value is None else self.used).add(name)
        return value

    def _dollar(self, splitter: _Splitter | None) -> str:
        self._at += 1
        if self._peek() != "{":
            name = self._name()
            if not name:
                return "$"
            value = self._value(name)
            return (f"${name}" if self._mode.keeps_unset else "") if value is None else value
        self._at += 1
        if self._is_done():
            raise self._fail("a ${ has no }")
        if self._peek() in "{}:":
            raise self._fail("bad substitution", "a name has to follow ${")
        name = self._name()
        operator = self._take()
        if operator == "}":
            value = self._value(name)
            return (f"${{{name}}}" if self._mode.keeps_unset else "") if value is None else value
        if splitter is not None and operator:
            splitter.drop()
        if operator == "/":
            return self._replaced(name)
        is_colon = operator == ":"
        if is_colon:
            operator = self._take()
        act = OPERATORS.get(operator)
        if act is None or (is_colon and operator in "#%"):
            written = ":" * is_colon + operator
            raise self._fail(
                f"unsupported modifier ({written}) in substitution" if written else "missing }",
                "whit knows :- - :+ + :? ? # ## % %% / and //, as docker does",
            )
        is_glob = operator in "#%"
        word = self.word("}", keeps_escapes=is_glob, is_pattern=is_glob)
        value = self._value(name)
        if value is None and self._mode.keeps_unset:
            return f"${{{name}{':' * is_colon}{operator}{word}}}"
        is_empty = value is None or (is_colon and not value)
        try:
            return act(value, word, is_empty)
        except Refused as refused:
            raise self._fail(f"{name}: {refused}") from None

    def _replaced(self, name: str) -> str:
        is_every = self._peek() == "/"
        self._at += is_every
        pattern = self.word("/", keeps_escapes=True, is_pattern=True)
        replacement = self.word("}", keeps_escapes=True, is_pattern=False)
        value = self._value(name)
        if value is None and self._mode.keeps_unset:
            return f"${{{name}/{pattern}/{replacement}}}"
        if len(value or "") > MAX_SEARCHED:
            raise self._fail(f"{name} is longer than {MAX_SEARCHED} characters")
        try:
            glob = glob_of(pattern, is_greedy=True)
            if is_every:
                return replace_every(glob, replacement, value or "")
        except Refused as refused:
            raise self._fail(str(refused)) from None
        return glob.sub(lambda _match: replacement, value or "", count=1)
