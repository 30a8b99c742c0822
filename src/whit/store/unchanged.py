"""The words of a build in, its last answer out, when nothing that it looked at changed.

    <cache>/unchanged/<key>
        whit unchanged 2
        answer  <reference>       for stdout
        said  <line>              for stderr
        warned  <line>            for stderr, also when nothing else is to be said there
        until  <seconds>          since 1970; the answer holds no longer
        asks  <question>          what else has to be true, by whit.build.asking
        touch  <path>             in use: a cache that is pruned by age must know
        holds  <path>             a manifest, named by the digest of its bytes
        seen  <mark>  <path>      a file, directory or link that the build looked at, "-" for none
        end

A build notes every path that it looked at with inode, size and times; the next start with the same
words, directory and environment compares them and imports nothing else. Only what cannot depend on
anything else is noted. Whatever is off with a note is as if there were none.

Nothing but what Python has loaded at its start is imported here.
"""

import os

# The type checker takes it for true; typing itself would cost more than all of this.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_FIRST = "whit unchanged 2"
_GREATEST_BYTES = 64 << 20
_GREATEST_DOCUMENT_BYTES = 4 << 20
# A file may change twice within one tick of its clock, and look the same.
_TICK_NS = 20_000_000
# What a build reads of its environment, by the beginnings of names.
_READ = (
    *("WHIT_", "XDG_", "SOURCE_DATE_EPOCH", "HOME", "DOCKER_", "BUILDKIT_", "PATH", "TMPDIR"),
    *("GO", "CGO_", "CC", "CXX", "FC", "AR", "GCC", "PKG_CONFIG", "GIT_"),
)
_NONE = "-"


class Answer:
    """What to print: `reference` on stdout, `lines` and `warnings` on stderr; if what it `asks`
    is answered with yes.
    """

    __slots__ = ("asks", "lines", "reference", "warnings")

    def __init__(
        self,
        reference: str,
        lines: "tuple[str, ...]",
        warnings: "tuple[str, ...]" = (),
        asks: "tuple[str, ...]" = (),
    ) -> None:
        self.reference, self.lines, self.warnings = reference, lines, warnings
        self.asks = asks


def mark_of(status: os.stat_result) -> str:
    """Other than before once a path was changed, replaced or given another mode."""
    return f"{status.st_ino}:{status.st_size}:{status.st_mtime_ns}:{status.st_ctime_ns}"


def seen_mark(path: str) -> str:
    try:
        return mark_of(os.lstat(path))
    except OSError:
        return _NONE


def place_of(cache: str, words: "Sequence[str]", directory: str, env: "Mapping[str, str]") -> str:
    """Where the note of these words lies. Of words and values there is only a digest in it."""
    from whit import __version__  # noqa: PLC0415

    read = sorted(
        f"{name}={value}"
        for name, value in env.items()
        if name.startswith(_READ) or name.lower().endswith("_proxy")
    )
    key = repr((__version__, os.getuid(), directory, tuple(words), read))
    digest = _sha256(key.encode("utf-8", "surrogateescape"))
    return f"{cache}/unchanged/{digest[:40]}"


def _sha256(data: bytes) -> str:
    # hashlib loads OpenSSL, which takes longer than all of this; the module's name is Python's own.
    try:
        from _sha256 import sha256  # type: ignore[import-not-found]  # noqa: PLC0415
    except ImportError:
        from hashlib import sha256  # noqa: PLC0415
    digest: str = sha256(data).hexdigest()
    return digest


def recall(cache: str, words: "Sequence[str]") -> "Answer | None":
    """The last answer, if it still holds."""
    if "build" not in words:
        return None
    try:
        with open(place_of(cache, words, os.getcwd(), os.environ), "rb") as file:
            data = file.read(_GREATEST_BYTES + 1)
        return _checked(data.decode("utf-8", "surrogateescape"))
    except (OSError, ValueError):
        return None


def _checked(text: str) -> "Answer | None":
    lines = text.split("\n")
    if lines[0] != _FIRST or lines[-1] != "end":
        return None
    reference = ""
    said: list[str] = []
    warned: list[str] = []
    touched: list[str] = []
    asks: list[str] = []
    for line in lines[1:-1]:
        kind, _, rest = line.partition("\t")
        if kind == "seen":
            mark, _, path = rest.partition("\t")
            try:
                if mark_of(os.lstat(path)) != mark:
                    return None
            except OSError:
                if mark != _NONE:
                    return None
        elif kind == "holds":
            if not _is_whole(rest):
                return None
        elif kind == "touch":
            touched.append(rest)
        elif kind == "said":
            said.append(rest)
        elif kind == "asks":
            asks.append(rest)
        elif kind == "warned":
            warned.append(rest)
        elif kind == "until":
            import time  # noqa: PLC0415 - built in

            if time.time() > int(rest):
                return None
        elif kind == "answer":
            reference = rest
    for path in touched:
        os.utime(path)
    answer = Answer(reference, tuple(said), tuple(warned), tuple(asks))
    return answer if reference else None


def _is_whole(path: str) -> bool:
    """Whether a blob has the bytes that its name says."""
    with open(path, "rb") as file:
        data = file.read(_GREATEST_DOCUMENT_BYTES + 1)
    return _sha256(data) == path.rpartition("/")[2]


class Watch:
    """What one build looked at. Once `spoil` was called nothing is noted."""

    def __init__(self, began_ns: int) -> None:
        self._began_ns = began_ns
        self._seen: dict[str, str] = {}
        self._is_spoilt = False

    def see(self, path: str, status: os.stat_result) -> None:
        if status.st_ctime_ns > self._began_ns - _TICK_NS:
            self._is_spoilt = True
        self._seen[path] = mark_of(status)

    def see_path(self, path: str) -> None:
        """A path that may be missing."""
        try:
            self.see(path, os.lstat(path))
        except OSError:
            self._seen[path] = _NONE

    def spoil(self) -> None:
        self._is_spoilt = True

    def keep(
        self,
        cache: str,
        words: "Sequence[str]",
        answer: Answer,
        touched: "Iterable[str]",
        documents: "Iterable[str]",
        settled: "Iterable[str]",
        until: int = 0,
    ) -> None:
        """Note it. `settled` are paths that this build itself may have written just now, and
        `documents` blobs among them whose times are changed to say that they are in use; `until`
        is in seconds since 1970, 0 for always.
        """
        place = place_of(cache, words, os.getcwd(), os.environ)
        seen = self._seen | {path: seen_mark(path) for path in settled}
        rows = [_FIRST, f"answer\t{answer.reference}"]
        rows += [f"said\t{line}" for line in answer.lines]
        rows += [f"warned\t{line}" for line in answer.warnings]
        rows += [f"asks\t{question}" for question in answer.asks]
        rows += [f"until\t{until}"] if until else []
        rows += [f"touch\t{path}" for path in touched]
        rows += [f"holds\t{path}" for path in documents]
        rows += [f"seen\t{mark}\t{path}" for path, mark in seen.items()]
        if self._is_spoilt or any("\n" in row for row in rows):
            return
        draft = f"{place}.{os.getpid()}"
        try:
            os.makedirs(os.path.dirname(place), mode=0o700, exist_ok=True)
            data = "\n".join((*rows, "end")).encode("utf-8", "surrogateescape")
            with open(draft, "wb") as file:
                file.write(data)
            os.rename(draft, place)
        except OSError:
            return
