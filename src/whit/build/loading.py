"""A dynamic program and the request in, the needs of its closure out: which root, which paths.

A static program touches none of this, and imports none of it.
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


class Roots:
    """The root that libraries come from, and this host's, beside whose programs some lie."""

    def __init__(self, sysroot: str) -> None:
        self._sysroot = sysroot
        self._opened: tuple[Root, Root] | None = None

    def open(self) -> "tuple[Root, Root]":
        """(root of the libraries, root of the program): the same one for this host."""
        if self._opened is None:
            from whit.bases.root import Root

            host = Root("/")
            self._opened = (host if self._sysroot == "/" else Root(self._sysroot), host)
        return self._opened

    def providers(self) -> "tuple[Root, ...]":
        """Those that were opened: what no dynamic program asked for provides nothing."""
        if self._opened is None:
            return ()
        files, host = self._opened
        return (files,) if files is host else (files, host)


def loading_needs(
    binary: Binary, facts: Facts, request: Request, declared: Declared, roots: Roots
) -> tuple[Need, ...]:
    """Nothing for a static program."""
    if not facts.interpreter:
        return ()
    from whit.binary.dynamic import read_dynamic
    from whit.needs.closure import start_of
    from whit.needs.loading import loading_of

    files, host = roots.open()
    path = program_path(binary)
    start = start_of(
        path,
        binary.place or os.path.realpath(binary.path),
        facts.elf,
        read_dynamic(facts.elf),
        request.settings.image.env,
        is_beside=not binary.place,
    )
    return loading_of(facts, start, files, host, declared.added()).needs


def program_path(binary: Binary) -> str:
    """Where the program lies in its image: what a shell would have to quote becomes a dash."""
    if binary.place:
        return binary.place
    return "/" + (re.sub(r"[^A-Za-z0-9._+-]", "-", binary.name).strip(".-") or "app")
