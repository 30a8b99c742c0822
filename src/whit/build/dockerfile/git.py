"""A repository that ADD names in, its files in a snapshot out (a door).

    remote ─ls-remote─▶ commit ─fetch, depth 1─▶ checkout ─▶ snapshot, found again by the commit

git is started with no settings but ours: no hooks, no helpers, no prompts, no local transport.
Times of files are the commit's, so that the same commit makes the same layer on every day.
"""

import base64
import os
import re
import subprocess
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from whit.dockerfile.gitrefs import GitRef
from whit.errors.dockerfile import CannotFetch, RefusedInstruction
from whit.model.secret import Secrets
from whit.store.snapshots import Snapshots, remove
from whit.store.steps import key_of

if TYPE_CHECKING:
    from whit.store.snapshots import Draft

_WAIT_SECONDS = 600
_GREATEST_LISTING = 16 << 20
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?\Z")
# What of our own environment git may see.
_PASSED = ("PATH", "LANG", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO")
_CONFIG = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.autocrlf": "false",
    "credential.helper": "",
    "protocol.allow": "never",
    "protocol.http.allow": "always",
    "protocol.https.allow": "always",
    "protocol.ssh.allow": "always",
    "protocol.git.allow": "always",
    "transfer.fsckObjects": "true",
    "advice.detachedHead": "false",
    "init.defaultBranch": "main",
    "gc.auto": "0",
}


class Cloning(msgspec.Struct, frozen=True):
    """What fetching a repository works with. `agents` are sockets by id."""

    snapshots: Snapshots
    secrets: Secrets
    agents: Mapping[str, str]
    offline: bool = False


class Clone(msgspec.Struct, frozen=True):
    """`files` is the checkout's directory, which never changes again."""

    files: str
    commit: str


def clone(ref: GitRef, cloning: Cloning, *, keeps_git: bool, checksum: str) -> Clone:
    """Errors: CannotFetch; RefusedInstruction where there is no git."""
    git = _Git(ref, cloning)
    commit, name = git.resolved()
    wanted = checksum or ref.checksum
    if wanted and not commit.startswith(wanted) and not git.tagged.startswith(wanted):
        raise CannotFetch(
            f"{ref.remote} has {ref.ref or 'HEAD'} at {commit}, and --checksum says {wanted}",
            hint="it was moved since it was written down: look before you believe it",
        )
    key = key_of("git", ref.remote, name, commit, repr((keeps_git, ref.has_submodules)))
    files = cloning.snapshots.find(key)
    if files is None:
        with cloning.snapshots.draft() as draft:
            git.check_out(draft, commit, name, keeps_git=keeps_git)
            files = cloning.snapshots.settle(draft, key, f"{ref.remote} {commit}")
    return Clone(files, commit)


