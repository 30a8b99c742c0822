"""A Go module at a version in, its directory out: what others test themselves with is fetched."""

import json
import os
import subprocess
from functools import cache
from pathlib import Path

import pytest


@cache
def module_directory(module: str) -> Path:
    """`path@version`, checked against Go's sum database. In CI what cannot be had is a failure."""
    # Outside of any module: the version that is asked for is the version that comes.
    environment = {**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=mod", "GO111MODULE": "on"}
    done = subprocess.run(
        ["go", "mod", "download", "-json", module],
        cwd="/", env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode == 0:
        return Path(json.loads(done.stdout)["Dir"])
    told = (done.stdout + done.stderr)[-500:]
    if os.environ.get("CI"):
        pytest.fail(f"{module} cannot be fetched: {told}", pytrace=False)
    pytest.skip(f"{module} cannot be fetched")
