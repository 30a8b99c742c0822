"""Where whit and Go keep what they may need again. Read at the start, so nothing is imported."""

import os

# The type checker takes it for true; typing itself would cost more than all of this.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def cache_of(env: "Mapping[str, str]") -> str:
    """The cache directory of whit: WHIT_CACHE, else `whit` in the XDG cache directory."""
    if env.get("WHIT_CACHE"):
        return env["WHIT_CACHE"]
    base = env.get("XDG_CACHE_HOME") or os.path.join(home_of(env), ".cache")
    return os.path.join(base, "whit")


def home_of(env: "Mapping[str, str]") -> str:
    """HOME, else the user's own directory, as the shell would set it; "/" for a user of none."""
    if env.get("HOME"):
        return env["HOME"]
    import pwd  # noqa: PLC0415 - rarely asked

    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        return "/"


def go_caches(env: "Mapping[str, str]") -> dict[str, str]:
    """GOCACHE and GOPATH inside whit's cache where HOME is not set: Go does nothing without."""
    if env.get("HOME"):
        return {}
    place = cache_of(env)
    chosen = {}
    if not env.get("GOCACHE") and not env.get("XDG_CACHE_HOME"):
        chosen["GOCACHE"] = os.path.join(place, "go-build")
    if not env.get("GOPATH"):
        chosen["GOPATH"] = os.path.join(place, "go-path")
    return chosen


def open_locked(root: str, *, waits: bool) -> tuple[int, int]:
    """Lock the output place at `root` and note when: the lock's descriptor, and the time in
    nanoseconds by the file system's own clock, which is the one that Go's files get.

    Raises OSError: BlockingIOError when another build has it and we do not wait.
    """
    import fcntl  # noqa: PLC0415

    os.makedirs(os.path.join(root, "bin"), exist_ok=True)
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
    lock = os.open(os.path.join(root, "lock"), flags, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
        begun = os.path.join(root, "begun")
        os.close(os.open(begun, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644))
        os.utime(begun)
        return lock, os.stat(begun).st_mtime_ns
    except BaseException:
        os.close(lock)
        raise
