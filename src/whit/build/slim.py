"""An existing image in, what to build of it out: its program and everything the program is known to
need, from the image itself.

    image ─unpack─▶ root ─▶ program, interpreter, named files ─▶ Request ─▶ the corridor

What no reading can know (files that a program finds by itself, programs that it runs) is kept
where the image's configuration names it, and else said.
"""

import os
import re
from pathlib import Path

import msgspec

from whit.bases.root import Root
from whit.build.request import Request, make_request
from whit.build.settings import Settings
from whit.errors.request import NothingToRun
from whit.layer.unpack import unpack_layers
from whit.model.files import Found
from whit.model.image import Image
from whit.oci.documents import Config, RunDocument, decode
from whit.store.blobs import Store

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SCRIPT_BYTES = 1 << 20
# Trees of the image that a program names are kept up to this size; larger ones are said.
MAX_TREE_BYTES = 64 << 20
# Not a program's own directories, but everybody's.
_CHILDREN = {
    "": "bin boot dev etc home lib lib64 media mnt opt proc root run sbin srv sys tmp usr var",
    "/usr": "bin lib local sbin share",
    "/usr/local": "bin lib sbin share",
    "/var": "cache lib log run tmp",
    "/etc": "ssl ssl/certs",
}
_COMMON = frozenset(
    ["/", *(f"{above}/{name}" for above, names in _CHILDREN.items() for name in names.split())]
)
_PATH_IN_BYTES = re.compile(rb"/(?:etc|usr/share|var/lib|opt|srv)/[A-Za-z0-9._+/-]{2,200}")
_WORD = re.compile(r"[A-Za-z0-9._+/-]+")
MAX_NAMED = 200


class Slimming(msgspec.Struct, frozen=True):
    """What was found out about an image before anything is built."""

    request: Request
    program: str
    notes: tuple[str, ...]


def slimming_of(image: Image, store: Store, root: Path, request: Request) -> Slimming:
    """Unpack `image` into the empty directory `root`, and say what is kept of it.

    Errors: NothingToRun when it starts nothing; those of hostile layers.
    """
    streams = (store.open_blob(layer.digest, layer.size) for layer in image.layers)
    unpack_layers(streams, root)
    document = decode(Config, image.config, "the image's config").config or RunDocument()
    here = _Unpacked(Root(str(root)), document)
    here.keep_program()
    here.keep_working_directory()
    here.keep_named()
    here.keep_health_check()
    return Slimming(here.request(root, request), here.program, tuple(here.notes))


