"""What is to be done before a program starts in, the program that does it and its command out.

It turns NAME_FILE into NAME, checks what is required, expands ${NAME} in arguments, writes files
from templates, waits, and becomes the real program or stays as init. The bytes are built from
entry_programs/ by `make entry`, and are the same whoever builds them; SHA256SUMS says which. There
are three of each, so that no image carries what it does not ask for.
"""

from hashlib import sha256
from importlib.resources import files
from typing import Self

import msgspec

from whit.errors.request import NoEntryProgram

PATH = "/.whit/entry"
TEMPLATES = "/.whit/templates"


class EntryPlan(msgspec.Struct, frozen=True):
    """`files_of` are variables that may come as NAME_FILE; `templates` are (from, to)."""

    files_of: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    templates: tuple[tuple[str, str], ...] = ()
    wait: tuple[str, ...] = ()
    wait_seconds: int = 30
    is_init: bool = False
    program: tuple[str, ...] = ()

    @property
    def command(self) -> tuple[str, ...]:
        """The entrypoint. Files are waited for before they are read, hosts when all is known."""
        early = [what for what in self.wait if what.startswith("file:")]
        late = [what for what in self.wait if what not in early]
        words = ["-i"] if self.is_init else []
        words += ["-s", str(self.wait_seconds)] if self.wait else []
        words += [word for what in early for word in ("-w", what)]
        words += [word for name in self.files_of for word in ("-f", name)]
        words += [word for name in self.required for word in ("-r", name)]
        words += [word for pair in self.templates for word in ("-t", *pair)]
        words += [word for what in late for word in ("-w", what)]
        return (PATH, *words, "-e", "--", *self.program)

    @classmethod
    def read(cls, command: tuple[str, ...]) -> Self | None:
        """Of an entrypoint, whoever wrote it; None where it is another program's."""
        if command[:1] != (PATH,) or "--" not in command:
            return None
        end = command.index("--")
        found: dict[str, list[str]] = {}
        pairs: list[tuple[str, str]] = []
        words = iter(command[1:end])
        for word in words:
            if word == "-t":
                pairs.append((next(words, ""), next(words, "")))
            else:
                found.setdefault(word, []).append("" if word in ("-i", "-e") else next(words, ""))
        seconds = found.get("-s", ["30"])[0]
        return cls(
            files_of=tuple(found.get("-f", ())),
            required=tuple(found.get("-r", ())),
            templates=tuple(pairs),
            wait=tuple(found.get("-w", ())),
            wait_seconds=int(seconds) if seconds.isdecimal() else 30,
            is_init="-i" in found,
            program=command[end + 1 :],
        )

    @property
    def is_needed(self) -> bool:
        """Whether there is anything to do that the program itself does not."""
        expands = any("${" in word for word in self.program)
        return bool(
            self.files_of or self.required or self.templates or self.wait or self.is_init or expands
        )


def variant_of(plan: EntryPlan, *, probes: bool) -> str:
    """The smallest program that does all of it."""
    if probes or plan.templates or plan.wait:
        return "full"
    return "init" if plan.is_init else "entry"


def entry_program(architecture: str, variant: str = "entry") -> bytes:
    """Errors: NoEntryProgram."""
    place = files("whit.bases") / "entry_programs"
    lines = (place / "SHA256SUMS").read_text().splitlines()
    sums = {name: digest for digest, name in (line.split() for line in lines)}
    name = f"{variant}-{architecture}"
    if name not in sums:
        known = sorted(one.partition("-")[2] for one in sums if one.startswith(f"{variant}-"))
        raise NoEntryProgram(
            f"there is no entry program for {architecture}",
            hint=f"there is one for {', '.join(known)}; leave image.entry and [entry] out",
        )
    data = (place / name).read_bytes()
    if sha256(data).hexdigest() != sums[name]:
        raise NoEntryProgram(
            f"the entry program for {architecture} is not the one that whit was released with",
            hint="install whit again",
        )
    return data
