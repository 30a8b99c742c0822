"""RUN for another machine: by qemu where the kernel knows it, refused in one line where not.

The kernel's table is this machine's, so it is written to in a mount namespace of the test's own:
whoever looks for it elsewhere sees none.
"""

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from integration.test_dockerfile_build import Yard, context, write, yard

__all__ = ["context", "yard"]
pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.busybox,
    pytest.mark.go,
    pytest.mark.programs("qemu-aarch64-static"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may tell the kernel of an interpreter"),
]
TABLE = "/proc/sys/fs/binfmt_misc"
MAGIC = r"\x7fELF\x02\x01\x01\x00" + r"\x00" * 8 + r"\x02\x00\xb7\x00"
MASK = r"\xff" * 7 + r"\x00" + r"\xff" * 8 + r"\xfe\xff\xff\xff"
SCRIPT = f"""mount -t binfmt_misc none {TABLE} || exit 99
if ! [ -e {TABLE}/qemu-aarch64 ]; then
  printf %s ':qemu-aarch64:M::{MAGIC}:{MASK}:'$(command -v qemu-aarch64-static):F >{TABLE}/register
  trap 'echo -1 >{TABLE}/qemu-aarch64' EXIT
fi
"$@"
"""
PROGRAM = """package main

import (
	"os"
	"runtime"
)

func main() {
	if err := os.WriteFile("/said", []byte(runtime.GOARCH), 0o644); err != nil {
		panic(err)
	}
}
"""


def test_a_step_for_another_machine_runs_where_qemu_is_registered(
    yard: Yard, context: Path
) -> None:
    write(
        context,
        'FROM scratch\nARG TARGETARCH\nCOPY $TARGETARCH /prog\nRUN ["/prog"]\n',
        go_DOT_mod="module prog\n",
        main_DOT_go=PROGRAM,
    )
    for architecture in ("arm64", "amd64"):
        env = os.environ | {"CGO_ENABLED": "0", "GOARCH": architecture, "GOOS": "linux"}
        words = ["go", "build", "-o", architecture, "."]
        subprocess.run(words, cwd=context, env=env, check=True)
    if not Path(f"{TABLE}/qemu-aarch64").exists():
        said = yard.build(context, "--platform", "linux/arm64", status=4)
        assert "error[V002]: RUN for linux/arm64 cannot run here" in said
        assert "Dockerfile:4:1" in said
        assert "--platform=$BUILDPLATFORM" in said
    build = [sys.executable, "-m", "whit.cli.entry", "build", "-f", str(context / "Dockerfile")]
    build += [str(context), "--platform", "linux/amd64,linux/arm64", "--to", f"oci:{context}/out"]
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", SCRIPT, "sh", *build],
        env=yard.env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode == 99:
        pytest.skip("the kernel has no table of interpreters")
    assert done.returncode == 0, done.stderr
    assert said_in(context / "out") == {"amd64", "arm64"}


def said_in(layout: Path) -> set[str]:
    """What the programs wrote, of all layers."""
    found = set()
    for path in (layout / "blobs/sha256").iterdir():
        if path.read_bytes()[:1] == b"{":
            continue
        with tarfile.open(path) as tar:
            for member in tar:
                file = tar.extractfile(member)
                if member.name == "said" and file:
                    found.add(file.read().decode())
    return found
