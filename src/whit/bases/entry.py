"""An architecture in, the program that starts first in an image without a shell out.

It turns NAME_FILE into NAME, checks what is required, expands ${NAME} in arguments, and becomes the
real program. The bytes are built from entry_programs/entry.c by `make entry`, and are the same
whoever builds them; SHA256SUMS says which.
"""

from collections.abc import Iterable
from hashlib import sha256
from importlib.resources import files

from whit.errors.request import NoEntryProgram

PATH = "/.whit/entry"


def entry_program(architecture: str) -> bytes:
    """Errors: NoEntryProgram."""
    place = files("whit.bases") / "entry_programs"
    lines = (place / "SHA256SUMS").read_text().splitlines()
    sums = {name: digest for digest, name in (line.split() for line in lines)}
    if architecture not in sums:
        raise NoEntryProgram(
            f"there is no entry program for {architecture}",
            hint=f"there is one for {', '.join(sums)}; leave image.entry out",
        )
    data = (place / architecture).read_bytes()
    if sha256(data).hexdigest() != sums[architecture]:
        raise NoEntryProgram(
            f"the entry program for {architecture} is not the one that whit was released with",
            hint="install whit again",
        )
    return data


def entry_command(
    files_of: Iterable[str], required: Iterable[str], program: tuple[str, ...]
) -> tuple[str, ...]:
    """The entrypoint: what stands before the program's own. `files_of` are read from NAME_FILE."""
    words = [word for name in sorted(files_of) for word in ("-f", name)]
    words += [word for name in sorted(required) for word in ("-r", name)]
    return (PATH, *words, "-e", "--", *program)
