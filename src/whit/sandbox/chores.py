"""Runs as a program of its own: enters a user namespace, waits to be mapped, does its chores.

    own ROOT        JSON lines of path, uid, gid, mode on standard input, after a line `go`;
                    the paths are inside ROOT, which becomes the root: no link leads out of it
    remove PATH     removes the tree

Standard library only: it is started with `python -I -S`.
"""

import ctypes
import json
import os
import shutil
import sys

_CLONE_NEWUSER = 0x10000000  # linux/sched.h


def main(words: list[str]) -> int:
    library = ctypes.CDLL(None, use_errno=True)
    if library.unshare(_CLONE_NEWUSER):
        sys.stderr.write(f"no user namespace: {os.strerror(ctypes.get_errno())}\n")
        return 1
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    if sys.stdin.buffer.readline() != b"go\n":
        return 1
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    if words[0] == "remove":
        shutil.rmtree(words[1], ignore_errors=True)
        return 0
    os.chroot(words[1])
    os.chdir("/")
    for line in sys.stdin.buffer:
        owner = json.loads(line)
        os.lchown(owner["path"], owner["uid"], owner["gid"])
        if owner["mode"] is not None:
            os.chmod(owner["path"], owner["mode"])
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
