"""A plan, the program's facts and what was observed in, a Verdict out: nothing runs here (pure).

Rule: every check says what it looked at, passed or not; one failed check makes the image broken.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from whit.binary.elf import Elf
from whit.errors.sandbox import BrokenImage, UnknownUser
from whit.model.names import Platform
from whit.model.plan import Plan, RunConfig
from whit.model.tree import Content, Dir, File
from whit.model.verdict import Check, Observation, Status, Verdict
from whit.prove.paths import Reached, Walker, may_execute, walker_of
from whit.prove.provision import unprovided
from whit.sandbox.accounts import account_of
from whit.sandbox.spec import Account

_GREATEST_ACCOUNTS_BYTES = 1 << 20
_SHOWN_OUTPUT = 2000


class ProgramFacts(Protocol):
    """What the checks read of a program's Facts."""

    @property
    def platform(self) -> Platform: ...
    @property
    def interpreter(self) -> str: ...
    @property
    def libraries(self) -> tuple[str, ...]: ...
    @property
    def elf(self) -> Elf: ...


class Seen(msgspec.Struct, frozen=True):
    """What was observed, and the exit status that was expected of it."""

    observations: tuple[Observation, ...] = ()
    expected_status: int = 0


def judge(
    plan: Plan,
    facts: ProgramFacts | None,
    read: Callable[[Content], bytes],
    seen: Seen | None = None,
) -> Verdict:
    """Check the image's tree as the kernel and the loader would see it.

    `facts` are the entrypoint's, None when it is no ELF program; `read` gives the bytes of passwd
    and group.
    """
    seen = seen or Seen()
    walker = walker_of(plan.tree())
    account, user = _user(plan.config, walker, read)
    entry = _Entry(plan.config, walker, account)
    missing, needs = _needs(plan, walker, account)
    checks = [
        *entry.checks(),
        *_loading(facts, plan, read),
        *_taken(plan, read),
        user,
        _working_dir(plan.config, walker, account),
        _environment(plan.config),
        *needs,
        *(_smoke(observation, seen.expected_status) for observation in seen.observations),
    ]
    proven = Status.PROVEN if seen.observations else Status.UNPROVEN
    return Verdict(
        status=proven if all(check.passed for check in checks) else Status.BROKEN,
        checks=tuple(checks),
        observed=seen.observations,
        missing=missing,
        unexplained=tuple(entry.path for entry in plan.entries if not entry.code),
    )


def joint_verdict(verdicts: Sequence[tuple[str, Verdict]]) -> Verdict:
    """The verdict on an image of several programs, each by its name: the worst of all."""
    if len(verdicts) == 1:
        return verdicts[0][1]
    order = (Status.BROKEN, Status.UNPROVEN, Status.PROVEN)
    return Verdict(
        status=min((v.status for _, v in verdicts), key=order.index),
        checks=tuple(
            msgspec.structs.replace(check, name=f"{name}: {check.name}")
            for name, verdict in verdicts
            for check in verdict.checks
        ),
        observed=tuple(one for _, verdict in verdicts for one in verdict.observed),
        missing=tuple(dict.fromkeys(m for _, verdict in verdicts for m in verdict.missing)),
        unexplained=verdicts[0][1].unexplained,
    )


def refuse_broken(verdict: Verdict) -> None:
    """Raise BrokenImage with every failed check; do nothing otherwise."""
    failed = [check for check in verdict.checks if not check.passed]
    if verdict.status is not Status.BROKEN:
        return
    hints = dict.fromkeys(check.hint for check in failed if check.hint)
    raise BrokenImage(
        "the image cannot run: " + "; ".join(f"{c.name}: {c.detail}" for c in failed),
        hint="; ".join(hints) or None,
        output="\n".join(o.output[:_SHOWN_OUTPUT] for o in verdict.observed if o.output) or None,
    )


class _Entry(msgspec.Struct, frozen=True):
    """The file that the image starts with."""

    config: RunConfig
    walker: Walker
    account: Account

    def checks(self) -> list[Check]:
        command = (*self.config.entrypoint, *self.config.cmd)
        if not command:
            hint = "give the image an entrypoint"
            return [Check("entrypoint", False, "the image names no program", hint)]
        reached = self._reach(command[0])
        if reached is None:
            hint = f"put the program at {command[0]}, or name the path it has"
            return [Check("entrypoint", False, f"{command[0]} is not in the image", hint)]
        if not isinstance(reached.node, File):
            hint = "the entrypoint must be a program"
            return [Check("entrypoint", False, f"{command[0]} is no regular file", hint)]
        return [
            Check("entrypoint", True, f"{reached.path} is in the image"),
            self._executable(reached, reached.node),
        ]

    def _reach(self, name: str) -> Reached | None:
        if "/" in name:
            start = "" if name.startswith("/") else f"{self.config.working_dir or '/'}/"
            return self.walker.reach(f"{start}{name}")
        path = dict(self.config.env).get("PATH") or (
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        )
        found = (self.walker.reach(f"{place}/{name}") for place in path.split(":"))
        return next((reached for reached in found if reached), None)

    def _executable(self, reached: Reached, node: File) -> Check:
        who = f"{self.account.uid}:{self.account.gid}"
        for path, directory in reached.through:
            if not may_execute(directory, self.account):
                detail = f"user {who} may not enter {path} (mode {directory.mode:04o})"
                return Check("executable", False, detail, f"give {path} mode 0755")
        if not may_execute(node, self.account):
            detail = f"user {who} may not execute {reached.path} (mode {node.mode:04o})"
            return Check("executable", False, detail, f"give {reached.path} mode 0755")
        return Check("executable", True, f"user {who} may execute {reached.path}")


