"""An expanded RUN and the files before it in, the files after it out (a door)."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from whit.build.dockerfile.bench import MORE_IDS, NO_OTHERS, Done, Files, Room, done
from whit.build.dockerfile.caches import cache_mount, generation_of
from whit.build.dockerfile.copying import Manner, Target
from whit.build.dockerfile.origins import Reading, digest_of_reading
from whit.build.events import Said
from whit.dockerfile.instructions import (
    BindMount,
    CacheMount,
    Run,
    SecretMount,
    SshMount,
    TmpfsMount,
)
from whit.errors.dockerfile import RefusedInstruction, StepFailed
from whit.errors.sandbox import CannotStart, ForeignPlatform, RuntimeFailed
from whit.layer.stack import Stack
from whit.layer.unpack import may_give_away
from whit.model.names import Platform
from whit.sandbox.accounts import account_of
from whit.store.snapshots import Draft
from whit.store.steps import key_of

if TYPE_CHECKING:
    from whit.sandbox.step import StepMount

_SHOWN_BYTES = 1 << 13
_GREATEST_LINE = 4096
_KILLED = 128 + 9
_NO_OVERLAY = "cannot mount the step's file system"
_SHELL_HINT = (
    "begin with an image that has a shell; or run a program of the stage without one: "
    'RUN ["/program", "argument"]'
)
_OVERLAY_HINT = (
    "inside a container that is often so: set WHIT_CACHE to a directory on a volume or a tmpfs; in "
    "user namespaces overlayfs needs Linux 5.11"
)
# What a program means for a terminal must not reach ours.
_COLORS = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|.)")


class Command(msgspec.Struct, frozen=True):
    """A RUN, ready: what to execute and in which surroundings. `unseen` are variables that are no
    part of the key (proxies); `caches` are mounts that whit adds by itself.
    """

    title: str
    shown: str
    args: tuple[str, ...]
    env: tuple[tuple[str, str], ...]
    working_dir: str
    user: str
    run: Run
    readings: tuple[Reading | None, ...]
    platform: Platform
    scripts: tuple[tuple[str, str], ...] = ()
    unseen: tuple[tuple[str, str], ...] = ()
    caches: tuple[CacheMount, ...] = ()


def run_command(room: Room, files: Files, command: Command) -> Done:
    """Errors: StepFailed, RefusedInstruction, UnknownUser, ForeignPlatform; the runtime's."""
    key = _key(room, files, command)

    def make(draft: Draft, below: Stack) -> None:
        _execute(room, files, command, draft, below)

    return done(room, files, key, make, command.shown)


def refuse(run: Run) -> None:
    """What no step may have. Errors: RefusedInstruction."""
    if run.security == "insecure":
        raise RefusedInstruction(
            "RUN --security=insecure is refused: it would have the rights of this machine's root",
            hint="leave it out; most tools need it for their tests only",
        )
    if run.devices:
        raise RefusedInstruction(
            f"RUN --device={run.devices[0]} is refused: a step gets no device of this machine",
            hint="leave it out; most programs compile without the device that they use",
        )


def _key(room: Room, files: Files, command: Command) -> str:
    parts = [
        "run",
        files.key,
        repr(command.args),
        repr(command.env),
        command.working_dir,
        command.user,
        str(command.platform),
        command.run.network,
        repr(command.scripts),
    ]
    for mount, reading in zip(command.run.resolved, command.readings, strict=True):
        if isinstance(mount, CacheMount):
            parts.append(repr(("cache", mount.target, mount.is_read_only)))
        elif isinstance(mount, SecretMount):
            parts.append(repr(("secret", mount.id, mount.target, mount.variable)))
        else:
            parts.append(repr(mount))
            if isinstance(mount, BindMount) and reading is not None:
                parts.append(digest_of_reading(room, reading, (mount.source,)))
    # What a cache of ours holds may be what a later step needs: a new one means a new step.
    parts += [generation_of(room, mount) for mount in command.caches]
    return key_of(*parts)


