"""What the user says about needs, as a value; and the words it can be said in. Pure."""

import difflib

import msgspec

from whit.errors.needs import UnknownNeed
from whit.model.plan import What
from whit.model.tree import normal_path
from whit.needs.rules import LIBRARIES, LOADING, RULES, rule_named


class Declared(msgspec.Struct, frozen=True):
    """`add` and `drop` hold codes or names (N010, ca-roots); `add` also `directory:/path`, and
    what is taken from the root: `tree:/path`, `file:/path`, `program:NAME`, `library:NAME`.

    `zones` limits zone data to these; `ca_extra` are PEM files on the host; `directories` must be
    there and writable.
    """

    add: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    ca_extra: tuple[str, ...] = ()
    directories: tuple[str, ...] = ()

    def added(self) -> dict[str, str]:
        """Code -> the words that added it. Errors: UnknownNeed."""
        words = {providable_code_of(w): f"--need {w}" for w in self.add if ":" not in w}
        if self.zones:
            words.setdefault("N020", "--tz " + ",".join(self.zones))
        if self.ca_extra:
            words.setdefault("N010", "--ca-extra")
        dropped = self.dropped()
        for code, said in words.items():
            if code in dropped:
                raise UnknownNeed(
                    f"{said} and {dropped[code]} contradict each other",
                    hint="say one of them; flags add to what whit.toml says under [needs]",
                )
        return words

    def dropped(self) -> dict[str, str]:
        return {code_of(word): f"--without {word}" for word in self.drop}

    def extra(self) -> tuple[What, ...]:
        """Directories that were declared, by setting or by `--need directory:/path`, and trees of
        the root that are taken along.
        """
        named = [_named(word) for word in self.add if ":" in word]
        own = (("directory", normal_path(path)) for path in self.directories)
        return tuple(
            What(kind, (path,))
            for kind, path in (*own, *named)
            if kind in ("directory", "tree", "file")
        )

    def taken(self) -> tuple[tuple[str, str], ...]:
        """(program, library, file or tree; name or path) for all that comes from the root."""
        named = (_named(word) for word in self.add if ":" in word)
        return tuple((kind, path) for kind, path in named if kind != "directory")


def code_of(word: str) -> str:
    """The code that a word means. Errors: UnknownNeed."""
    rule = rule_named(word)
    if rule is not None:
        return rule.code
    for code, name, _ in LOADING:
        if word.upper() == code or word.lower() == name:
            return code
    known = [name for r in RULES for name in (r.code, r.name)]
    known += [name for code, name, _ in LOADING for name in (code, name)]
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    raise UnknownNeed(
        f"there is no need called {word!r}",
        hint=f"did you mean {close[0]!r}?" if close else "`whit explain` lists them all",
    )


def providable_code_of(word: str) -> str:
    """The code that a word means, if a file could meet it. Errors: UnknownNeed."""
    code = code_of(word)
    if is_providable(code):
        return code
    rule = rule_named(code)
    raise UnknownNeed(
        f"--need {word}: whit has no file for it ({rule.title if rule else LIBRARIES[2]})",
        hint=(rule.note if rule else "") or "give the files under [files] in whit.toml",
    )


def is_providable(code: str) -> bool:
    """Whether a file of whit's, or one of the root, could meet the need."""
    rule = rule_named(code)
    is_loaded = any(code == row[0] for row in LOADING[1:])
    return is_loaded or (rule is not None and bool(rule.what))


def _named(word: str) -> tuple[str, str]:
    """`directory:/data`, `tree:/usr/lib/python3.11`, `program:git`, `library:libfoo.so.1`."""
    kind, _, path = word.partition(":")
    if kind not in ("directory", "tree", "file", "program", "library"):
        raise UnknownNeed(
            f"--need {word}: whit cannot provide a {kind!r} by name",
            hint="directory:/path makes a directory; tree:/path, file:/path, program:NAME and "
            "library:NAME take from the root; other files are given under [files] in whit.toml",
        )
    if kind in ("directory", "tree", "file") or "/" in path:
        return kind, normal_path(path)
    if not path or not path.isprintable():
        raise UnknownNeed(f"--need {word}: a name is missing", hint="write program:git, for one")
    return kind, path
