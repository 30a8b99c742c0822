"""A command line in, a process group out: `posix_spawn` with two pipes and nothing to import.

`subprocess` would cost 8 ms, a tenth of what Go needs to find out that nothing changed.
"""

import os

# The type checker takes it for true; typing itself would cost more than all of this.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Spawned:
    """A process group under way, and where its two streams are read."""

    __slots__ = ("errors", "group", "output")

    def __init__(self, group: int, output: int, errors: int) -> None:
        self.group, self.output, self.errors = group, output, errors


def spawn(
    command: "Sequence[str]", environment: "Mapping[str, str]", directory: str, held: int
) -> Spawned:
    """Start `command[0]`, an absolute path, in `directory` ("": here), as a process group.

    `held` is a descriptor that it inherits as 3; -1 for none. Raises OSError, ValueError.
    """
    # signal would import enum, which costs more than all of this.
    from _signal import SIGINT, SIGPIPE, SIGTERM  # type: ignore[import-not-found]  # noqa: PLC0415

    if directory and directory != os.getcwd():
        # posix_spawn cannot change directory; the shell takes 1 ms. Go believes $PWD.
        command = ("/bin/sh", "-c", 'cd -- "$0" && exec "$@"', directory, *command)
        environment = {**environment, "PWD": directory}
    output, output_end = os.pipe2(os.O_CLOEXEC)
    errors, errors_end = os.pipe2(os.O_CLOEXEC)
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, output_end, 1),
        (os.POSIX_SPAWN_DUP2, errors_end, 2),
    ]
    if held >= 0:
        actions.append((os.POSIX_SPAWN_DUP2, held, 3))
    try:
        group = os.posix_spawn(
            command[0],
            tuple(command),
            environment,
            file_actions=actions,
            setpgroup=0,
            setsigmask=(),
            setsigdef=(SIGINT, SIGPIPE, SIGTERM),
        )
    except (OSError, ValueError):
        os.close(output)
        os.close(errors)
        raise
    finally:
        os.close(output_end)
        os.close(errors_end)
    return Spawned(group, output, errors)


def end_group(group: int) -> None:
    """Kill a process group; nothing happens when it has ended."""
    from _signal import SIGKILL  # noqa: PLC0415

    try:
        os.killpg(group, SIGKILL)
    except ProcessLookupError:
        return
