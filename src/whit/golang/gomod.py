"""A directory in, what its go.mod says out: module path and the Go release it asks for.

Only the three lines that decide before Go itself can be asked are read; everything else in go.mod
is Go's business.
"""

import os

import msgspec

MAX_GOMOD_BYTES = 4 << 20


class GoMod(msgspec.Struct, frozen=True):
    """`root` is the directory of go.mod, "" when there is none; `needs` and `wants` are the
    releases of its `go` and `toolchain` lines ("1.24.0"), "" when absent.
    """

    root: str = ""
    module: str = ""
    needs: str = ""
    wants: str = ""


def read_gomod(directory: str) -> GoMod:
    """The go.mod that Go would use in `directory`: the nearest one at or above it."""
    root = directory
    while True:
        path = os.path.join(root, "go.mod")
        if os.path.isfile(path):
            try:
                with open(path, "rb") as file:
                    text = file.read(MAX_GOMOD_BYTES).decode("utf-8", "replace")
            except OSError:
                return GoMod(root=root)
            return parse_gomod(text, root)
        parent = os.path.dirname(root)
        if parent == root:
            return GoMod()
        root = parent


def parse_gomod(text: str, root: str) -> GoMod:
    found = {"module": "", "go": "", "toolchain": ""}
    in_block = False
    for line in text.splitlines():
        words = line.partition("//")[0].split()
        if not words:
            continue
        if in_block:
            in_block = words[0] != ")"
        elif words[-1] == "(":
            in_block = True
        elif words[0] in found and len(words) == 2:
            found[words[0]] = words[1].strip('"`')
    wants = found["toolchain"]
    return GoMod(
        root=root,
        module=found["module"],
        needs=found["go"],
        wants=wants.removeprefix("go") if wants.startswith("go") else "",
    )