def _user(
    config: RunConfig, walker: Walker, read: Callable[[Content], bytes]
) -> tuple[Account, Check]:
    def bytes_of(path: str) -> bytes:
        file = walker.file(path)
        fits = file is not None and file.content.size <= _GREATEST_ACCOUNTS_BYTES
        return read(file.content) if file is not None and fits else b""

    try:
        account = account_of(config.user, bytes_of("/etc/passwd"), bytes_of("/etc/group"))
    except UnknownUser as error:
        # The other checks still say something useful, as for a user without any rights.
        return Account(65534, 65534), Check("user", False, error.message, error.hint or "")
    detail = f"{config.user or 'root'} is {account.uid}:{account.gid}"
    return account, Check("user", True, detail)


def _taken(plan: Plan, read: Callable[[Content], bytes]) -> list[Check]:
    if not any(what.kind == "program" for need in plan.needs for what in need.what):
        return []
    from whit.prove.libraries import taken_checks  # noqa: PLC0415

    return taken_checks(plan, read)


def _loading(
    facts: ProgramFacts | None, plan: Plan, read: Callable[[Content], bytes]
) -> list[Check]:
    if facts is None:
        return []
    own, said = facts.platform, plan.config.platform
    same = (own.os, own.architecture) == (said.os, said.architecture)
    detail = f"the program is for {own}" + ("" if same else f", the image says {said}")
    checks = [Check("platform", same, detail, "" if same else f"build it for {said}")]
    if not facts.interpreter and not facts.libraries:
        return [*checks, Check("loading", True, "static: no loader, no libraries")]
    from whit.prove.libraries import loading_checks  # noqa: PLC0415

    return [*checks, *loading_checks(facts.elf, plan, read)]


def _working_dir(config: RunConfig, walker: Walker, account: Account) -> Check:
    path = config.working_dir or "/"
    reached = walker.reach(path)
    if reached is None or not isinstance(reached.node, Dir):
        detail = f"{path} is " + ("not in the image" if reached is None else "no directory")
        return Check("working directory", False, detail, f"--need directory:{path}")
    barred = [p for p, directory in reached.through if not may_execute(directory, account)]
    if barred:
        detail = f"user {account.uid} may not enter {barred[0]}"
        return Check("working directory", False, detail, f"give {barred[0]} mode 0755")
    return Check("working directory", True, f"{path} exists")


def _environment(config: RunConfig) -> Check:
    names = [name for name, _ in config.env]
    for name, value in config.env:
        if not name or "=" in name or "\0" in name + value:
            hint = "write NAME=value"
            return Check("environment", False, f"{name!r} is no variable's name", hint)
        if names.count(name) > 1:
            return Check("environment", False, f"{name} is set twice", "set it once")
    return Check("environment", True, f"{len(names)} variables")


def _needs(plan: Plan, walker: Walker, account: Account) -> tuple[tuple[str, ...], list[Check]]:
    env = dict(plan.config.env)
    missing: list[str] = []
    checks = []
    for need in plan.needs:
        if not need.standing.is_provided or not need.what:
            continue
        lacking: list[str] = []
        for what in need.what:
            lacking += unprovided(what, walker, account, env)
        missing += lacking
        detail = "missing: " + ", ".join(lacking) if lacking else "satisfied"
        hint = f"`whit explain {need.code}`; --without {need.code} if it is not needed"
        title = f"{need.code} {need.title}"
        checks.append(Check(title, not lacking, detail, hint if lacking else ""))
    return tuple(missing), checks


def _smoke(observation: Observation, expected: int) -> Check:
    command = " ".join(observation.command)
    if observation.still_ran:
        return Check("smoke", True, f"`{command}` started and {observation.told}")
    passed = observation.status == expected
    detail = f"`{command}` {observation.told}"
    if not passed:
        detail += f", expected {expected}"
    hint = ""
    if not passed:
        hint = "what it printed stands above" if observation.output else "it printed nothing"
        hint += "; a smoke run should end with 0, or serve"
    return Check("smoke", passed, detail, hint)
