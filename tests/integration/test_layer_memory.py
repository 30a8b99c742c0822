"""A 200 MB program streams: memory does not grow with it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import sys
from whit.layer.write import write_layer
from whit.model.image import Compression, Effort, Format
from whit.model.tree import File, Stored, Tree
path, size, digest, form = sys.argv[1:]
tree = Tree.of({"/app": File(Stored(path, int(size), digest))})
with open("/dev/null", "wb") as out:
    layer = write_layer(tree, Compression(Format(form)), out)
assert layer.tar_bytes > int(size)
# VmHWM and not ru_maxrss: that one counts what the parent had before exec
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""


def peak_mebibytes(path: Path, form: str) -> int:
    import hashlib

    digest = "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()
    answer = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(path), str(path.stat().st_size), digest, form],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return int(answer.stdout) >> 10


@pytest.mark.parametrize("form", ["gzip", "zstd"])
def test_memory_is_flat(tmp_path: Path, form: str):
    unit = Path(os.path.realpath(sys.executable)).read_bytes()[: 4 << 20]
    large = tmp_path / "large"
    with large.open("wb") as file:
        for _ in range(200 * (1 << 20) // len(unit)):
            file.write(unit)
    assert peak_mebibytes(large, form) < 120
