"""A plan and what came of it in, a refusal out where a credential would be in the image (a door).

ENV or ARG whose name says secret, with a value  K005  before anything is built
a file that keeps credentials                    K004  of COPY and ADD; of RUN it is a warning
a credential's own form in a byte                K004  of COPY and ADD, before the image goes away

What is in a base is its maker's business; what only other stages hold is in no image, but in what
--cache-to gives away.
"""

import os
from collections.abc import Callable, Iterator, Mapping

import msgspec

from whit.build.dockerfile.bench import Files, Room
from whit.build.dockerfile.image import Ended
from whit.build.leaks import ALLOW, is_named, refuse_files, refuse_leaks
from whit.dockerfile.graph import BuildGraph, FromStage, Stage
from whit.dockerfile.instructions import Arg, Env
from whit.dockerfile.places import Span
from whit.dockerfile.steps import expand_step
from whit.errors import Place, WhitError
from whit.errors.secrets import SecretNamed
from whit.model.image import Image
from whit.model.secret import Secrets
from whit.secrets.rules import credential_files
from whit.store.steps import key_of

_READ_BYTES = 1 << 16


def refuse_variables(
    graph: BuildGraph, allowed: Mapping[str, str], place: Callable[[Span, str], Place | None]
) -> None:
    """Of the stages that the image is made of. Errors: SecretNamed, at its line."""
    env: dict[str, str] = {}
    for step in (step for stage in _line(graph) for step in stage.steps):
        if not isinstance(step.instruction, Env | Arg):
            continue
        try:
            instruction = expand_step(step, env).instruction
        except WhitError:
            return  # the build says it better
        for name, value in _values(instruction):
            env[name] = value
            if not is_named(name, value, allowed):
                continue
            word = "ENV" if isinstance(instruction, Env) else "ARG"
            part = "environment" if word == "ENV" else "history"
            raise SecretNamed(
                f"{word} {name} has a value that everybody could read in the image's {part}",
                hint="a step takes it by RUN --mount=type=secret, a program when the image runs; "
                + ALLOW.format(name),
                place=place(instruction.span, name),
            )


def _line(graph: BuildGraph) -> list[Stage]:
    """The target and the stages it is based on, the first one first."""
    found = [graph.stage(graph.target)]
    while isinstance(base := found[0].base, FromStage):
        found.insert(0, graph.stage(base.index))
    return found


def _values(instruction: object) -> Iterator[tuple[str, str]]:
    if isinstance(instruction, Env):
        yield from ((pair.key, pair.value) for pair in instruction.pairs)
    elif isinstance(instruction, Arg):
        yield from ((one.name, one.value or "") for one in instruction.arguments)


def refuse_credentials(
    room: Room, ended: Ended, image: Image, allowed: Mapping[str, str], *, leaves: bool
) -> None:
    """Of what the steps put into the image; bytes are searched when it `leaves` this machine.

    Errors: CredentialFound.
    """
    for files in ended.steps:
        _refuse_files(room, files, allowed)
    own = image.layers[len(image.layers) - len(ended.steps) :]
    if leaves:
        copied = tuple(
            layer for layer, files in zip(own, ended.steps, strict=True) if files.is_copied
        )
        mine = msgspec.structs.replace(image, layers=copied)
        refuse_leaks((mine,), Secrets(), allowed, room.store, room.listen)


def refuse_kept(room: Room, steps: tuple[Files, ...], allowed: Mapping[str, str]) -> None:
    """--cache-to gives away what only other stages hold, too. Errors: CredentialFound."""
    for files in steps:
        _refuse_files(room, files, allowed, "the cache that --cache-to would write")


def _refuse_files(
    room: Room, files: Files, allowed: Mapping[str, str], where: str = "the image"
) -> None:
    layer = files.layers[0]
    key = key_of("no credential files", layer, str(os.lstat(layer).st_ino))
    if room.store.steps.get(key) is not None:
        return
    found = credential_files(_paths(layer))
    if not found:
        room.store.steps.put(key, b"")
        return
    certain = [path for path in found if files.is_copied and _keeps_some(layer + path)]
    doubtful = [path for path in found if path not in certain]
    refuse_files(doubtful, allowed, room.listen, is_sure=False)
    refuse_files(certain, allowed, room.listen, where=where)


def _paths(layer: str) -> Iterator[str]:
    for directory, _, names in os.walk(layer):
        inside = directory[len(layer) :]
        yield from (f"{inside}/{name}" for name in names)


def _keeps_some(file: str) -> bool:
    """Most clones were made without a password: git's configuration is looked into."""
    if not file.endswith("/.git/config"):
        return os.path.isfile(file)
    try:
        with open(file, "rb") as stream:
            text = stream.read(_READ_BYTES).lower()
    except OSError:
        return True
    return b"extraheader" in text or any(
        b"@" in rest.partition(b"\n")[0].partition(b"/")[0] for rest in text.split(b"://")[1:]
    )
