"""Programs and the request in, the needs of their closures out: which root, which paths.

A static program that takes nothing along touches none of this, and imports none of it.
"""

import os
import re
from typing import TYPE_CHECKING

from whit.binary.facts import Facts
from whit.build.request import Request
from whit.model.plan import Need
from whit.model.program import Binary
from whit.needs.declared import Declared

if TYPE_CHECKING:
    from whit.bases.root import Root
    from whit.needs.closure import Start


class Roots:
    """The root that libraries come from, and this host's, beside whose programs some lie."""

    def __init__(self, sysroot: str, name: str = "") -> None:
        self._sysroot, self._name = sysroot, name
        self._opened: tuple[Root, Root] | None = None

    def open(self) -> "tuple[Root, Root]":
        """(root of the libraries, root of the program): the same one for this host."""
        if self._opened is None:
            from whit.bases.root import Root

            host = Root("/")
            own = host if self._sysroot == "/" else Root(self._sysroot, self._name)
            self._opened = (own, host)
        return self._opened

    def package_of(self, binary: Binary) -> str:
        """The package that an installed program is published in; "" for any other."""
        if not binary.place:
            return ""
        files, _ = self.open()
        found = files.find(binary.place)
        return files.package_of(found) if found else ""

    def providers(self) -> "tuple[Root, ...]":
        """Those that were opened: what no dynamic program asked for provides nothing."""
        if self._opened is None:
            return ()
        files, host = self._opened
        return (files,) if files is host else (files, host)


def loading_needs(
    binary: Binary, facts: Facts, request: Request, declared: Declared, roots: Roots
) -> tuple[Need, ...]:
    """The needs of the program's closure and of those of all programs that it takes along;
    nothing for a static program that takes nothing.
    """
    taken = declared.taken()
    if not facts.interpreter and not taken:
        return ()
    from whit.needs.loading import loading_of
    from whit.needs.merging import combined
    from whit.needs.taking import modules_under, take_programs, with_modules

    files, host = roots.open()
    env = request.settings.image.env
    starts: list[tuple[Facts, Start]] = []
    if facts.interpreter:
        starts.append((facts, _start_of(binary, facts, request)))
    programs = take_programs(taken, files, env)
    starts += programs.starts
    modules = [
        path for kind, path in taken if kind == "tree" for path in modules_under(path, files)
    ]
    libraries = [name for kind, name in taken if kind == "library"]
    if starts:
        first_facts, first = starts[0]
        starts[0] = (first_facts, with_modules(first, libraries, modules))
    groups = [
        loading_of(one, start, files, host, declared.added(), frozenset(modules)).needs
        for one, start in starts
    ]
    return tuple(combined([*groups, programs.needs]))


def _start_of(binary: Binary, facts: Facts, request: Request) -> "Start":
    from whit.binary.dynamic import read_dynamic
    from whit.needs.closure import start_of

    return start_of(
        program_path(binary),
        binary.place or os.path.realpath(binary.path),
        facts.elf,
        read_dynamic(facts.elf),
        request.settings.image.env,
        is_beside=not binary.place,
    )


def program_path(binary: Binary) -> str:
    """Where the program lies in its image: what a shell would have to quote becomes a dash."""
    if binary.place:
        return binary.place
    return "/" + (re.sub(r"[^A-Za-z0-9._+-]", "-", binary.name).strip(".-") or "app")
