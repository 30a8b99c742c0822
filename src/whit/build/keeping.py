"""An unpacked image and its configuration in, what is kept of it out, as words of `--need`.

    the program that starts, the interpreter and the words of a script
    what came with it or is called like it, and what its bytes, environment and configuration name
    programs and links among that, each with what it leads to

What no reading can know is said. A door: it reads files of the root.
"""

import os
import re
from collections.abc import Iterable, Iterator

from whit.bases.root import Root
from whit.build.belongings import (
    files_by_package,
    is_program,
    namesakes,
    programs_by_bytes,
    trees_by_name,
)
from whit.build.owners import Owned, written_by_others
from whit.errors.request import NothingToRun
from whit.model.files import Found
from whit.model.tree import parents_of
from whit.needs.taking import readers_of
from whit.oci.documents import RunDocument

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SCRIPT_BYTES = 1 << 20
# Trees of the image that a program names are kept up to this size; larger ones are said.
MAX_TREE_BYTES = 64 << 20
MAX_OWN_BYTES = 4 << 30
MAX_TEXT_BYTES = 256 << 10
# Not a program's own directories, but everybody's.
_CHILDREN = {
    "": "bin boot dev etc home lib lib64 media mnt opt proc root run sbin srv sys tmp usr var",
    "/usr": "bin lib libexec local sbin share",
    "/usr/local": "bin etc lib libexec sbin share",
    "/var": "cache lib log run spool tmp",
    "/etc": "ssl ssl/certs",
}
_COMMON = frozenset(
    ["/", *(f"{above}/{name}" for above, names in _CHILDREN.items() for name in names.split())]
)
_PATH_IN_BYTES = re.compile(
    rb"/(?:etc|usr/(?:share|lib|libexec|local)|var/(?:lib|log|cache|spool|www)|opt|srv)"
    rb"/[A-Za-z0-9._+/-]{2,200}"
)
# Named by many programs, and decided about by rules.
_DECIDED = re.compile(
    r"/etc/ssl(/|$)|/usr/share/(zoneinfo|locale|doc|man|info)(/|$)|"
    r"/usr/(local/)?lib/([a-z0-9_]+-linux-\w+$|locale|ssl|gconv|os-release|[^/]+\.so)|"
    r".*/[a-z0-9_]+-linux-\w+/[^/]+\.so[.\d]*$|/etc/(passwd|group|nsswitch\.conf|ld\.so\.\w+)$|"
    r".*/(__pycache__|tests?)$"
)
_WORD = re.compile(r"[A-Za-z0-9._+/-]+")
MAX_NAMED = 200
# Directories that cost nothing, and that programs expect.
_WRITTEN = ("/tmp", "/var/tmp", "/run", "/root")
_SHELLS = frozenset({"sh", "bash", "dash", "ash", "busybox", "zsh"})


