"""A path in, which Go release it is out; no process is started for it."""

import os


def release_of(path: str) -> str:
    """The release of GOROOT/bin/go by the VERSION file, "" when `path` is not that."""
    root = os.path.dirname(os.path.dirname(path))
    try:
        with open(os.path.join(root, "VERSION"), "rb") as file:
            first = file.read(256).decode("ascii", "replace").split("\n", 1)[0].strip()
        with open(path, "rb") as file:
            is_program = file.read(4) == b"\x7fELF"
    except OSError:
        return ""
    return first.removeprefix("go").split(" ")[0] if is_program and first[:2] == "go" else ""
