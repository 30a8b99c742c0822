"""A directory in, what git knows about it out: revision, time, tag, branch, where it came from.

git runs only when somebody asks (a placeholder in linker flags, annotations), each command with a
limit in time and output, and never asks a question back.
"""

import os
from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from whit.golang.process import Outcome, find_program, run
from whit.model.program import Source

LIMIT_SECONDS = 10
_TEXT_LIMIT = 1024


class Vcs(msgspec.Struct, frozen=True):
    """`revision` is the full commit, "" when nothing is known and `trouble` says why. `time` is
    the commit's, as 2026-01-31T12:00:00Z. `tag` is the tag on this very commit; `described` is
    git's name for it from the nearest tag (v1.2.0-3-gabc1234-dirty). `remote` is a plain URL
    without credentials.
    """

    revision: str = ""
    time: str = ""
    modified: bool = False
    tag: str = ""
    described: str = ""
    branch: str = ""
    remote: str = ""
    trouble: str = ""


def describe(directory: str, env: Mapping[str, str] | None = None) -> Vcs:
    """Ask git about `directory`; never fails: `trouble` says in plain words what was missing."""
    env = os.environ if env is None else env
    git = find_program("git", env.get("PATH", os.defpath))
    if not git:
        return Vcs(trouble="git is not installed")
    quiet = {**env, "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}

    def ask(*words: str) -> Outcome:
        return run((git, *words), quiet, directory, LIMIT_SECONDS)

    # SOURCE_DATE_EPOCH is not asked: the commit's own time is as reproducible, and truer.
    head = ask("log", "-1", "--no-show-signature", "--format=%H %ct", "HEAD")
    if not head.is_good:
        return Vcs(trouble=_trouble_of(head, directory))
    revision, _, seconds = head.output.strip().partition(" ")
    described = _one_line(ask("describe", "--tags", "--always", "--dirty"))
    branch = _one_line(ask("rev-parse", "--abbrev-ref", "HEAD"))
    return Vcs(
        revision=revision[:64],
        time=_rfc3339(seconds),
        modified=bool(ask("status", "--porcelain").output.strip()),
        tag=_one_line(ask("describe", "--tags", "--exact-match")),
        described=described,
        branch="" if branch == "HEAD" else branch,
        remote=plain_url(_one_line(ask("config", "--get", "remote.origin.url"))),
    )


def template_facts(source: Source, env: Mapping[str, str]) -> tuple[dict[str, str], str]:
    """Values of the placeholders in linker flags, and why those that are missing are."""
    if source.version:
        facts = {"Version": source.version, "Tag": source.version}
        return facts, "for a module at a version only Version and Tag are"
    vcs = describe(source.directory, env)
    facts = {
        "Version": vcs.described,
        "Commit": vcs.revision,
        "ShortCommit": vcs.revision[:7],
        "Branch": vcs.branch,
        "Tag": vcs.tag,
        "Date": vcs.time,
    }
    return facts, vcs.trouble or "the commit that is checked out has none"


def plain_url(remote: str) -> str:
    """A remote as an https URL, without user, password or query; "" for a local path.

    git@example.com:me/app.git → https://example.com/me/app
    """
    text = remote.strip()
    scheme, separator, rest = text.partition("://")
    if not separator:
        host, colon, path = text.partition(":")
        if not colon or "/" in host or not path or path.startswith("/"):
            return ""
        scheme, rest = "ssh", f"{host}/{path}"
    if scheme not in ("https", "http", "ssh", "git", "git+ssh"):
        return ""
    authority, _, path = rest.partition("/")
    host = authority.rpartition("@")[2]
    if scheme not in ("https", "http"):
        scheme, host = "https", host.partition(":")[0]
    path = path.partition("?")[0].partition("#")[0].rstrip("/").removesuffix(".git")
    if not host or not path or not (host + path).isprintable() or " " in host + path:
        return ""
    return f"{scheme}://{host}/{path}"


def refusal(directory: str, env: Mapping[str, str]) -> str:
    """Why Go got no VCS stamps for `directory`, as a warning."""
    return f"{describe(directory, env).trouble or 'git refused'}: built without a revision"


def _trouble_of(outcome: Outcome, directory: str) -> str:
    words = outcome.errors
    if "dubious ownership" in words:
        return (
            f"git does not trust {directory}, because it belongs to another user "
            f"(git config --global --add safe.directory {directory})"
        )
    if "not a git repository" in words:
        return f"{directory} is no git checkout"
    if (
        "unknown revision" in words
        or "does not have any commits" in words
        or "bad revision" in words
    ):
        return f"{directory} has no commit yet"
    if outcome.status < 0:
        return f"git took longer than {LIMIT_SECONDS} s"
    return "git failed: " + (words.strip().splitlines() or ["without a word"])[0][:_TEXT_LIMIT]


def _one_line(outcome: Outcome) -> str:
    text = outcome.output.strip() if outcome.is_good else ""
    return text if len(text) <= _TEXT_LIMIT and text.isprintable() else ""


def _rfc3339(seconds: str) -> str:
    if not seconds.isdigit() or len(seconds) > 11:
        return ""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