class _Unpacked:
    """The image's root and configuration; what is kept gathers in `words` and `files`."""

    def __init__(self, root: Root, document: RunDocument) -> None:
        self.root, self.document = root, document
        self.env = dict(pair.partition("=")[::2] for pair in document.env or ())
        self.words: list[str] = []
        self.files: dict[str, str] = {}
        self.notes: list[str] = []
        self.program = ""

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
        self._keep_alias(self._place_of(command[0]))

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
        self._keep_file(found.path)
        self.notes.append(
            f"{found.path} is a script: {interpreter.path} and the programs that it names are "
            "kept; what it finds out while it runs cannot be known"
        )
        self._keep_script(text)
        self._keep_arguments(command[1:], is_shell=False)
        return interpreter.path

    def _keep_alias(self, path: str) -> None:
        """The name that the program is started by, where that is a link."""
        found = self.root.find(path)
        if found is not None and found.path != path and found.path == self.program:
            self.words.append(f"program:{path}")

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
            if bytes(data[:4]) == b"\x7fELF":
                # By the name that was used: busybox and its like go by many.
                self.words.append(f"program:{path}")
            elif bytes(data[:2]) == b"#!" and found.path not in self.files:
                self._keep_file(found.path)
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
            self._keep_tree(os.path.normpath(place), "the working directory")

    def keep_named(self) -> None:
        """Files under /etc, /usr/share and the like whose paths stand in the program's bytes or in
        its environment, with the directory that is theirs.
        """
        found = self.root.find(self.program)
        texts = [value.encode() for value in self.env.values()]
        if found is not None:
            texts.append(bytes(self.root.read(found)))
        named = dict.fromkeys(
            match.group().decode() for text in texts for match in _PATH_IN_BYTES.finditer(text)
        )
        there = dict.fromkeys(self._longest(text) for text in named)
        for path in list(there)[:MAX_NAMED]:
            self._keep_path(path)

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

    def _keep_path(self, path: str) -> None:
        path = os.path.normpath(path)
        if path in _COMMON or path.startswith(("/etc/ssl/", "/usr/share/zoneinfo")):
            return
        if os.path.isdir(self.root.host_path(path)) and not os.path.islink(
            self.root.host_path(path)
        ):
            self._keep_tree(path, "named by the program or its configuration")
            return
        found = self.root.find(path)
        if found is None or path.startswith(("/usr/share/locale", "/usr/share/doc")):
            return
        parent = os.path.dirname(path)
        if parent in _COMMON or self._checked(path) is not None:
            self._keep_file(path)
        else:
            self._keep_tree(parent, f"holds {os.path.basename(path)}, which is named")

    def _keep_tree(self, path: str, why: str) -> None:
        word = f"tree:{path}"
        if any(kept == word or path.startswith(kept[5:] + "/") for kept in self.words):
            return
        size = _size_of(self.root.host_path(path))
        if size > MAX_TREE_BYTES:
            self.notes.append(
                f"{path} ({why}) is left out: it holds {size >> 20} MiB; "
                f"--need tree:{path} keeps it"
            )
            return
        if os.path.isdir(self.root.host_path(path)):
            self.words.append(word)

    def _keep_file(self, path: str) -> None:
        found = self.root.find(path)
        if found is not None:
            self.files[path] = self.root.host_path(found.path)

    # ---- the request ----------------------------------------------------------------------------

    def request(self, root: Path, asked: Request) -> Request:
        """The user's request, with the image as source, root and configuration."""
        document = self.document
        settings = asked.settings
        directories = {*(document.volumes or {}), *settings.directories}
        is_named = not re.fullmatch(r"\d+(:\d+)?", document.user or "0")
        if is_named:
            for path in ("/etc/passwd", "/etc/group"):
                self._keep_file(path)
        files = {path: place for path, place in self.files.items() if place}
        trees = tuple(word[5:] for word in self.words if word.startswith("tree:"))
        inside = tuple(path + "/" for path in trees)
        wanted: Settings = msgspec.structs.replace(
            settings,
            needs=msgspec.structs.replace(
                settings.needs,
                add=(*settings.needs.add, *dict.fromkeys(self.words)),
                drop=(*settings.needs.drop, *(("users",) if is_named else ())),
                sysroot=str(root),
            ),
            image=msgspec.structs.replace(
                settings.image, user="0:0" if is_named else _ids(document.user)
            ),
            files={
                **{p: f for p, f in files.items() if not p.startswith(inside)},
                **settings.files,
            },
            directories=tuple(sorted(d for d in directories if d not in trees)),
        )
        found = self.root.find(self.program)
        source = self.root.host_path(found.path if found else self.program)
        request = make_request(source, Path(asked.directory), Path(asked.home), wanted, asked.names)
        return msgspec.structs.replace(
            request,
            destinations=asked.destinations,
            pushes=asked.pushes,
            offline=asked.offline,
            keeps=msgspec.json.encode(document),
        )


def _ids(user: str) -> str:
    """`0:0` for root, whom an image means that names nobody."""
    return user if ":" in user else f"{user or 0}:{user or 0}"


_SHELLS = frozenset({"sh", "bash", "dash", "ash", "busybox", "zsh"})


def _size_of(directory: str) -> int:
    return sum(
        os.lstat(os.path.join(place, name)).st_size
        for place, _, names in os.walk(directory)
        for name in names
    )
