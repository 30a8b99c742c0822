"""A source of ADD in, the git repository that it names out; nothing where it names none (pure).

    https://host/team/app.git?tag=v1&subdir=cmd#REF:SUBDIR
    ssh://git@host/team/app.git   git://host/app   git@host:team/app.git

http and https mean a repository only where the path ends in `.git`.
"""

import posixpath
import re

import msgspec

from whit.errors.dockerfile import RefusedInstruction

_SCHEMES = ("http", "https", "ssh", "git")
_SCP = re.compile(
    r"([a-zA-Z0-9_][a-zA-Z0-9_-]*@[a-zA-Z0-9][a-zA-Z0-9.-]*:[^?#]*)(?:\?([^#]*))?(?:#(.*))?\Z"
)
_PORT = re.compile(r":[0-9]*\Z")
_ESCAPE = re.compile(r"%([0-9a-fA-F]{2})")
_TRUE, _FALSE = ("1", "t", "true"), ("0", "f", "false")
_FLAGS = ("submodules", "keep-git-dir", "fetch-by-commit")
_WORDS = ("ref", "tag", "branch", "subdir", "checksum", "commit", "mtime")
_CHECKSUM = re.compile(r"[0-9a-f]{7,64}\Z")


class GitRef(msgspec.Struct, frozen=True):
    """`remote` is what git is told. `ref` is a branch, tag, commit or full name, "" for HEAD.

    `checksum` is the beginning of the commit that it must be; `keeps_git` None: not said.
    """

    remote: str
    ref: str = ""
    subdir: str = ""
    checksum: str = ""
    keeps_git: bool | None = None
    has_submodules: bool = True

    @property
    def host(self) -> str:
        if "://" in self.remote:
            place = self.remote.partition("://")[2].partition("/")[0].rpartition("@")[2]
            return _PORT.sub("", place).strip("[]").lower()
        return self.remote.partition("@")[2].partition(":")[0]


def is_remote(source: str) -> bool:
    """Whether ADD fetches it, as a download or a repository."""
    return source.startswith(("http://", "https://")) or _parts_of(source) is not None


def parse_git_ref(source: str) -> GitRef | None:
    """None when it is no repository. Errors: RefusedInstruction for a query that makes no sense."""
    parts = _parts_of(source)
    if parts is None:
        return None
    remote, query, fragment = parts
    ref, _, subdir = fragment.partition(":")
    asked: dict[str, str] = {}
    for name, value in _pairs_of(query):
        if name not in (*_FLAGS, *_WORDS):
            raise _refused(source, f"?{name}= means nothing")
        if name in asked:
            raise _refused(source, f"?{name}= is there twice")
        if not value and name in _WORDS:
            raise _refused(source, f"?{name}= has no value")
        asked[name] = value
    for name, prefix in (("ref", ""), ("branch", "refs/heads/"), ("tag", "refs/tags/")):
        value = asked.get(name, "")
        if value:
            full = value if value.startswith(prefix) else prefix + value
            if ref and ref != full:
                raise _refused(source, f"it names {ref} and {full}")
            ref = full
    subdir = _agreed(source, _inside(subdir), _inside(asked.get("subdir", "")))
    checksum = _agreed(source, asked.get("checksum", ""), asked.get("commit", ""))
    if checksum:
        check_commit(source, checksum)
    if ref.startswith("-") or ".." in ref or any(c <= " " or c in "\x7f~^:?*[\\" for c in ref):
        raise _refused(source, f"{ref!r} is no branch, tag or commit")
    keeps = _flag(source, asked, "keep-git-dir")
    submodules = _flag(source, asked, "submodules")
    return GitRef(remote, ref, subdir, checksum, keeps, submodules is not False)


def check_commit(source: str, checksum: str) -> None:
    """Errors: RefusedInstruction."""
    if not _CHECKSUM.match(checksum):
        raise _refused(source, f"{checksum} is no commit: write 7 to 64 hexadecimal digits")


def _parts_of(source: str) -> tuple[str, str, str] | None:
    """Remote, query, fragment."""
    scheme, separator, _ = source.partition("://")
    if separator:
        if scheme.lower() not in _SCHEMES:
            return None
        plain, _, fragment = source.partition("#")
        plain, _, query = plain.partition("?")
        place, _, path = plain.partition("://")[2].partition("/")
        if scheme.lower() in ("http", "https") and not path.endswith(".git"):
            return None
        host = place.rpartition("@")[2]
        if not host or host.startswith(("-", ":")):
            return None
        return f"{scheme.lower()}://{place}/{path}", query, fragment
    match = _SCP.match(source)
    return (match[1], match[2] or "", match[3] or "") if match else None


def _pairs_of(query: str) -> list[tuple[str, str]]:
    pairs = [word.partition("=") for word in query.split("&") if word]
    return [(_unescaped(name), _unescaped(value)) for name, _, value in pairs]


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text.replace("+", " "))


def _inside(subdir: str) -> str:
    return posixpath.normpath(f"/{subdir}").strip("/") if subdir else ""


def _agreed(source: str, one: str, other: str) -> str:
    if one and other and one != other:
        raise _refused(source, f"it names {one} and {other}")
    return one or other


def _flag(source: str, asked: dict[str, str], name: str) -> bool | None:
    value = asked.get(name)
    if value is None:
        return None
    if value.lower() not in (*_TRUE, *_FALSE, ""):
        raise _refused(source, f"?{name}={value} is neither true nor false")
    return value.lower() not in _FALSE


def _refused(source: str, why: str) -> RefusedInstruction:
    return RefusedInstruction(f"ADD {source}: {why}", hint="write https://HOST/PATH.git#REF:SUBDIR")
