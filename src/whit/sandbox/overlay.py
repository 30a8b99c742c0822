"""What one step has to see mounted in, the words before its runtime's command out (pure).

    unshare --mount ── sh ── mount overlay … ── exec crun run …

The mounts belong to a mount namespace that only this step's processes have. Nothing has to be
unmounted: whatever kills them takes the mounts along.
"""

import msgspec

# Rows of words come in, then -- and the command:
#   g FILE                               join the control group that FILE lists the members of
#   o DIRECTORY OPTIONS TARGET           an overlay; its lower directories are relative to DIRECTORY
#   t TARGET                             a small tmpfs
#   c TARGET                             the same, empty, to cover what the runtime must not see
#   f DESCRIPTOR FILE MODE OWNER         a file in a tmpfs, filled from a descriptor
_SCRIPT = """log=$1; shift
fail() { printf '{"level":"error","msg":"cannot %s"}\\n' "$1" >"$log"; exit 1; }
while [ "$1" != -- ]; do
  case $1 in
    g) echo $$ >"$2" || fail "join its control group"
       shift 2 ;;
    o) cd "$2" && mount -t overlay whit -o "$3" "$4" || fail "mount the step's file system"
       shift 4 ;;
    t) mkdir -p "$2" && mount -t tmpfs -o mode=0711,size=8m whit "$2" || fail "mount a tmpfs"
       shift 2 ;;
    c) mount -t tmpfs -o ro whit "$2" || fail "cover the cgroups"
       shift 2 ;;
    f) umask 077; cat <&"$2" >"$3" && chmod "$4" "$3" && chown "$5" "$3" ||
         fail "hand over a secret"
       umask 022; shift 5 ;;
  esac
done
shift
cd / && exec "$@"
"""
# redirect_dir and metacopy would make layers that only this kernel reads; xino and index need
# what not every file system has.
_OPTIONS = "redirect_dir=off,metacopy=off,index=off"


class Overlay(msgspec.Struct, frozen=True):
    """One overlay mount. `lower` are host directories, the highest first, at least one; without
    `upper` it is read-only.
    """

    lower: tuple[str, ...]
    target: str
    upper: str = ""
    work: str = ""


class Secret(msgspec.Struct, frozen=True):
    """A file that exists in memory only: its bytes come from a descriptor."""

    descriptor: int
    file: str
    mode: int = 0o400
    uid: int = 0
    gid: int = 0


def prefix_of(
    overlays: tuple[Overlay, ...],
    log: str,
    *,
    groups: tuple[str, ...] = (),
    memory: str = "",
    secrets: tuple[Secret, ...] = (),
    is_nested: bool = False,
    is_covered: bool = False,
) -> tuple[str, ...]:
    """The command that mounts and then executes what follows it. `memory` is the directory that
    becomes a tmpfs for `secrets`; `groups` are cgroup.procs files to join; `is_nested` is
    inside a user namespace, `is_covered` hides the cgroups.
    """
    words = ["unshare", "--mount", "sh", "-c", _SCRIPT, "whit-step", log]
    for group in groups:
        words += ["g", group]
    words += ["c", "/sys/fs/cgroup"] if is_covered else []
    for overlay in overlays:
        words += ["o", *_overlay_words(overlay, is_nested=is_nested)]
    if memory:
        words += ["t", memory]
    for secret in secrets:
        owner = f"{secret.uid}:{secret.gid}"
        words += ["f", str(secret.descriptor), secret.file, f"{secret.mode:04o}", owner]
    return (*words, "--")


def _overlay_words(overlay: Overlay, *, is_nested: bool) -> list[str]:
    base = _common(overlay.lower)
    lower = ":".join(_escaped(path.removeprefix(base).lstrip("/") or ".") for path in overlay.lower)
    options = f"lowerdir={lower}"
    if overlay.upper:
        options += f",upperdir={_escaped(overlay.upper)},workdir={_escaped(overlay.work)}"
        # In a user namespace that is the default, and the kernel refuses to hear it (6.18).
        options += "" if is_nested else f",{_OPTIONS}"
    if is_nested:
        options += ",userxattr"
    return [base or "/", options, overlay.target]


def _common(paths: tuple[str, ...]) -> str:
    """The directory that all of them lie in, "" for the root."""
    parts = [path.split("/")[:-1] for path in paths]
    shared = []
    for column in zip(*parts, strict=False):
        if len(set(column)) > 1:
            break
        shared.append(column[0])
    return "/".join(shared)


def _escaped(path: str) -> str:
    """Overlayfs reads colons, commas and backslashes in its options."""
    return path.replace("\\", "\\\\").replace(":", "\\:").replace(",", "\\,")
