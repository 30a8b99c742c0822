"""Secrets and streams of bytes in, hits out: where each value stands, and in which encoding.

The rule of the room: all patterns and the beginnings of compressed members are one automaton that
reads every byte once; members are unpacked as they pass and searched the same way. A hit never
holds the value.

    … left margin | fresh bytes that this step reports on | right margin …
       a piece of a wrapped text is confirmed by what stands on both sides of it
"""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from whit.model.secret import Secrets
from whit.secrets.encodings import BREAKS, Pattern, patterns_of, why_unprovable
from whit.secrets.members import MAGICS, Member, Over, open_member
from whit.secrets.rules import Rule

BY_FORM = "by its form"
# Twice the longest pattern, with room for the line breaks and indents of wrapped text.
_MARGIN_BYTES = 2048
_STEP_BYTES = 1 << 20
# A member's beginning is tried on this much before it may cost more.
_PROBE_BYTES = 512


class Bounds(msgspec.Struct, frozen=True):
    """What unpacking members may cost: of one stream, with all that is nested in it."""

    depth: int = 4
    unpacked_bytes: int = 4 << 30
    open_members: int = 64
    hits: int = 100


class Spot(msgspec.Struct, frozen=True):
    """Where one pattern was found in a stream. `inside` names the members around it."""

    secret: str
    offset: int
    encoding: str
    inside: tuple[str, ...] = ()


class Searched(msgspec.Struct, frozen=True):
    """What came of a stream: hits in the order of their offsets, and what was not looked at."""

    spots: tuple[Spot, ...]
    bytes: int = 0
    unpacked_bytes: int = 0
    unread: tuple[str, ...] = ()


class Search:
    """The automaton for some secrets; made once, used for any number of streams."""

    def __init__(self, secrets: Secrets, rules: tuple[Rule, ...] = ()) -> None:
        """`rules` find unknown ones by their form, each told by the rule's name."""
        import hyperscan  # noqa: PLC0415 - 4 ms, and only where there are secrets

        # Tokens of one issuer begin alike: what their pieces may stand for is told by the whole.
        named = {
            (pattern.data, pattern.whole): pattern
            for secret in secrets
            for pattern in patterns_of(secret.name, secret.reveal())
        }
        self.names = secrets.names
        self.pattern_count = len(named)
        self._rules = {rule.keyword: rule for rule in rules}
        for rule in rules:
            named.setdefault((rule.keyword, b""), Pattern(rule.keyword, rule.name, BY_FORM))
        self.patterns: tuple[Pattern, ...] = tuple(named.values())
        self.unprovable = {
            secret.name: why for secret in secrets if (why := why_unprovable(secret.reveal()))
        }
        expressions = [_escaped(pattern.data) for pattern in self.patterns]
        expressions += [magic for magic, _ in MAGICS]
        self._database: Any = hyperscan.Database()
        self._database.compile(
            expressions=expressions,
            ids=list(range(len(expressions))),
            elements=len(expressions),
            flags=[0] * len(expressions),
        )
        self._kinds = tuple(kind for _, kind in MAGICS)
        self._lengths = (
            *(len(pattern.data) for pattern in self.patterns),
            *(_magic_bytes(kind) for kind in self._kinds),
        )

    def stream(
        self, pieces: Iterable[bytes | memoryview], bounds: Bounds | None = None
    ) -> Searched:
        """Search one stream from its beginning to its end."""
        run = Run(self, bounds or Bounds())
        passage = Passage(run, ())
        for piece in pieces:
            passage.feed(bytes(piece))
        passage.close()
        return run.searched(passage.position)

    def whole(self, data: bytes | memoryview) -> Searched:
        """Search bytes that are already there."""
        steps = (data[at : at + _STEP_BYTES] for at in range(0, len(data), _STEP_BYTES))
        return self.stream(steps)

    def found(self, window: bytes) -> Iterator[tuple[int, int]]:
        """(number of the expression, offset where it begins), members' beginnings last."""
        ends: list[tuple[int, int]] = []

        def seen(number: int, _begin: int, end: int, _flags: int, _context: object) -> None:
            ends.append((number, end))

        self._database.scan(window, match_event_handler=seen)
        for number, end in sorted(ends):
            yield number, end - self._lengths[number]

    def stands(self, pattern: Pattern, window: bytes, at: int) -> bool:
        """Whether what was found at `at` is what the pattern means."""
        if pattern.encoding == BY_FORM:
            return self._rules[pattern.data].stands(window, at)
        return _stands(pattern, window, at)

    def kind(self, number: int) -> str:
        """The kind of member that an expression begins, "" for a pattern."""
        at = number - len(self.patterns)
        return self._kinds[at] if at >= 0 else ""


