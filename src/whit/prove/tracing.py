r"""The lines of strace in, what the program was seen to use out. Pure.

    412 openat(AT_FDCWD, "/etc/app.conf", O_RDONLY|O_CLOEXEC) = -1 ENOENT (No such file or …)
    412 bind(3, {sa_family=AF_INET6, sin6_port=htons(8080), …}, 28) = 0
    412 connect(6, {sa_family=AF_INET, … <unfinished ...>
    412 <... connect resumed>) = -1 EINPROGRESS (Operation now in progress)

The trace begins with the container's runtime; the program begins where its first word is executed.
That process counts, and every one that begins later: the runtime's own were there before. (What
clone returns is a number of the container's.) A line that is understood in no way is passed over:
the answer is "at least these".
"""

import re
from collections.abc import Iterable, Iterator

from whit.model.contract import Observed

TRACED = (
    "trace=%process,%file,bind,listen,connect,socket,chown,fchown,setuid,setgid,setgroups,"
    "setresuid,setresgid,mount,umount2,sethostname,clock_settime,settimeofday,ptrace"
)
MAX_STRING_BYTES = 4096
_MOST = 500
_MAX_PENDING = 4096
_LINE = re.compile(r"(\d+)\s+(.*)")
_CALL = re.compile(r"(\w+)\((.*)\)\s+= (-?\d+|0x[0-9a-f]+|\?)(?: (E[A-Z]+))?")
_RESUMED = re.compile(r"<\.\.\. \w+ resumed>(.*)")
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ADDRESS = re.compile(
    r"sin6?_port=htons\((\d+)\).*?(?:inet_addr\(\"([^\"]+)\"|inet_pton\(AF_INET6, \"([^\"]+)\")"
)
_CHANGES = (
    *("creat", "mkdir", "mkdirat", "unlink", "unlinkat", "rmdir", "truncate", "symlink"),
    *("symlinkat", "link", "linkat", "rename", "renameat", "renameat2", "mknod", "mknodat"),
)
# Of the kernel and the runtime, never of the image.
_KERNEL = ("/proc/", "/sys/", "/dev/")
# capabilities(7): calls that succeed only with one, unless they change nothing.
_CAPABILITIES = {
    "chown": "CHOWN", "fchown": "CHOWN", "lchown": "CHOWN", "fchownat": "CHOWN",
    "setuid": "SETUID", "setresuid": "SETUID", "setgid": "SETGID", "setresgid": "SETGID",
    "setgroups": "SETGID", "chroot": "SYS_CHROOT", "mount": "SYS_ADMIN", "umount2": "SYS_ADMIN",
    "sethostname": "SYS_ADMIN", "mknod": "MKNOD", "mknodat": "MKNOD", "ptrace": "SYS_PTRACE",
    "clock_settime": "SYS_TIME", "settimeofday": "SYS_TIME",
}  # fmt: skip


def observed_in(lines: Iterable[str], program: str, working_dir: str) -> Observed:
    """`program` is the first word of the command, relative paths start at `working_dir`."""
    seen = _Seen(working_dir.rstrip("/"))
    others: set[str] = set()
    has_begun = False
    for process, name, arguments, result, error in _calls(lines):
        if has_begun:
            if process not in others:
                seen.take(name, arguments, error)
            continue
        words = _STRING.findall(arguments)
        has_begun = name in ("execve", "execveat") and result == "0" and program in words[1:2]
        others.add(process)
        if has_begun:
            others.discard(process)
    return seen.observed()


def _calls(lines: Iterable[str]) -> Iterator[tuple[str, str, str, str, str]]:
    """(process, call, arguments, result, error); halves of an interrupted call are put together."""
    pending: dict[str, str] = {}
    for line in lines:
        found = _LINE.match(line)
        if found is None:
            continue
        process, text = found[1], found[2]
        if text.endswith("<unfinished ...>"):
            if len(pending) < _MAX_PENDING:
                pending[process] = text.removesuffix("<unfinished ...>")
            continue
        resumed = _RESUMED.match(text)
        if resumed is not None:
            text = pending.pop(process, "") + resumed[1]
        call = _CALL.match(text)
        if call is not None:
            yield process, call[1], call[2], call[3], call[4] or ""


class _Seen:
    """What was seen so far, bounded."""

    def __init__(self, working_dir: str) -> None:
        self._working_dir = working_dir
        self._kinds: dict[str, set[str]] = {}

    def take(self, name: str, arguments: str, error: str) -> None:
        strings = _STRING.findall(arguments)
        if name in ("open", "openat", "openat2"):
            self._opened(strings, arguments, error)
        elif name in _CHANGES and not error:
            for path in strings:
                self._path("writes", path)
        elif name in ("execve", "execveat") and strings:
            self._path("missing" if error else "runs", strings[0])
        elif name == "bind" and not error and "AF_INET" in arguments:
            self._listening(arguments)
        elif name == "connect" and error in ("", "EINPROGRESS", "ECONNREFUSED", "EHOSTUNREACH"):
            address = _ADDRESS.search(arguments)
            if address is not None:
                self._add("connects", f"{address[2] or address[3]}:{address[1]}")
        elif name == "socket" and ("SOCK_RAW" in arguments or "AF_PACKET" in arguments):
            self._add("capabilities", "NET_RAW")
        if name in _CAPABILITIES and not error:
            self._add("capabilities", _CAPABILITIES[name])

    def _opened(self, strings: list[str], arguments: str, error: str) -> None:
        if not strings or "O_DIRECTORY" in arguments or (error and error != "ENOENT"):
            return
        is_written = any(flag in arguments for flag in ("O_WRONLY", "O_RDWR", "O_CREAT"))
        kind = "missing" if error else "writes" if is_written else "files"
        self._path(kind, strings[0])

    def _listening(self, arguments: str) -> None:
        address = _ADDRESS.search(arguments)
        if address is not None and address[1] != "0":
            self._add("listens", f"{address[1]}/tcp")
            if int(address[1]) < 1024:
                self._add("capabilities", "NET_BIND_SERVICE")

    def _path(self, kind: str, path: str) -> None:
        """Octal escapes are strace's; what is no plain path is left out."""
        whole = path if path.startswith("/") else f"{self._working_dir}/{path.removeprefix('./')}"
        if path and "\\" not in path and not whole.startswith(_KERNEL):
            self._add(kind, whole)

    def _add(self, kind: str, text: str) -> None:
        kept = self._kinds.setdefault(kind, set())
        if len(kept) < _MOST:
            kept.add(text)

    def observed(self) -> Observed:
        found = {kind: tuple(sorted(texts)) for kind, texts in self._kinds.items()}
        # What it wrote itself it may well read; what came to be there was not missing for long.
        written = set(found.get("writes", ()))
        for kind in ("files", "missing"):
            found[kind] = tuple(path for path in found.get(kind, ()) if path not in written)
        return Observed(**found)
