"""A step and an environment in, the step with its variables expanded out. Pure.

What is expanded is what docker expands: the words of COPY, ADD, ENV, LABEL, EXPOSE, USER, VOLUME,
WORKDIR, STOPSIGNAL, the values of ARG and of RUN's mounts, and unquoted heredocs of COPY and ADD.
Commands are never touched: the shell in the container expands those.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from whit.dockerfile import instructions as i
from whit.dockerfile.expand import Mode, expand, expand_words
from whit.dockerfile.graph import Step
from whit.dockerfile.mounts import read_mount

replace = msgspec.structs.replace


class _Words:
    """Expands words, and remembers the names that had no value."""

    def __init__(self, env: Mapping[str, str], escape: str) -> None:
        self.env, self._mode = dict(env), Mode(escape=escape)
        self.missing: set[str] = set()

    def one(self, text: str) -> str:
        return self._noted(text, self._mode)

    def many(self, texts: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(self.one, texts))

    def split(self, texts: tuple[str, ...]) -> tuple[str, ...]:
        """Of EXPOSE, which may name no port at all: an unset variable is no mistake there."""
        return tuple(word for text in texts for word in expand_words(text, self.env, self._mode))

    def body(self, text: str) -> str:
        """A heredoc's: quotes are text, and its escape is always the backslash."""
        return self._noted(text, Mode(is_body=True))

    def _noted(self, text: str, mode: Mode) -> str:
        expanded = expand(text, self.env, mode)
        self.missing |= expanded.missing
        return expanded.text


def expand_step(step: Step, env: Mapping[str, str]) -> Step:
    """Errors: BadExpansion; BadInstruction for a mount. Neither has a place yet."""
    return expanded(step, env)[0]


def expanded(step: Step, env: Mapping[str, str]) -> tuple[Step, frozenset[str]]:
    """The step, and the names in it that nothing gave a value to."""
    words = _Words(env, step.escape)
    act = _ACTS.get(type(step.instruction))
    instruction = act(step.instruction, words) if act else step.instruction
    return replace(step, instruction=instruction), frozenset(words.missing)


def _arg(one: i.Arg, words: _Words) -> i.Instruction:
    """Each name sees those before it, other than with ENV."""
    found = []
    for argument in one.arguments:
        value = argument.value
        if value is not None and not argument.is_final:
            value = words.one(value)
        if value is not None:
            words.env[argument.name] = value
        found.append(i.Argument(argument.name, value, is_final=True))
    return replace(one, arguments=tuple(found))


def _pairs(one: i.Env | i.Label, words: _Words) -> i.Instruction:
    pairs = tuple(
        i.Pair(words.one(pair.key), words.one(pair.value), pair.is_legacy) for pair in one.pairs
    )
    return replace(one, pairs=pairs)


def _transfer(one: i.Transfer, words: _Words) -> i.Instruction:
    found: i.Transfer = replace(
        one,
        chown=words.one(one.chown),
        chmod=words.one(one.chmod),
        sources=words.many(one.sources),
        destination=words.one(one.destination),
        files=tuple(
            replace(file, content=words.body(file.content), expands=False) if file.expands else file
            for file in one.files
        ),
    )
    return replace(found, checksum=words.one(found.checksum)) if isinstance(found, i.Add) else found


def _run(one: i.Run, words: _Words) -> i.Instruction:
    return replace(one, resolved=tuple(read_mount(mount, words.one) for mount in one.mounts))


def _expose(one: i.Expose, words: _Words) -> i.Instruction:
    return replace(one, ports=words.split(one.ports))


def _volume(one: i.Volume, words: _Words) -> i.Instruction:
    return replace(one, paths=words.many(one.paths))


def _field(name: str) -> Callable[[i.Instruction, _Words], i.Instruction]:
    def act(one: i.Instruction, words: _Words) -> i.Instruction:
        return replace(one, **{name: words.one(getattr(one, name))})

    return act


# Each takes its own kind of instruction.
_ACTS: Mapping[type[i.Instruction], Callable[[Any, _Words], i.Instruction]] = {
    i.Arg: _arg,
    i.Env: _pairs,
    i.Label: _pairs,
    i.Copy: _transfer,
    i.Add: _transfer,
    i.Run: _run,
    i.Expose: _expose,
    i.Volume: _volume,
    i.User: _field("user"),
    i.Workdir: _field("path"),
    i.StopSignal: _field("signal"),
}
