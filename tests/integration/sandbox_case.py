"""A layer with the test program in it, and runs of it by this user and by one without rights."""

import io
import os
import secrets
import shutil
import subprocess
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

import msgspec

from whit.layer.write import write_layer
from whit.model.image import Compression, Format
from whit.model.names import digest_of
from whit.model.tree import Bytes, Dir, File, Node, Stored, Tree
from whit.sandbox.container import run_image
from whit.sandbox.engine import How, Runtime
from whit.sandbox.finding import Remembered, key_of
from whit.sandbox.host import find_program
from whit.sandbox.runtime import Capture, Outcome
from whit.sandbox.spec import RunRequest

HERE = Path(__file__).parent
PASSWD = b"root:x:0:0:root:/root:/none\nnonroot:x:65532:65532:nonroot:/home/nonroot:/none\n"


@cache
def program(directory: Path) -> Path:
    """The Go program next to this file, compiled statically."""
    out = directory / "program"
    environment = os.environ | {"CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false"}
    subprocess.run(
        ["go", "build", "-o", str(out), "."],
        cwd=HERE / "sandbox_program",
        env=environment,
        check=True,
    )
    return out


def stored(path: Path) -> Stored:
    data = path.read_bytes()
    return Stored(str(path), len(data), digest_of(data))


def tree_of(binary: Path, name: str = "/app") -> Tree:
    nodes: dict[str, Node] = {
        name: File(stored(binary), 0o755),
        "/etc/passwd": File(Bytes(PASSWD)),
        "/etc/group": File(Bytes(b"nonroot:x:65532:\nextra:x:700:nonroot\n")),
        "/tmp": Dir(0o1777),
        "/home/nonroot": Dir(0o700, 65532, 65532),
        "/home/nonroot/own": File(Bytes(b"mine\n"), 0o600, 65532, 65532),
        "/rootonly": File(Bytes(b"secret\n"), 0o600),
    }
    return Tree.of(nodes)


def layer_of(tree: Tree) -> bytes:
    out = io.BytesIO()
    write_layer(tree, Compression(Format.NONE), out)
    return out.getvalue()


class Box:
    """Runs of one image; `cache` is where whit keeps its copies.

    The program's name is ours alone: other containers of this host are none of our business.
    """

    def __init__(self, place: Path, runtime: str = "") -> None:
        self.name = f"/app-{secrets.token_hex(6)}"
        self.layer, self.cache = layer_of(tree_of(program(place), self.name)), place / "cache"
        self.place = place
        if runtime:
            found = {name: find_program(name) for name in ("crun", "runc")}
            answer = Remembered(key_of(found), Runtime(runtime, found[runtime], How.PLAIN))
            self.cache.mkdir()
            path = self.cache / f"runtime-{os.geteuid()}.json"
            path.write_bytes(msgspec.json.encode(answer))

    def processes(self) -> list[int]:
        """Those that run the program."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                if path.read_bytes().startswith(self.name.encode() + b"\0"):
                    found.append(int(path.parent.name))
        return found

    def forget_kept(self) -> None:
        """Make what a failed start or a killed unpacking left old enough to be swept; run once."""
        for path in (self.cache / "run").glob("whit-*"):
            os.utime(path, (0, 0))
        assert self.run().status == 0

    def run(self, *words: str, capture: Capture | None = None, **options: object) -> Outcome:
        request = RunRequest(args=(self.name, *words), **options)  # type: ignore[arg-type]
        layers = [lambda: io.BytesIO(self.layer)]
        return run_image(layers, request, self.cache, capture or Capture(1 << 20))

    def leftovers(self) -> list[str]:
        """Processes, mounts and directories that name this cache."""
        place = str(self.cache)
        found = [f"directory {path}" for path in (self.cache / "run").glob("*")]
        mounts = Path("/proc/self/mounts").read_text().splitlines()
        found += [f"mount {line}" for line in mounts if place in line]
        for process in Path("/proc").glob("[0-9]*"):
            try:
                words = (process / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if words[0] == self.name.encode() or any(place.encode() in word for word in words):
                found.append(f"process {process.name} {words}")
        return found


def python_for(user: str) -> list[str]:
    """A command that runs Python with whit as another user; [] when that cannot be arranged."""
    setpriv = shutil.which("setpriv")
    if os.geteuid() or not setpriv:
        return []
    drop = [setpriv, "--reuid", user, "--regid", user, "--init-groups"]
    for python in (f"/usr/bin/python3.{sys.version_info.minor}", sys.executable):
        done = subprocess.run(
            [*drop, python, "-c", "import os, sys, msgspec, whit; os.stat(sys.executable)"],
            env=environment_for(user),
            capture_output=True,
            check=False,
        )
        if done.returncode == 0:
            return [*drop, python]
    return []


def environment_for(user: str) -> dict[str, str]:
    import whit

    places = [str(Path(module.__file__ or "").parents[1]) for module in (whit, msgspec)]
    return {
        "PATH": os.environ["PATH"],
        "HOME": f"/home/{user}",
        "PYTHONPATH": ":".join(places),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
