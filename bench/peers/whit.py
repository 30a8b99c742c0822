"""whit itself, as installed beside the Python that runs the benchmark."""

import sys
from pathlib import Path

from measure import Contender, output_of
from sources import GO_ENVIRONMENT, Program

PROGRAM = str(Path(sys.executable).parent / "whit")


def whit_environment(work: Path) -> dict[str, str]:
    """A store and a cache of its own; the rest as every other peer has it."""
    own = {"WHIT_STORE": str(work / "store"), "WHIT_CACHE": str(work / "cache")}
    return {**GO_ENVIRONMENT, **own}


def whit_version() -> str:
    return output_of([PROGRAM, "--version"]).split()[-1]


def build_contender(tree: Program, work: Path, *, edits: bool) -> Contender:
    """`whit build` of the tree into whit's own store, which is an OCI layout."""

    def prepare(_: int) -> None:
        if edits:
            tree.edit()

    return Contender(
        "whit",
        (PROGRAM, "build", tree.package, "-t", f"bench/{tree.name}"),
        tree.directory,
        whit_environment(work),
        prepare,
    )
