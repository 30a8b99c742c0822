"""Source in, open programs out: compile (or take a prebuilt file), map it, read its facts.

Go runs as its own process, so the rest of the corridor is imported while it works: whoever calls
`start_programs` does so before importing `whit.build.pipeline`.
"""

import mmap
import os
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import msgspec

from whit.build.events import Finished, Listener, Started, Warned
from whit.build.request import Request
from whit.errors import NotAProgram
from whit.model.program import Binary, Recipe

if TYPE_CHECKING:
    from whit.golang.compile import Compilation

MAX_PROGRAM_BYTES = 8 << 30


class Opened(msgspec.Struct, frozen=True):
    """A program and its bytes, mapped read-only; the mapping lives as long as the value."""

    binary: Binary
    data: memoryview


def start_programs(request: Request) -> "Programs":
    """Start Go, or take the prebuilt program; returns while Go still works."""
    prebuilt = _prebuilt(request)
    if prebuilt is not None:
        return Programs(prebuilt, None, request.source)
    return Programs(None, _compilation(request), request.source)


class Programs:
    """The programs that a request's source gives, once Go is done."""

    def __init__(
        self, prebuilt: Binary | None, compilation: "Compilation | None", source: str
    ) -> None:
        self._begun = perf_counter()
        self._prebuilt, self._compilation, self._source = prebuilt, compilation, source

    def opened(self, listen: Listener) -> tuple[Opened, ...]:
        """Wait for Go; map what it made. Errors: those of the G pages."""
        if self._compilation is None:
            binaries: tuple[Binary, ...] = (self._prebuilt,) if self._prebuilt else ()
        else:
            listen(Started("compile", self._source))
            binaries = self._compilation.wait()
            for warning in self._compilation.warnings:
                listen(Warned(warning))
            listen(Finished("compile", self._told(binaries), perf_counter() - self._begun))
        return tuple(Opened(binary, map_file(binary.path)) for binary in binaries)

    def cancel(self) -> None:
        """End Go when the build ends early."""
        if self._compilation is not None:
            self._compilation.cancel()

    def _told(self, binaries: tuple[Binary, ...]) -> str:
        assert self._compilation is not None  # noqa: S101 - for the type checker
        detail = ", ".join(binary.name for binary in binaries[:4])
        if len(binaries) > 4:
            detail += f" and {len(binaries) - 4} more"
        toolchain = self._compilation.toolchain
        origin = "" if toolchain.origin == "PATH" else f" from {toolchain.origin}"
        return f"{detail} for {binaries[0].platform} with Go {toolchain.version}{origin}"


def map_file(path: str) -> memoryview:
    """The bytes of a regular file without reading them."""
    # O_NONBLOCK: opening a FIFO that somebody named as a program must not hang.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        size = os.fstat(descriptor).st_size
        if not 0 < size <= MAX_PROGRAM_BYTES:
            raise NotAProgram(f"{path} is empty or larger than 8 GiB", hint="name a program")
        return memoryview(mmap.mmap(descriptor, 0, prot=mmap.PROT_READ))
    finally:
        os.close(descriptor)


def _prebuilt(request: Request) -> Binary | None:
    path = Path(request.directory, request.source)
    if not path.is_file():
        return None
    from whit.model.names import digest_of

    data = map_file(str(path))
    return Binary(
        path=str(path),
        digest=digest_of(data),
        size=len(data),
        platform=request.platform,
        name=path.name,
    )


def _compilation(request: Request) -> "Compilation":
    from whit.golang.compile import start_compile

    return start_compile(recipe_of(request))


def recipe_of(request: Request) -> Recipe:
    from whit.golang.source import read_source

    go = request.settings.go
    return Recipe(
        source=read_source(request.source, request.directory),
        platform=request.platform,
        strip=go.strip,
        ldflags=go.ldflags,
        tags=go.tags,
        gcflags=go.gcflags,
        env=tuple(sorted(go.env.items())),
        go=go.version,
        offline=request.offline,
    )