class Keeper:
    """What is kept gathers in `words`, as `--need` takes them; what is to be said, in `notes`."""

    def __init__(self, root: Root, document: RunDocument) -> None:
        self.root, self.document = root, document
        self.env = dict(pair.partition("=")[::2] for pair in document.env or ())
        self.words: dict[str, None] = {}
        self.notes: list[str] = []
        self.program = ""
        # The program and, where it is one for a script, that; by every name that is used for it.
        self.names: tuple[str, ...] = ()

    def keep_all(self, owners: Owned) -> None:
        """Errors: NothingToRun."""
        self.keep_program()
        self.keep_working_directory()
        self.keep_belongings()
        self.keep_named()
        self.keep_health_check()
        self.keep_helpers()
        self.keep_directories(owners)

    # ---- programs -------------------------------------------------------------------------------

    def keep_program(self) -> None:
        """The program that starts, or the interpreter of the script that does."""
        command = (*(self.document.entrypoint or ()), *(self.document.cmd or ()))
        if not command:
            raise NothingToRun(
                "the image starts nothing: it has neither entrypoint nor command",
                hint="name the program: whit slim --entrypoint /PROGRAM",
            )
        found = self._executable(command[0])
        if found is None:
            raise NothingToRun(
                f"the image starts {command[0]!r}, which is not in it",
                hint="name another: whit slim --entrypoint /PROGRAM",
            )
        self.program = self._unscripted(found, command)
        place = self._place_of(command[0])
        self.names = tuple(dict.fromkeys((self.program, place, found.path)))
        if place != self.program:
            # The name that it is started by: a link, or a script.
            self._word(f"file:{place}")

    def _unscripted(self, found: Found, command: tuple[str, ...]) -> str:
        data = self.root.read(found)
        if bytes(data[:2]) != b"#!":
            self._keep_arguments(command[1:], is_shell=os.path.basename(found.path) in _SHELLS)
            return found.path
        text = bytes(data[:SCRIPT_BYTES]).decode("utf-8", "replace")
        words = text.partition("\n")[0][2:].split()
        if words and os.path.basename(words[0]) == "env":
            words = [word for word in words[1:] if not word.startswith("-")]
        interpreter = self._executable(words[0]) if words else None
        if interpreter is None:
            raise NothingToRun(
                f"{found.path} is a script, and its interpreter is not in the image",
                hint="the image could not start either",
            )
        self.notes.append(
            f"{found.path} is a script: {interpreter.path} and the programs that it names are "
            "kept; what it finds out while it runs cannot be known"
        )
        for path in namesakes(os.path.basename(command[0]), found.path, self.root):
            if is_program(path, self.root):
                self._word(f"program:{path}")
        self._keep_script(text)
        self._keep_arguments(command[1:], is_shell=False)
        return interpreter.path

    def _keep_script(self, text: str) -> None:
        """Programs and files that a script names, each word on its own."""
        for word in dict.fromkeys(_WORD.findall(text)):
            self._keep_word(word)

    def _keep_arguments(self, words: tuple[str, ...], *, is_shell: bool) -> None:
        """`sh -c TEXT` is a script; of other arguments, programs and paths that exist are kept."""
        for word in words:
            if is_shell:
                self._keep_script(word)
            self._keep_word(word, is_program=word == words[0])

    def _keep_word(self, word: str, *, is_program: bool = True) -> None:
        path = "" if word.isdigit() or word in (".", "..") else self._place_of(word)
        if not (path and is_program):
            if word.startswith("/"):
                self._keep_path(word)
            return
        found = self.root.find(path)
        if found is not None and f"program:{path}" not in self.words:
            data = self.root.read(found)
            # By the name that was used: busybox and its like go by many.
            if bytes(data[:4]) == b"\x7fELF":
                self._word(f"program:{path}")
            elif bytes(data[:2]) == b"#!":
                self._word(f"program:{path}")
                self._keep_script(bytes(data[:SCRIPT_BYTES]).decode("utf-8", "replace"))

    def _executable(self, word: str) -> Found | None:
        path = self._place_of(word)
        return self.root.find(path) if path else None

    def _place_of(self, word: str) -> str:
        """The path that execvp takes in the image, "" for none."""
        if "/" in word:
            path = os.path.normpath(os.path.join(self.document.working_dir or "/", word))
            return path if self._checked(path) else ""
        places = self.env.get("PATH", DEFAULT_PATH).split(":")
        paths = (f"{place.rstrip('/')}/{word}" for place in places if place.startswith("/"))
        return next((path for path in paths if self._checked(path)), "")

    def _checked(self, path: str) -> Found | None:
        found = self.root.find(path)
        if found is None or not os.access(self.root.host_path(found.path), os.R_OK):
            return None
        return found if os.stat(self.root.host_path(found.path)).st_mode & 0o111 else None

    # ---- files ----------------------------------------------------------------------------------

    def keep_working_directory(self) -> None:
        """A directory that is set on purpose holds what the program reads."""
        place = self.document.working_dir
        if place and os.path.normpath(place) not in _COMMON:
            self._keep_tree(os.path.normpath(place), "the working directory", MAX_OWN_BYTES)

    def keep_belongings(self) -> None:
        """What came with the program, and directories that are called like it."""
        for name in self.names:
            for path in trees_by_name(name, self.root):
                self._keep_tree(path, f"called like {name}", MAX_OWN_BYTES)
        for path in dict.fromkeys(p for name in self.names for p in self._with_package(name)):
            self._word(f"file:{path}")

    def _with_package(self, name: str) -> tuple[str, ...]:
        found = self.root.find(name)
        return tuple(files_by_package(found.path, self.root)) if found is not None else ()

    def keep_named(self) -> None:
        """Files under /etc, /usr/share and the like whose paths stand in the program's bytes, in
        its environment or in its configuration, with the directory that is theirs.
        """
        found = self.root.find(self.program)
        data = self.root.read(found) if found is not None else memoryview(b"")
        self._keep_paths([*(value.encode() for value in self.env.values()), data])
        named = dict.fromkeys(self._longest(text) for text in programs_by_bytes(data))
        others = [path for path in named if self._checked(path)]
        for path in others:
            self._keep_word(path)
        if others:
            self.notes.append(
                f"{self.program} runs other programs: {', '.join(others)} and what came with it "
                "are kept; --need program:NAME keeps one that it finds by name"
            )
        self._keep_paths(self._configuration())

    def _keep_paths(self, texts: Iterable[bytes | memoryview]) -> None:
        named = dict.fromkeys(
            match.group().decode() for text in texts for match in _PATH_IN_BYTES.finditer(text)
        )
        for path in list(dict.fromkeys(self._longest(text) for text in named))[:MAX_NAMED]:
            self._keep_path(path)

    def _configuration(self) -> Iterator[memoryview]:
        """The texts below /etc that are kept."""
        for path in self._kept_files():
            found = self.root.find(path) if path.startswith("/etc/") else None
            data = self.root.read(found) if found is not None else memoryview(b"")
            if len(data) <= MAX_TEXT_BYTES:
                yield data

    def _kept_files(self) -> Iterator[str]:
        for word in tuple(self.words):
            kind, _, top = word.partition(":")
            if kind == "file":
                yield top
            elif kind == "tree":
                base = len(self.root.host_path(""))
                for place, _, names in os.walk(self.root.host_path(top)):
                    yield from (f"{place[base:]}/{name}" for name in names)

    def _longest(self, text: str) -> str:
        """The longest path in the image that `text` begins with: a Go program's strings follow
        each other without a border.
        """
        at, rest = "", text
        while rest.startswith("/"):
            names = (n for n in self.root.names(at or "/") if rest.startswith(n, 1))
            name = max(names, key=len, default="")
            if not name:
                break
            at, rest = f"{at}/{name}", rest[1 + len(name) :]
        return at or "/"

    def keep_health_check(self) -> None:
        check = self.document.healthcheck
        test = tuple(check.test or ()) if check is not None else ()
        if test[:1] == ("CMD",):
            self._keep_arguments(test[1:], is_shell=False)
        elif test[:1] == ("CMD-SHELL",):
            self._keep_word("/bin/sh")
            self._keep_script(" ".join(test[1:]))
        if test and test[0] != "NONE":
            self.notes.append("the health check is kept, with the programs that it names")

    def keep_helpers(self) -> None:
        """Programs among what is kept bring their closures, links what they lead to, and scripts
        the shell that reads them.
        """
        readers: dict[str, list[str]] = {}
        helpers: dict[str, None] = {}
        for path in self._kept_files():
            found = self.root.find(path)
            if found is None or self._is_kept_script(found):
                continue
            if found.path != path:
                self._word(f"file:{found.path}")
            if is_program(found.path, self.root):
                helpers[found.path] = None
            elif self._checked(path):
                reader = self._reader_of(found)
                if reader:
                    readers.setdefault(reader, []).append(path)
        for path in list(helpers)[:MAX_NAMED]:
            if path != self.program:
                self._word(f"program:{path}")
        for reader, scripts in readers.items():
            self._keep_reader(reader, scripts)

    def _reader_of(self, found: Found) -> str:
        words = readers_of(bytes(self.root.read(found)[:512]))
        reader = self._executable(words[-1]) if words else None
        return reader.path if reader is not None else ""

    def _keep_reader(self, reader: str, scripts: list[str]) -> None:
        if os.path.basename(reader) in _SHELLS:
            self._word(f"program:{reader}")
        elif f"program:{reader}" not in self.words and reader != self.program:
            many = f" and {len(scripts) - 1} more are scripts" if scripts[1:] else " is a script"
            self.notes.append(
                f"{scripts[0]}{many} for {reader}, which is left out: "
                f"--need program:{reader} keeps it"
            )

    def _is_kept_script(self, found: Found) -> bool:
        return f"program:{found.path}" in self.words or found.path == self.program

    def keep_accounts(self) -> None:
        for path in ("/etc/passwd", "/etc/group"):
            if self.root.find(path) is not None:
                self._word(f"file:{path}")

    def keep_directories(self, owners: Owned) -> None:
        """Where everybody writes, and where somebody writes who is not root."""
        for path in (*_WRITTEN, *written_by_others(owners, self.root.host_path(""))):
            if self.root.is_directory(path, 0) and not self._is_in_tree(path):
                self._word(f"directory:{path}")

    def _word(self, word: str) -> None:
        kind, _, path = word.partition(":")
        if kind != "file" or not self._is_in_tree(path):
            self.words[word] = None

    def _is_in_tree(self, path: str) -> bool:
        return any(f"tree:{parent}" in self.words for parent in (*parents_of(path), path))

    def _keep_path(self, path: str) -> None:
        path = os.path.normpath("/" + path.strip("/"))
        if path in _COMMON or _DECIDED.match(path):
            return
        if self.root.is_directory(path, 0):
            self._keep_tree(path, "named by the program or its configuration")
            return
        if self.root.find(path) is None:
            return
        parent = os.path.dirname(path)
        if parent in _COMMON or _DECIDED.match(parent) or self._checked(path) is not None:
            self._word(f"file:{path}")
        else:
            self._keep_tree(parent, f"holds {os.path.basename(path)}, which is named")

    def _keep_tree(self, path: str, why: str, limit: int = MAX_TREE_BYTES) -> None:
        if self._is_in_tree(path) or not self.root.is_directory(path, 0):
            return
        size = _size_of(self.root.host_path(path))
        if size > limit:
            self.notes.append(
                f"{path} ({why}) is left out: it holds {size >> 20} MiB; "
                f"--need tree:{path} keeps it"
            )
            return
        self._word(f"tree:{path}")


def _size_of(directory: str) -> int:
    return sum(
        os.lstat(os.path.join(place, name)).st_size
        for place, _, names in os.walk(directory)
        for name in names
    )
