"""Names with placeholders and a program in, the image's names out: `app:{{.Version}}`.

The placeholders are those of linker flags, and {{.Name}} for the program.
"""

import os
import re

from whit.build.request import Request
from whit.errors.request import BadSetting
from whit.model.names import Reference
from whit.model.program import Binary

# What stands in a version and not in a tag: 1.2.0+dirty.
_NOT_IN_TAGS = re.compile(r"[^A-Za-z0-9_.-]")


def names_of(request: Request, binary: Binary, program_count: int) -> tuple[str, ...]:
    """The names of one program's image. Errors: BadSetting, BadLinkerFlags, BadName."""
    if not request.names:
        return (_own_name(binary.name),)
    if program_count > 1 and not all("{{" in name for name in request.names):
        plain = next(name for name in request.names if "{{" not in name)
        raise BadSetting(
            f"one name for {program_count} images: {plain}",
            hint="leave -t out, and each image is named for its program; or say where its name "
            "belongs: -t registry.example/{{.Name}}:1.2",
        )
    filled = tuple(_filled(name, binary) for name in request.names)
    for name in filled:
        Reference.parse(name)
    return filled


def _own_name(name: str) -> str:
    return re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-._") or "app"


def _filled(name: str, binary: Binary) -> str:
    if "{{" not in name:
        return name
    from whit.golang.linkerflags import expand, filler

    facts: dict[str, str] = {"Name": _own_name(binary.name)}
    why = "the program was not compiled here"
    if binary.recipe is not None:
        from whit.golang.vcs import template_facts

        known, why = template_facts(binary.recipe.source, os.environ)
        facts |= {key: _NOT_IN_TAGS.sub("-", value) for key, value in known.items()}
    what = "the image's name"
    return expand(name, filler(facts, os.environ, why, what), more=("Name",), what=what)


def tagged(name: str) -> str:
    """A name with its tag: `latest` where none is given."""
    reference = Reference.parse(name)
    return name if reference.tag else f"{name}:latest"


def by_repository(names: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Tags by `registry/repository`."""
    found: dict[str, tuple[str, ...]] = {}
    for name in names:
        reference = Reference.parse(tagged(name))
        place = f"{reference.registry}/{reference.repository}"
        found[place] = (*found.get(place, ()), reference.tag)
    return found