def _execute(room: Room, files: Files, command: Command, draft: Draft, below: Stack) -> None:
    from whit.prove.observe import can_run
    from whit.sandbox.again import again_command
    from whit.sandbox.spec import Limits, Network
    from whit.sandbox.step import StepRequest, run_step
    from whit.sandbox.workspace import open_workspace

    if not can_run(command.platform):
        raise ForeignPlatform(
            f"RUN for {command.platform} cannot run here",
            hint="cross-compile: FROM --platform=$BUILDPLATFORM; or install qemu-user-static "
            "and binfmt-support",
        )
    account = account_of(command.user, below.read("/etc/passwd"), below.read("/etc/group"))
    if (account.uid or account.gid) and not may_give_away():
        raise RuntimeFailed(NO_OTHERS.format(f"steps of the user {command.user}"), hint=MORE_IDS)
    target = Target(draft.files, below)
    place = below.resolve(command.working_dir)
    if below.find(place) is None:
        owner = (account.uid, account.gid)
        target.make_directory(place, Manner(owner=owner, epoch=room.epoch))
        target.finish()
    lower = files.layers or (_empty(room),)
    with ExitStack() as held, open_workspace(Path(room.cache) / "run") as workspace:
        mounts, more = _mounts(room, command, workspace.path, held)
        request = StepRequest(
            args=command.args,
            env=(*command.env, *command.unseen),
            secret_env=more,
            lower=lower,
            upper=draft.files,
            work=draft.work,
            working_dir=place,
            account=account,
            network=Network.NONE if command.run.network == "none" else Network.HOST,
            mounts=mounts,
            title=command.shown,
            limits=Limits(memory_bytes=room.memory_bytes, pids=room.pids),
        )
        lines = _Lines(lambda line: room.listen(Said(command.title, room.secrets.hidden(line))))
        runtime, host = room.find_runtime()
        with _explaining(room, command, below):
            outcome = run_step(request, runtime, workspace, host, lines.hear, room.stopper)
        lines.end()
        if outcome.status:
            again = again_command(workspace.name)
            bound = room.memory_bytes and outcome.status == _KILLED
            raise StepFailed(
                f"{command.shown} ended with status {outcome.status}"
                + (" (killed: it may have wanted more than --memory allows)" if bound else ""),
                hint=f"for an hour this opens a shell where it began: {again}",
                output=room.secrets.hidden(_tail(outcome.output)),
            )


@contextmanager
def _explaining(room: Room, command: Command, below: Stack) -> Iterator[None]:
    """What every second FROM scratch meets first, and what builds inside of containers meet."""
    try:
        yield
    except CannotStart as error:
        again = (error.hint or "").rpartition(": ")[2]
        error.hint = f"is it there, and executable? For an hour this opens a shell: {again}"
        program = command.args[0]
        if program.startswith("/") and below.find(below.resolve(program)) is None:
            error.message = f"there is no {program} in this stage"
            error.output = ""
            error.hint = _SHELL_HINT if command.run.command.is_shell else error.hint
        raise
    except RuntimeFailed as error:
        if _NO_OVERLAY in (error.output or ""):
            error.message = f"overlayfs does not take the file system of {room.cache}"
            error.hint = _OVERLAY_HINT
        raise


def _tail(output: bytes) -> str:
    return output[-_SHOWN_BYTES:].decode("utf-8", "replace").strip("\n")


