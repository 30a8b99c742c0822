"""A root and a program in it in, what is the program's own out: files to keep beside its closure.

    by package   what came with it (libpython3.11-stdlib with python3.11), but for what only
                 people, builds and init systems read
    by name      PREFIX/lib/NAME, PREFIX/share/NAME, /etc/NAME, /var/lib/NAME and the like
    by bytes     programs whose paths stand in it, where it runs programs

A door: it reads files of the root.
"""

import os
import re
from collections.abc import Iterator

from whit.bases.root import Root
from whit.model.files import Found

# What a package brings for people, builds, shells and init systems.
_ASIDE = re.compile(
    r"/usr/share/(?:doc|man|info|locale|lintian|bug|doc-base|menu|applications|icons|pixmaps|"
    r"bash-completion|zsh|fish|metainfo|apport|reportbug|nano|vim)(?:/|$)|/usr/include(?:/|$)|"
    r"(?:/usr)?/lib/(?:systemd|udev|tmpfiles\.d|sysusers\.d)(?:/|$)|"
    r"/etc/(?:init\.d|rc\w?\.d|cron\.\w+|logrotate\.d|systemd|bash_completion\.d|apparmor\.d|ufw|"
    r"default|profile\.d)(?:/|$)|.*/(?:pkgconfig|__pycache__)/|.*\.(?:a|la|h)$"
)
# Other programs on PATH, and libraries where the loader looks: closures decide about them.
_SHARED = re.compile(
    r"(?:/usr)?(?:/local)?/s?bin/[^/]+$|(?:/usr)?(?:/local)?/lib\w*(?:/[a-z0-9_]+-linux-\w+)?"
    r"/[^/]+\.so[^/]*$"
)
_BESIDE = ("lib", "lib64", "libexec", "share", "etc")
_OF_SYSTEM = ("/etc", "/var/lib", "/var/log", "/var/cache", "/var/spool", "/var/www", "/run")
_RUNS = re.compile(
    rb"\0(?:system|popen|exec[lv]p?e?|execvpe|fexecve|posix_spawnp?)\0|os/exec\.\(\*Cmd\)\.Start"
)
_ASKS_SHELL = re.compile(rb"\0(?:system|popen)\0")
_PROGRAM = re.compile(rb"/(?:usr/(?:local/)?)?s?bin/[A-Za-z0-9._+-]{1,60}")
MAX_FILES = 4000


def files_by_package(path: str, root: Root) -> Iterator[str]:
    """Files and links, not directories."""
    listed = root.packages.files_of(path) or _of_alpine(path, root)
    for one in listed[: MAX_FILES * 8]:
        if _ASIDE.match(one) or _SHARED.match(one):
            continue
        place = root.host_path(one)
        if root.link(one) is not None or (os.path.isfile(place) and root.find(one) == Found(one)):
            yield one


def trees_by_name(path: str, root: Root) -> Iterator[str]:
    """Directories that are called like the program, beside it and where state and settings lie."""
    prefix, _, name = path.rpartition("/")
    above = prefix.rpartition("/")[0]
    places = [f"{above}/{one}" for one in _BESIDE] if prefix.endswith(("/bin", "/sbin")) else []
    for place in (*places, *_OF_SYSTEM):
        for one in root.names(place):
            if is_called_like(one, name) and root.is_directory(f"{place}/{one}", 0):
                yield f"{place}/{one}"


def is_called_like(directory: str, program: str) -> bool:
    """`python3` and `python3.11` are python3.11's, `redis` is redis-server's, `perl5` perl's."""
    stem = re.split(r"[-.\d]", program, maxsplit=1)[0]
    number = program.removeprefix(stem) if program[len(stem) :][:1].isdigit() else ""
    if directory == program:
        return True
    if len(stem) < 3 or not directory.startswith(stem):
        return False
    rest = directory.removeprefix(stem)
    return not rest or bool(
        re.fullmatch(r"[\d.]+", rest) and (not number or number.startswith(rest))
    )


def programs_by_bytes(data: memoryview) -> tuple[str, ...]:
    """What may be paths of programs, as they stand in one that runs others; each may be longer
    than what is meant.
    """
    if not _RUNS.search(data):
        return ()
    # The path of the shell stands in libc.
    shell = ("/bin/sh",) if _ASKS_SHELL.search(data) else ()
    named = (match.group().decode() for match in _PROGRAM.finditer(data))
    return tuple(dict.fromkeys((*shell, *named)))


def namesakes(name: str, besides: str, root: Root) -> tuple[str, ...]:
    """Programs of the same name elsewhere: a wrapper that is a script starts one of them."""
    found = []
    for place, directories, names in os.walk(root.host_path("/usr/lib")):
        inside = place[len(root.host_path("")) :]
        if inside.count("/") > 6:
            directories.clear()
        if name in names and f"{inside}/{name}" != besides:
            found.append(f"{inside}/{name}")
    return tuple(sorted(found))


def is_program(path: str, root: Root) -> bool:
    """Whether an ELF program that can be executed, and no library, lies at `path` itself."""
    found = root.find(path)
    if found is None or found.path != path or re.search(r"\.so(\.\d+)*$", path):
        return False
    is_executable = os.stat(root.host_path(path)).st_mode & 0o111
    return bool(is_executable) and bytes(root.read(found)[:4]) == b"\x7fELF"


# ---- apk ----------------------------------------------------------------------------------------

_APK = "/lib/apk/db/installed"


def _of_alpine(path: str, root: Root) -> tuple[str, ...]:
    """The files of the apk package that owns `path`: lines `F:directory`, `R:name` of a stanza."""
    database = root.find(_APK)
    if database is None:
        return ()
    above, _, name = path[1:].rpartition("/")
    for stanza in bytes(root.read(database)).split(b"\n\n"):
        if b"\nF:%b\n" % above.encode() not in stanza or b"\nR:%b\n" % name.encode() not in stanza:
            continue
        files, place = [], ""
        for line in stanza.decode("utf-8", "replace").split("\n"):
            if line.startswith("F:"):
                place = line[2:]
            elif line.startswith("R:"):
                files.append(f"/{place}/{line[2:]}")
        if path in files:
            return tuple(files)
    return ()
