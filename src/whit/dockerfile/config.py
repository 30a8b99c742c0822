"""The state of a stage and an expanded step in, the next state out: config and history. Pure.

History has docker's words, so that `docker history` and tools that read it find what they know:

    RUN |1 V=9 /bin/sh -c go build # buildkit     a layer
    COPY --chown=1 a b /c # buildkit              a layer
    WORKDIR /w                                    a layer, unless it is /
    ENV A=1 B=two words                           no layer
"""

import posixpath
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from whit.dockerfile import instructions as i
from whit.dockerfile.durations import duration_text
from whit.dockerfile.gotext import plain_list, quoted_list
from whit.dockerfile.graph import Step
from whit.dockerfile.ports import read_port
from whit.dockerfile.shell import arguments_of, with_shell
from whit.dockerfile.signals import check_signal
from whit.dockerfile.state import State
from whit.errors.dockerfile import BadInstruction
from whit.oci.documents import HealthDocument, History, Nothing

COMMENT = "buildkit.dockerfile.v0"
# Told to the SBOM scanner; never a variable of a RUN.
NOT_IN_ENVIRONMENT = ("BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE")

replace = msgspec.structs.replace


def apply_step(state: State, step: Step) -> State:
    """The state after a step that `expand_step` expanded. Errors: BadInstruction."""
    act: Callable[[State, Any], State] = _ACTS[type(step.instruction)]
    return act(state, step.instruction)


def is_layer(state: State, step: Step) -> bool:
    """Whether a step makes a layer; `state` is the one after it."""
    if isinstance(step.instruction, i.Workdir):
        return state.config.working_dir != "/"
    return isinstance(step.instruction, i.Run | i.Transfer)


def working_directory(current: str, text: str) -> str:
    """Where WORKDIR leads. Like docker, this cleans relative paths and keeps absolute ones as they
    are: `WORKDIR /app/` says `/app/` in the config.
    """
    if text.startswith("/"):
        return text
    path = posixpath.normpath(posixpath.join("/", current or "/", text))
    return path[1:] if path.startswith("//") else path


def _said(state: State, text: str, *, has_layer: bool = False, **changes: object) -> State:
    entry = History(created_by=text, comment=COMMENT, empty_layer=not has_layer)
    config = replace(state.config, **changes)
    return replace(state, config=config, history=(*state.history, entry))


def _with_variable(state: State, name: str, value: str) -> State:
    return replace(state, variables=tuple({**state.environment, name: value}.items()))


def _env(state: State, one: i.Env) -> State:
    entries = list(state.config.env or ())
    for pair in one.pairs:
        entry = f"{pair.key}={pair.value}"
        at = [n for n, known in enumerate(entries) if known.partition("=")[0] == pair.key]
        if at:
            entries[at[0]] = entry
        else:
            entries.append(entry)
        state = _with_variable(state, pair.key, pair.value)
    text = " ".join(["ENV", *(f"{pair.key}={pair.value}" for pair in one.pairs)])
    return _said(state, text, env=tuple(entries))


def _arg(state: State, one: i.Arg) -> State:
    words = ["ARG"]
    for argument in one.arguments:
        words.append(argument.name)
        if argument.value is not None:
            words[-1] += f"={argument.value}"
            if argument.name not in NOT_IN_ENVIRONMENT:
                state = _with_variable(state, argument.name, argument.value)
        declared = (*state.arguments, (argument.name, argument.value))
        state = replace(state, arguments=declared)
    return _said(state, " ".join(words))


def _label(state: State, one: i.Label) -> State:
    labels = dict(state.config.labels or {})
    labels |= {pair.key: pair.value for pair in one.pairs}
    text = " ".join(["LABEL", *(f"{pair.key}={pair.value}" for pair in one.pairs)])
    return _said(state, text, labels=labels)


def _run(state: State, one: i.Run) -> State:
    words, _ = arguments_of(one.command, state.config.shell or ())
    env = state.environment
    values = {name: env.get(name, value or "") for name, value in state.arguments}
    declared = [f"{name}={value}" for name, value in values.items()]
    count = [f"|{len(declared)}"] if declared else []
    text = " ".join(["RUN", " ".join([*count, *declared, *words]), "# buildkit"])
    return _said(state, text, has_layer=True)


