"""A command line of RUN in, what is executed out, with the scripts it finds in /dev/pipes. Pure."""

from whit.dockerfile.instructions import CommandLine, Heredoc
from whit.dockerfile.parser import heredoc_of, without_tabs

DEFAULT_SHELL = ("/bin/sh", "-c")
PIPES = "/dev/pipes"


def with_shell(command: CommandLine, shell: tuple[str, ...]) -> tuple[str, ...]:
    """The words of CMD or ENTRYPOINT."""
    if not command.is_shell:
        return command.words
    return (*(shell or DEFAULT_SHELL), " ".join(command.words))


def arguments_of(
    command: CommandLine, shell: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """What is executed, and (name, content) of scripts.

    A line that is nothing but a heredoc is a script: for the shell, or with `#!` by itself.
    Any other text goes to the shell as it is, heredocs included.
    """
    if not command.is_shell or not command.heredocs:
        return with_shell(command, shell), ()
    shell = shell or DEFAULT_SHELL
    line = " ".join(command.words)
    if heredoc_of(line):
        first = command.heredocs[0]
        body = _body(first)
        if body.startswith("#!"):
            return (*shell, f"{PIPES}/{first.name}"), ((first.name, body),)
        return (*shell, body), ()
    text = line + "".join(f"\n{one.content}{one.name}" for one in command.heredocs)
    return (*shell, text), ()


def _body(heredoc: Heredoc) -> str:
    return without_tabs(heredoc.content) if heredoc.chomps else heredoc.content
