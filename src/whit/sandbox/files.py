"""A request in, the small files that every engine mounts out: hosts, hostname, resolv.conf.

A door. They are copies in the workspace, so that neither the host's files nor the image's
tree change.
"""

from pathlib import Path

from whit.sandbox.spec import Mount, Network, RunRequest

_GREATEST_BYTES = 1 << 20
_LOOPBACK = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"


def host_files(request: RunRequest, workspace: Path) -> tuple[Mount, ...]:
    """Write them under `workspace`/etc; return their mounts. The user's own mounts go first."""
    directory = workspace / "etc"
    directory.mkdir(exist_ok=True)
    hosts = _read("/etc/hosts") if request.network is Network.HOST else ""
    own = f"127.0.1.1\t{request.hostname}\n"
    contents = {
        "hostname": f"{request.hostname}\n",
        "hosts": (hosts or _LOOPBACK).rstrip("\n") + "\n" + own,
        "resolv.conf": _read("/etc/resolv.conf"),
    }
    taken = {mount.container for mount in request.mounts}
    found = []
    for name, text in contents.items():
        if f"/etc/{name}" not in taken:
            path = directory / name
            path.write_text(text)
            path.chmod(0o644)
            found.append(Mount(str(path), f"/etc/{name}"))
    return tuple(found)


def _read(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return file.read(_GREATEST_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
