"""The mount points that a step's runtime makes, known before and taken out again after (a door)."""

import os
import stat
from contextlib import suppress
from pathlib import Path

from whit.layer.stack import Stack


def missing(below: Stack, targets: list[str]) -> tuple[str, ...]:
    """The mount points that the runtime has to make, and the parents it makes for them."""
    found: dict[str, None] = {}
    for target in targets:
        path = below.resolve(target)
        if path.split("/")[1] in ("dev", "proc", "sys"):
            continue  # file systems of the kernel's, and their roots stay
        while path != "/" and below.find(path) is None:
            found[path] = None
            path = path.rpartition("/")[0] or "/"
    return tuple(sorted(found, key=lambda path: -path.count("/")))


def make_kernel_directories(upper: Path, below: Stack) -> None:
    """/dev, /proc and /sys where they are missing, before crun makes them with a sticky bit."""
    for name in ("dev", "proc", "sys"):
        if below.find(f"/{name}") is None:
            (upper / name).mkdir(0o755)
            (upper / name).chmod(0o755)


def remove_stubs(upper: Path, below: Stack, stubs: tuple[str, ...]) -> None:
    """Remove what is still empty, deepest first, and the marks that making it left on parents."""
    touched: dict[str, None] = {}
    for path in stubs:
        host = upper / path[1:]
        with suppress(OSError):
            status = host.lstat()
            if stat.S_ISDIR(status.st_mode):
                host.rmdir()
            elif status.st_size == 0 and stat.S_ISREG(status.st_mode):
                host.unlink()
            else:
                continue
            touched[path.rpartition("/")[0]] = None
    for path in touched:
        before = below.find(path or "/")
        host = upper / path[1:] if path else upper
        with suppress(OSError):
            # Where nothing else changed in it, the directory is as it was.
            if before is not None and not any(host.iterdir()):
                times = before.status
                os.utime(host, ns=(times.st_atime_ns, times.st_mtime_ns))