class _Lines:
    """Pieces of output in, whole lines out; what stays on a line without an end is cut."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say, self._rest = say, b""

    def hear(self, piece: bytes) -> None:
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            # A progress bar draws over itself: what it ended with is what it says.
            shown = line.rstrip(b"\r").rpartition(b"\r")[2][:_GREATEST_LINE]
            text = _COLORS.sub("", shown.decode("utf-8", "replace"))
            self._say("".join(c for c in text if c >= " " or c == "\t"))
        self._rest = self._rest[-_GREATEST_LINE:]

    def end(self) -> None:
        if self._rest:
            self.hear(b"\n")


def _empty(room: Room) -> str:
    """Overlayfs wants a lower directory also where there is nothing."""
    key = key_of("empty")
    found = room.snapshots.find(key)
    if found is None:
        with room.snapshots.draft() as draft:
            found = room.snapshots.settle(draft, key, "nothing")
    return found


# ---- mounts ---------------------------------------------------------------------------------

Variables = tuple[tuple[str, str], ...]


def _mounts(
    room: Room, command: Command, workspace: Path, held: ExitStack
) -> "tuple[tuple[StepMount, ...], Variables]":
    """The mounts of a step, and the variables that they bring."""
    from whit.sandbox.step import StepMount

    found: list[StepMount] = []
    variables: list[tuple[str, str]] = []
    agents = 0
    for mount, reading in zip(command.run.resolved, command.readings, strict=True):
        if isinstance(mount, BindMount):
            found.append(_bind(room, mount, reading, command.working_dir))
        elif isinstance(mount, CacheMount):
            found.append(cache_mount(room, mount, reading, held))
        elif isinstance(mount, TmpfsMount):
            found.append(StepMount(mount.target, size_bytes=mount.size_bytes))
        elif isinstance(mount, SecretMount):
            one, value = _secret(room, mount)
            found += one
            variables += value
        else:
            socket = mount.target or f"/run/buildkit/ssh_agent.{agents}"
            found += _agent(room, mount, socket)
            if agents == 0:
                variables.append(("SSH_AUTH_SOCK", socket))
            agents += 1
    found += [cache_mount(room, cache, None, held) for cache in command.caches]
    if command.scripts:
        directory = workspace / "pipes"
        directory.mkdir()
        for name, text in command.scripts:
            (directory / name).write_text(text)
            (directory / name).chmod(0o755)
        found.append(StepMount("/dev/pipes", str(directory), read_only=True))
    return tuple(found), tuple(variables)


def _bind(room: Room, mount: BindMount, reading: Reading | None, here: str) -> "StepMount":
    from whit.sandbox.step import StepMount

    if reading is None:
        raise AssertionError("a bind mount reads something")
    settled = reading.settled(room, mount.source)
    source = settled.stack().resolve("/" + mount.source.strip("/"))
    host = "" if source == "/" else source
    lower = settled.layers or (_empty(room),)
    target = mount.target or here
    return StepMount(target, host, lower=lower, read_only=mount.is_read_only)


def _secret(room: Room, mount: SecretMount) -> "tuple[tuple[StepMount, ...], Variables]":
    from whit.sandbox.step import StepMount

    secret = room.secrets.get(mount.id)
    if secret is None:
        if mount.is_required:
            raise RefusedInstruction(
                f"the step requires the secret {mount.id}, and nobody gave it",
                hint=f"give it: --secret id={mount.id},src=FILE or --secret id={mount.id},env=NAME",
            )
        return (), ((mount.variable, ""),) if mount.variable else ()
    data = secret.reveal()
    variables = ((mount.variable, data.decode("utf-8", "replace")),) if mount.variable else ()
    if not mount.target:
        return (), variables
    owner = mount.owner
    one = StepMount(
        mount.target,
        secret=data,
        read_only=True,
        mode=0o400 if owner.mode is None else owner.mode,
        uid=owner.uid or 0,
        gid=owner.gid or 0,
    )
    return (one,), variables


def _agent(room: Room, mount: SshMount, socket: str) -> "tuple[StepMount, ...]":
    from whit.sandbox.step import StepMount

    host = room.agents.get(mount.id, "")
    if host and os.path.exists(host):
        return (StepMount(socket, host),)
    if mount.is_required:
        raise RefusedInstruction(
            f"the step requires the SSH agent {mount.id}, and there is none",
            hint="start one, and give it: --ssh default",
        )
    return ()
