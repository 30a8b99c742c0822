"""A Runtime in, "" or its complaint out: does it run a container here, really (a door)."""

from pathlib import Path

from whit.errors import WhitError
from whit.sandbox.engine import Runtime
from whit.sandbox.host import find_program, read_host
from whit.sandbox.runtime import Capture, run
from whit.sandbox.spec import Limits, Mount, RunRequest
from whit.sandbox.workspace import open_workspace

_HOST_DIRECTORIES = ("/usr", "/bin", "/lib", "/lib64", "/lib32", "/nix", "/gnu")


def probe(runtime: Runtime, base: Path) -> str:
    """Run the host's own `true`, its directories bound read-only into an empty root."""
    program = find_program("true")
    with open_workspace(base) as workspace:
        mounts = []
        for directory in map(Path, _HOST_DIRECTORIES):
            if directory.is_symlink():
                (workspace.rootfs / directory.name).symlink_to(directory.readlink())
            elif directory.is_dir():
                mounts.append(Mount(str(directory), str(directory), read_only=True))
        request = RunRequest(
            rootfs=str(workspace.rootfs),
            args=(program,),
            mounts=tuple(mounts),
            limits=Limits(seconds=10),
        )
        try:
            outcome = run(request, runtime, workspace, read_host(), Capture(limit_bytes=4096))
        except WhitError as error:
            workspace.discard()
            return error.output or error.message
    if outcome.status:
        return f"`{program}` ended with status {outcome.status} in a container"
    return ""
