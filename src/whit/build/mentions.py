"""The text of a manifest in, the places in it that name a program out: `whit://./cmd/app`.

A place is a scalar of YAML, found by its marks, so that everything around it stays as it is:
comments, order, quotes, several documents. `NAME=whit://…` counts too, for arguments. Actions of
Helm templates (`{{ … }}`) are covered by text of the same length before YAML is read.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from whit.errors import Place
from whit.errors.request import BadManifest

SCHEME = "whit://"
_VALUE = re.compile(r"(?:[^\s=]+=)?(whit://[^\s\"']+)\s*")
_ACTION = re.compile(r"\{\{.*?\}\}", re.DOTALL)
# What a hint quotes of a line.
MAX_SHOWN = 160
MAX_DEPTH = 500
_BRACKET = re.compile(r"[\[\]{}]")


class Mention(msgspec.Struct, frozen=True):
    """`start` and `end` count characters of the text; `source` is what `whit build` takes."""

    source: str
    start: int
    end: int
    place: Place


def find_mentions(text: str, file: str) -> tuple[tuple[Mention, ...], tuple[Place, ...]]:
    """(what is to be replaced, mentions that are no value of their own) in one file.

    Errors: BadManifest where the text is no YAML or a mention cannot be replaced by its place.
    """
    if SCHEME not in text:
        return (), ()
    covered = _ACTION.sub(lambda match: _cover(match, text), text)
    found: list[Mention] = []
    for token in _tokens(covered, text, file, is_template=covered != text):
        match = _VALUE.fullmatch(token.value)
        if match is None:
            continue
        start, end = token.start_mark.index, token.end_mark.index
        at = text.find(match[1], start, end)
        if at < 0:
            raise BadManifest(
                f"{file}: a reference is written with escapes or over several lines",
                hint="write it on one line, as it is: whit://./cmd/app",
                place=place_of(text, start, file),
            )
        place = place_of(text, at, file, len(match[1]))
        found.append(Mention(_source(match[1], place), at, at + len(match[1]), place))
    taken = {mention.start for mention in found}
    left = [
        place_of(text, match.start(), file, len(SCHEME))
        for match in re.finditer(re.escape(SCHEME), text)
        if match.start() not in taken and not _is_comment(text, match.start())
    ]
    return tuple(found), tuple(left)


def replaced(text: str, mentions: tuple[Mention, ...], references: Mapping[str, str]) -> str:
    """The text with every mention's source as `references` has it."""
    parts, done = [], 0
    for mention in mentions:
        parts += [text[done : mention.start], references[mention.source]]
        done = mention.end
    return "".join((*parts, text[done:]))


def place_of(text: str, index: int, file: str, length: int = 1) -> Place:
    start = text.rfind("\n", 0, index) + 1
    end = text.find("\n", index)
    line = text[start : len(text) if end < 0 else end].rstrip("\r")
    shown = line if len(line) <= MAX_SHOWN and line.isprintable() else ""
    return Place(file, text.count("\n", 0, index) + 1, index - start + 1, length, shown)


def _tokens(covered: str, text: str, file: str, *, is_template: bool) -> list[Any]:
    _refuse_deep(covered, file)
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        if not is_template:
            # The scanner takes what the parser refuses; a template is whole only when filled.
            for _ in YAML(pure=True).parse(covered):
                pass
        tokens = list(YAML(pure=True).scan(covered))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = error.problem or error.context or "the structure is broken"
        raise BadManifest(
            f"{file} is no YAML: {said}",
            hint="`whit resolve` reads YAML, JSON and Helm templates",
            place=place_of(text, min(mark.index, len(text)), file) if mark else None,
        ) from None
    except (YAMLError, RecursionError, ValueError) as error:
        said = (
            str(error).partition("\n")[0] if not isinstance(error, RecursionError) else "too deep"
        )
        raise BadManifest(
            f"{file} is no YAML: {said}", hint="`whit resolve` reads YAML, JSON and Helm templates"
        ) from None
    return [token for token in tokens if type(token).__name__ == "ScalarToken"]


def _refuse_deep(text: str, file: str) -> None:
    """The reader's time grows with the square of what is open at once."""
    depth = 0
    for match in _BRACKET.finditer(text):
        depth = depth + 1 if match[0] in "[{" else max(0, depth - 1)
        if depth > MAX_DEPTH:
            raise BadManifest(
                f"{file} is nested deeper than {MAX_DEPTH} levels", hint="is this a manifest?"
            )


def _source(mention: str, place: Place) -> str:
    """What is named, as `whit build` takes it; a path is normal and stays below where it starts."""
    import posixpath

    source = mention.removeprefix(SCHEME)
    is_path = source.startswith(("./", "../", "/")) or source in (".", "..")
    normal = posixpath.normpath(source) if is_path else source
    why = ""
    if not source or source.startswith("-"):
        why = "names nothing to build"
    elif normal.startswith("/") or normal.split("/")[0] == "..":
        why = "leads out of the directory it is seen from"
    elif "..." in source:
        why = "may mean several programs"
    if why:
        raise BadManifest(
            f"{mention} {why}",
            hint="name one program below the current directory, or a module at a version: "
            "whit://./cmd/app",
            place=place,
        )
    return normal if not is_path or normal == "." else f"./{normal}"


def _cover(match: re.Match[str], text: str) -> str:
    """Blanks for an action that has its lines for itself, else a word; both as long as it is."""
    before = text[text.rfind("\n", 0, match.start()) + 1 : match.start()]
    end = text.find("\n", match.end())
    after = text[match.end() : len(text) if end < 0 else end]
    if "\n" in match[0] or not (_ACTION.sub("", before).strip() or _ACTION.sub("", after).strip()):
        return re.sub(r"[^\n]", " ", match[0])
    return "x" * len(match[0])


def _is_comment(text: str, index: int) -> bool:
    line = text[text.rfind("\n", 0, index) + 1 : index]
    return bool(re.search(r"(?:^|\s)#", line))
