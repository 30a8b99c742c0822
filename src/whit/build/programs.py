"""Source in, open programs out: compile (or take a prebuilt file), map it, read its facts.

Go runs as its own process, so the rooms that come after it are imported while it works: by the
time the linker is done the rest of the corridor is ready.
"""

import mmap
import os
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import msgspec

from whit.build.events import Finished, Listener, Started
from whit.build.request import Request
from whit.errors import NotAProgram
from whit.model.program import Binary, Recipe

MAX_PROGRAM_BYTES = 8 << 30


class Opened(msgspec.Struct, frozen=True):
    """A program and its bytes, mapped read-only; the mapping lives as long as the value."""

    binary: Binary
    data: memoryview


def open_programs(request: Request, listen: Listener) -> Iterator[Opened]:
    """Each program that the request's source gives, compiled in one run of Go."""
    prebuilt = _prebuilt(request)
    for binary in (prebuilt,) if prebuilt else _compiled(request, listen):
        yield Opened(binary, map_file(binary.path))


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


def _compiled(request: Request, listen: Listener) -> tuple[Binary, ...]:
    from whit.golang.compile import start_compile

    begun = perf_counter()
    compilation = start_compile(recipe_of(request))
    listen(Started("compile", request.source))
    _warm_up()
    binaries = compilation.wait()
    detail = ", ".join(binary.name for binary in binaries[:4])
    if len(binaries) > 4:
        detail += f" and {len(binaries) - 4} more"
    toolchain = compilation.toolchain
    origin = "" if toolchain.origin == "PATH" else f" from {toolchain.origin}"
    detail += f" for {request.platform} with Go {toolchain.version.removeprefix('go')}{origin}"
    listen(Finished("compile", detail, perf_counter() - begun))
    return binaries


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


def _warm_up() -> None:
    """Import what comes after the compiler while the compiler runs."""
    import whit.bases.embedded
    import whit.binary.calls
    import whit.binary.facts
    import whit.layer.write
    import whit.needs.findings
    import whit.needs.planner
    import whit.oci.assemble
    import whit.prove.verdict
    import whit.store.blobs  # noqa: F401