class _Git:
    """git for one remote."""

    def __init__(self, ref: GitRef, cloning: Cloning) -> None:
        self._ref, self._offline = ref, cloning.offline
        self._env = _environment(ref, cloning)
        self.tagged = ""  # what an annotated tag itself is called

    def resolved(self) -> tuple[str, str]:
        """The commit, and the full name that it has at the remote ("" for a bare commit)."""
        ref = self._ref.ref
        if _COMMIT.match(ref):
            return ref, ""
        if self._offline:
            raise CannotFetch(
                f"ADD {self._ref.remote} needs the network, and --offline forbids it",
                hint="name a whole commit, and build once without --offline",
            )
        listing = self._run("ls-remote", "--", self._ref.remote, bound=_GREATEST_LISTING)
        known: dict[str, str] = {}
        for line in listing.splitlines():
            commit, tab, name = line.partition("	")
            if tab:
                known[name] = commit
        names = (ref,) if ref.startswith("refs/") else (f"refs/tags/{ref}", f"refs/heads/{ref}")
        for name in names if ref else ("HEAD",):
            if name in known:
                self.tagged = known[name]
                commit = known.get(f"{name}^{{}}", known[name])
                if _COMMIT.match(commit):
                    return commit, "" if name == "HEAD" else name
        raise CannotFetch(
            f"{self._ref.remote} has no branch or tag {ref or 'HEAD'}",
            hint="a commit must be written with all its digits",
        )

    def check_out(self, draft: "Draft", commit: str, name: str, *, keeps_git: bool) -> None:
        files = draft.files
        if self._offline:
            raise CannotFetch(
                f"ADD {self._ref.remote} is not here yet, and --offline forbids to fetch it",
                hint="build once without --offline",
            )
        self._run("init", "-q", files)
        self._run("-C", files, "remote", "add", "origin", self._ref.remote)
        fetch = ("-C", files, "fetch", "-q", "--no-tags")
        try:
            self._run(*fetch, "--depth=1", "origin", f"+{name}:{name}" if name else commit)
        except CannotFetch:
            # Servers that hand out no single commits give all that branches and tags lead to.
            self._run(*fetch, "origin", "+refs/*:refs/remotes/origin/*")
        self._run("-C", files, "checkout", "-q", "--force", "--detach", commit)
        modules = self._ref.has_submodules and os.path.lexists(f"{files}/.gitmodules")
        if modules:
            words = ("submodule", "update", "-q", "--init", "--recursive", "--depth=1")
            self._run("-C", files, *words)
        seconds = int(self._run("-C", files, "show", "-s", "--format=%ct", commit).strip() or 0)
        if keeps_git:
            self._run("-C", files, "reflog", "expire", "--all", "--expire=now")
            _remove_file(f"{files}/.git/FETCH_HEAD")
        else:
            _forget(files)
        _date(files, seconds)

    def _run(self, *words: str, bound: int = 1 << 16) -> str:
        try:
            done = subprocess.run(
                ["git", *words],
                env=self._env,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                timeout=_WAIT_SECONDS,
                umask=0o022,
            )
        except FileNotFoundError:
            raise RefusedInstruction(
                f"ADD {self._ref.remote} needs git, which is not installed",
                hint="apt-get install git",
            ) from None
        except subprocess.TimeoutExpired:
            raise CannotFetch(f"{self._ref.remote}: git took too long", hint="try again") from None
        if done.returncode:
            raise CannotFetch(
                f"{self._ref.remote} cannot be fetched",
                hint="private repositories: --secret id=GIT_AUTH_TOKEN,env=… or --ssh default",
                output=done.stderr[-2048:].decode("utf-8", "replace").strip(),
            )
        return done.stdout[:bound].decode("utf-8", "replace")


def _environment(ref: GitRef, cloning: Cloning) -> dict[str, str]:
    env = {name: os.environ[name] for name in _PASSED if name in os.environ}
    env |= {name: os.environ[name] for name in os.environ if name.lower().endswith("_proxy")}
    socket = cloning.agents.get("default", "")
    ssh = "ssh -F none -o BatchMode=yes -o StrictHostKeyChecking=accept-new"
    env |= {
        "HOME": "/nonexistent",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "true",
        "GIT_SSH_COMMAND": ssh,
        **({"SSH_AUTH_SOCK": socket} if socket else {}),
    }
    config = dict(_CONFIG)
    if header := _header(ref, cloning.secrets):
        # For this host alone: a submodule elsewhere must not see it.
        scheme = ref.remote.partition("://")[0]
        port = ref.remote.partition("://")[2].partition("/")[0].rpartition("@")[2]
        config[f"http.{scheme}://{port}/.extraHeader"] = f"Authorization: {header}"
    env["GIT_CONFIG_COUNT"] = str(len(config))
    for number, (name, value) in enumerate(config.items()):
        env |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    return env


def _header(ref: GitRef, secrets: Secrets) -> str:
    """As BuildKit names them: a whole header, or a token; for this host or for any."""
    if not ref.remote.startswith(("http://", "https://")):
        return ""
    for end in (f".{ref.host}", ""):
        whole, token = secrets.get(f"GIT_AUTH_HEADER{end}"), secrets.get(f"GIT_AUTH_TOKEN{end}")
        if whole is not None:
            return whole.reveal().decode("utf-8", "replace").strip()
        if token is not None:
            pair = b"x-access-token:" + token.reveal().strip()
            return f"Basic {base64.b64encode(pair).decode()}"
    return ""


def _forget(files: str) -> None:
    """Take .git out, of submodules too. No link is followed."""
    for directory, directories, names in os.walk(files):
        if ".git" in directories:
            directories.remove(".git")
            remove(f"{directory}/.git")
        if ".git" in names:
            os.unlink(f"{directory}/.git")


def _date(files: str, seconds: int) -> None:
    for directory, directories, names in os.walk(files, topdown=False):
        for name in (*names, *directories):
            os.utime(f"{directory}/{name}", (seconds, seconds), follow_symlinks=False)
    os.utime(files, (seconds, seconds))


def _remove_file(path: str) -> None:
    if os.path.lexists(path):
        os.unlink(path)