def _transfer(state: State, one: i.Transfer) -> State:
    words = ["ADD" if isinstance(one, i.Add) else "COPY"]
    if isinstance(one, i.Copy) and one.keeps_parents:
        words.append("--parents")
    words += [f"--chown={one.chown}"] if one.chown else []
    words += [f"--chmod={one.chmod}"] if one.chmod else []
    words += [*one.sources, *(f"<<{file.name}" for file in one.files)]
    return _said(state, " ".join([*words, one.destination, "# buildkit"]), has_layer=True)


def _workdir(state: State, one: i.Workdir) -> State:
    path = working_directory(state.config.working_dir, one.path)
    return _said(state, f"WORKDIR {path}", has_layer=path != "/", working_dir=path)


def _cmd(state: State, one: i.Cmd) -> State:
    words = with_shell(one.command, state.config.shell or ())
    state = replace(state, has_cmd=True)
    return _said(state, f"CMD {quoted_list(words)}", cmd=words or None, args_escaped=True)


def _entrypoint(state: State, one: i.Entrypoint) -> State:
    """An ENTRYPOINT makes an inherited CMD void; one of the same stage may even stand before it."""
    words = with_shell(one.command, state.config.shell or ())
    cmd = state.config.cmd if state.has_cmd else None
    return _said(state, f"ENTRYPOINT {quoted_list(words)}", entrypoint=words or None, cmd=cmd)


def _shell(state: State, one: i.Shell) -> State:
    return _said(state, f"SHELL {plain_list(one.words)}", shell=one.words)


def _healthcheck(state: State, one: i.Healthcheck) -> State:
    health = HealthDocument(
        one.test,
        one.interval_ns,
        one.timeout_ns,
        one.start_period_ns,
        one.start_interval_ns,
        one.retries,
    )
    text = (
        f"HEALTHCHECK {{Test:{plain_list(one.test)} Interval:{duration_text(one.interval_ns)}"
        f" Timeout:{duration_text(one.timeout_ns)} StartPeriod:{duration_text(one.start_period_ns)}"
        f" StartInterval:{duration_text(one.start_interval_ns)} Retries:{one.retries}}}"
    )
    return _said(state, text, healthcheck=health)


def _expose(state: State, one: i.Expose) -> State:
    ports = [port for word in one.ports for port in read_port(word).exposed]
    exposed = {**(state.config.exposed_ports or {}), **dict.fromkeys(ports, Nothing())}
    return _said(state, f"EXPOSE {plain_list(ports)}", exposed_ports=exposed or None)


def _volume(state: State, one: i.Volume) -> State:
    if not all(one.paths):
        raise BadInstruction(
            "VOLUME has a path that is empty once its variables are expanded",
            hint="give the variable a value with ARG or ENV",
        )
    volumes = {**(state.config.volumes or {}), **dict.fromkeys(one.paths, Nothing())}
    return _said(state, f"VOLUME {plain_list(one.paths)}", volumes=volumes)


def _user(state: State, one: i.User) -> State:
    return _said(state, f"USER {one.user}", user=one.user)


def _stop_signal(state: State, one: i.StopSignal) -> State:
    check_signal(one.signal)
    return _said(state, f"STOPSIGNAL {one.signal}", stop_signal=one.signal)


def _maintainer(state: State, one: i.Maintainer) -> State:
    return replace(_said(state, f"MAINTAINER {one.author}"), author=one.author)


def _on_build(state: State, one: i.OnBuild) -> State:
    """Has no history, as in docker."""
    triggers = (*(state.config.on_build or ()), one.trigger)
    return replace(state, config=replace(state.config, on_build=triggers))


# Each takes its own kind of instruction.
_ACTS: Mapping[type[i.Instruction], Callable[[State, Any], State]] = {
    i.Env: _env,
    i.Arg: _arg,
    i.Label: _label,
    i.Run: _run,
    i.Copy: _transfer,
    i.Add: _transfer,
    i.Workdir: _workdir,
    i.Cmd: _cmd,
    i.Entrypoint: _entrypoint,
    i.Shell: _shell,
    i.Healthcheck: _healthcheck,
    i.Expose: _expose,
    i.Volume: _volume,
    i.User: _user,
    i.StopSignal: _stop_signal,
    i.Maintainer: _maintainer,
    i.OnBuild: _on_build,
}