class Run:
    """One stream's search under way: what was found, and what unpacking has cost."""

    def __init__(self, search: Search, bounds: Bounds) -> None:
        self.search, self.bounds = search, bounds
        self.spots: dict[tuple[str, int, tuple[str, ...]], Spot] = {}
        self.unread: dict[str, None] = {}
        self.unpacked_bytes = 0
        self.open_members = 0

    def report(self, pattern: Pattern, offset: int, inside: tuple[str, ...]) -> None:
        """The first of several patterns at one place counts: it is the plainest."""
        if len(self.spots) < self.bounds.hits:
            spot = Spot(pattern.secret, offset, pattern.encoding, inside)
            self.spots.setdefault((pattern.secret, offset, inside), spot)

    def may_unpack(self, inside: tuple[str, ...]) -> bool:
        if len(inside) > self.bounds.depth:
            self.note(inside, "nested too deep")
        elif self.open_members >= self.bounds.open_members:
            self.note(inside, "too many members inside of each other")
        elif self.unpacked_bytes >= self.bounds.unpacked_bytes:
            self.note(inside, "it unpacks to too much")
        else:
            return True
        return False

    def count(self, size_bytes: int, inside: tuple[str, ...]) -> None:
        """Errors: Over, when all members together have become too much."""
        self.unpacked_bytes += size_bytes
        if self.unpacked_bytes >= self.bounds.unpacked_bytes:
            self.note(inside, "it unpacks to too much")
            raise Over

    def note(self, inside: tuple[str, ...], why: str) -> None:
        """Say what was not looked at, once, and not without end."""
        if len(self.unread) < self.bounds.hits:
            self.unread[f"{' in '.join(reversed(inside))}: {why}"] = None

    def searched(self, size_bytes: int) -> Searched:
        spots = tuple(sorted(self.spots.values(), key=lambda s: (s.offset, s.inside, s.secret)))
        return Searched(spots, size_bytes, self.unpacked_bytes, tuple(self.unread))


class Passage:
    """A stream, or what a member in it unpacks to."""

    def __init__(self, run: Run, inside: tuple[str, ...]) -> None:
        self._run, self._inside = run, inside
        self._window = b""
        self._begin = 0  # the offset of the window in the stream
        self._reported = 0  # all that begins before this offset was reported on
        self._members: list[Unpacking] = []
        self.position = 0

    def feed(self, piece: bytes) -> None:
        for at in range(0, len(piece), _STEP_BYTES):
            self._step(piece[at : at + _STEP_BYTES], is_last=False)

    def close(self) -> None:
        self._step(b"", is_last=True)
        for member in self._members:
            member.close()
        self._members = []

    def _step(self, piece: bytes, *, is_last: bool) -> None:
        self._members = [member for member in self._members if member.feed(piece)]
        window = self._window + piece
        self.position += len(piece)
        until = self.position - (0 if is_last else _MARGIN_BYTES)
        if until <= self._reported and not is_last:
            self._window = window
            return
        search = self._run.search
        for number, at in search.found(window):
            offset = self._begin + at
            if not self._reported <= offset < until:
                continue
            kind = search.kind(number)
            if kind:
                self._unpack(kind, offset, window, at)
            elif search.stands(search.patterns[number], window, at):
                self._run.report(search.patterns[number], offset, self._inside)
        self._reported = until
        keep = max(0, until - _MARGIN_BYTES - self._begin)
        self._window, self._begin = window[keep:], self._begin + keep

    def _unpack(self, kind: str, offset: int, window: bytes, at: int) -> None:
        if not _is_member(kind, window[at : at + _PROBE_BYTES]):
            return
        inside = (*self._inside, f"{kind} at {offset}")
        if not self._run.may_unpack(inside):
            return
        member = Unpacking(self._run, inside, open_member(kind))
        if member.feed(window[at:]):
            self._members.append(member)


class Unpacking:
    """A member under way, and the passage its bytes go to."""

    def __init__(self, run: Run, inside: tuple[str, ...], member: Member) -> None:
        self._run, self._member = run, member
        self._inside = inside
        self._passage = Passage(run, inside)
        run.open_members += 1

    def feed(self, data: bytes) -> bool:
        """False when the member has ended."""
        run = self._run
        try:
            for piece in self._member.feed(data):
                self._passage.feed(piece)
                run.count(len(piece), self._inside)
        except Over:
            self.close()
            return False
        return True

    def close(self) -> None:
        self._passage.close()
        self._run.open_members -= 1


def _is_member(kind: str, data: bytes) -> bool:
    """Whether something comes out of the first bytes, or nothing is wrong with them yet."""
    try:
        return any(map(len, open_member(kind).feed(data))) or kind != "zlib"
    except Over:
        return False


def _stands(pattern: Pattern, window: bytes, at: int) -> bool:
    """For a piece: whether the whole stands here once what breaks lines is taken out, and not
    before: what is unbroken has a pattern of its own.
    """
    if not pattern.whole:
        return True
    if at >= pattern.before and window.startswith(pattern.whole, at - pattern.before):
        return False
    reach = len(pattern.whole) * 2 + 256
    around = window[max(0, at - reach) : at + reach]
    return BREAKS.sub(b"", pattern.whole) in BREAKS.sub(b"", around)


def _escaped(data: bytes) -> bytes:
    """As a regular expression: hyperscan's literals cannot begin with a zero byte."""
    return b"".join(b"\\x%02x" % byte for byte in data)


def _magic_bytes(kind: str) -> int:
    return {"gzip": 3, "bzip2": 10, "xz": 6, "zstd": 4, "zip": 4, "zlib": 2}.get(kind, 4)
