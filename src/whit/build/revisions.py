"""A target and a git revision in, the target's Weight at that revision out.

The revision is checked out in a place of its own that shares the objects: neither the work tree
nor the repository changes. What whit.toml said then is what counts.
"""

import os
import tempfile

import msgspec

from whit.build.events import Listener, unheard
from whit.build.sizing import weigh
from whit.errors import UsageError
from whit.golang.process import find_program, run
from whit.model.names import Platform
from whit.model.weight import Weight

PREFIX = "git:"
SECONDS = 600


def weigh_revision(
    target: str,
    revision: str,
    directory: str,
    platform: Platform | None = None,
    listen: Listener = unheard,
    dockerfile: str = "",
) -> Weight:
    """Errors: UsageError where there is no such revision; those of `weigh`."""
    root = _git(revision, directory, "rev-parse", "--show-toplevel")
    below = os.path.relpath(os.path.realpath(directory), os.path.realpath(root))
    commit = _git(
        revision, directory, "rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}"
    )
    with tempfile.TemporaryDirectory(prefix="whit-revision-") as place:
        _git(revision, directory, "clone", "-q", "--shared", "--no-checkout", "--", root, place)
        _git(revision, place, "checkout", "-q", "--detach", commit)
        there = os.path.join(place, below)
        weight = weigh(target, there, platform, listen, dockerfile)
        return msgspec.structs.replace(weight, name=f"{weight.name} at {revision}")


def _git(revision: str, directory: str, *arguments: str) -> str:
    git = find_program("git", os.environ.get("PATH", os.defpath))
    if not git:
        raise UsageError(f"--against {PREFIX}{revision}: git is not installed", hint="install git")
    outcome = run((git, *arguments), dict(os.environ), directory, SECONDS)
    if not outcome.is_good:
        raise UsageError(
            f"--against {PREFIX}{revision}: git knows no such revision here",
            hint="name a commit, branch or tag of the repository you are in: git:HEAD~1",
            output=outcome.errors or None,
        )
    return outcome.output.strip()
