"""A command line of RUN in, what is executed out, with the scripts that it finds in /dev/pipes."""

from whit.dockerfile.instructions import CommandLine, Heredoc

DEFAULT_SHELL = ("/bin/sh", "-c")
PIPES = "/dev/pipes"


def arguments_of(
    command: CommandLine, shell: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """A line that is nothing but a heredoc is a script: for the shell, or with `#!` by itself.
    Any other text goes to the shell as it is, heredocs included.
    """
    shell = shell or DEFAULT_SHELL
    if not command.is_shell:
        return command.words, ()
    line = command.words[0]
    if not command.heredocs:
        return (*shell, line), ()
    first = command.heredocs[0]
    if len(command.heredocs) == 1 and _is_only(line, first):
        body = _body(first)
        if body.startswith("#!"):
            return (*shell, f"{PIPES}/{first.name}"), ((first.name, body),)
        return (*shell, body), ()
    text = line + "".join(f"\n{one.content}{one.name}" for one in command.heredocs)
    return (*shell, text), ()


def _is_only(line: str, heredoc: Heredoc) -> bool:
    word = line.strip().lstrip("0123456789")
    if not word.startswith("<<"):
        return False
    name = word.removeprefix("<<").removeprefix("-").strip()
    return name.strip("\"'") == heredoc.name and len(name.split()) == 1


def _body(heredoc: Heredoc) -> str:
    if not heredoc.chomps:
        return heredoc.content
    return "".join(line.lstrip("\t") for line in heredoc.content.splitlines(keepends=True))
