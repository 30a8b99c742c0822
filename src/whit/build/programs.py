"""Source in, open programs out: compile (or take a prebuilt file), map it, read its facts.

Go runs as its own process, so the rest of the corridor is imported while it works: whoever calls
`start_programs` does so before importing `whit.build.pipeline`.
"""

import mmap
import os
import stat
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import msgspec

from whit.build.events import Finished, Listener, Started, Warned
from whit.build.request import Request
from whit.errors import WhitError
from whit.errors.binary import NotAProgram
from whit.errors.golang import NoSuchTarget, NotForPlatform
from whit.model.names import Platform
from whit.model.program import Binary, Recipe

if TYPE_CHECKING:
    from whit.build.apart import Apart, Credentials
    from whit.golang.compile import Compilation
    from whit.golang.headstart import HeadStart
    from whit.model.secret import Secrets

MAX_PROGRAM_BYTES = 8 << 30
# A program that is installed keeps its path: it may look for its own files relative to it.
INSTALLED = (
    *("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"),
    *("/usr/libexec", "/usr/lib/", "/opt/"),
)


class Opened(msgspec.Struct, frozen=True):
    """A program and its bytes, mapped read-only; the mapping lives as long as the value."""

    binary: Binary
    data: memoryview


def start_programs(
    request: Request,
    credentials: "Credentials | None" = None,
    head: "HeadStart | None" = None,
    out: str = "",
) -> "Programs":
    """Start Go for every platform, or take the prebuilt program; returns while Go still works.
    For the first platform Go may have been started before. `out` is where Go leaves its programs,
    if not in the cache.

    With credentials Go works in two phases, and the first is over when this returns.
    """
    prebuilt = _prebuilt(request)
    if prebuilt is not None:
        secrets = credentials.secrets if credentials is not None else None
        return Programs((prebuilt,), (), request.source, secrets=secrets)
    takes_what_works = request.settings.platform.strip() == "all"
    if credentials is not None and credentials.is_given:
        from whit.build.apart import compile_apart

        apart = compile_apart(recipes_of(request), credentials, os.environ)
        secrets = credentials.secrets
        return Programs(
            (), apart.compilations, request.source,
            apart=apart, secrets=secrets, takes_what_works=takes_what_works,
        )  # fmt: skip
    compilations = _compilations(request, head, out)
    return Programs((), compilations, request.source, takes_what_works=takes_what_works)


class Programs:
    """The programs that a request's source gives, once Go is done."""

    def __init__(
        self,
        prebuilt: tuple[Binary, ...],
        compilations: "tuple[Compilation, ...]",
        source: str,
        *,
        apart: "Apart | None" = None,
        secrets: "Secrets | None" = None,
        takes_what_works: bool = False,
    ) -> None:
        """`secrets` are those of the build, which its images must not hold. With
        `takes_what_works` platforms that Go or the sources do not support are left out.
        """
        self._takes_what_works = takes_what_works
        self._begun = perf_counter()
        self.secrets, self._apart = secrets, apart
        self._prebuilt, self._compilations, self._source = prebuilt, compilations, source

    @property
    def are_apart(self) -> bool:
        """Whether they were compiled without the credentials that fetched their modules."""
        return self._apart is not None

    def opened(self, listen: Listener) -> tuple[Opened, ...]:
        """Wait for Go; map what it made, platform by platform. Errors: those of the G pages."""
        binaries = self._prebuilt
        if self._compilations:
            listen(Started("compile", self._source))
        if self._apart is not None:
            listen(Finished("fetch", self._apart.detail, self._apart.seconds))
        left_out: WhitError | None = None
        for compilation in self._compilations:
            try:
                made = compilation.wait()
            except (NotForPlatform, NoSuchTarget) as error:
                if not self._takes_what_works:
                    raise
                left_out = error
                listen(Warned(f"left out {compilation.recipe.platform}: {error.message}"))
                continue
            for warning in compilation.warnings:
                listen(Warned(warning))
            listen(Finished("compile", _told(compilation, made), perf_counter() - self._begun))
            binaries += made
        if not binaries and left_out is not None:
            raise left_out
        return tuple(Opened(binary, map_file(binary.path)) for binary in binaries)

    def cancel(self) -> None:
        """End Go when the build ends early."""
        for compilation in self._compilations:
            compilation.cancel()
        if self._apart is not None:
            self._apart.close()


def _told(compilation: "Compilation", binaries: tuple[Binary, ...]) -> str:
    detail = ", ".join(binary.name for binary in binaries[:4])
    if len(binaries) > 4:
        detail += f" and {len(binaries) - 4} more"
    toolchain = compilation.toolchain
    origin = "" if toolchain.origin == "PATH" else f" from {toolchain.origin}"
    detail += f" for {compilation.recipe.platform} with Go {toolchain.version}{origin}"
    way = compilation.way
    if way.mode.value == "off":
        return detail + (f", without cgo: {way.reason}" if way.reason else "")
    return f"{detail}, cgo {way.mode.value}: {way.reason}"


def map_file(path: str) -> memoryview:
    """The bytes of a regular file without reading them. Errors: NotAProgram."""
    try:
        # O_NONBLOCK: opening a FIFO that somebody named as a program must not hang.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise NotAProgram(
            f"{path} cannot be read: {error.strerror}", hint="name a program that you may read"
        ) from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise NotAProgram(f"{path} is no regular file", hint="name a program")
        if not 0 < status.st_size <= MAX_PROGRAM_BYTES:
            raise NotAProgram(f"{path} is empty or larger than 8 GiB", hint="name a program")
        return memoryview(mmap.mmap(descriptor, 0, prot=mmap.PROT_READ))
    finally:
        os.close(descriptor)


def _prebuilt(request: Request) -> Binary | None:
    path = Path(request.directory, request.source)
    if path.is_dir() or not path.exists():
        return None
    from whit.binary.elf import check_magic
    from whit.model.names import digest_of

    if path.suffix == ".go":
        return None
    data = map_file(str(path))
    try:
        check_magic(data)
    except NotAProgram as error:
        raise NotAProgram(
            error.message.replace("the file", request.source, 1), hint=error.hint
        ) from None
    return Binary(
        path=str(path),
        digest=digest_of(data),
        size=len(data),
        platform=request.platform,
        name=path.name,
        place=_installed_path(str(path), sysroot_of(request)),
    )


def sysroot_of(request: Request) -> str:
    """Where libraries come from, "/" being this host."""
    sysroot = request.settings.needs.sysroot
    return os.path.abspath(os.path.join(request.home, sysroot)) if sysroot else "/"


def _installed_path(path: str, sysroot: str) -> str:
    """The path itself, seen from its root, when a program is installed there; else ""."""
    path = os.path.abspath(path)
    root = sysroot.rstrip("/")
    if root and path.startswith(root + "/"):
        return path[len(root) :]
    parent = os.path.dirname(path)
    kept = any(path.startswith(p) if p.endswith("/") else parent == p for p in INSTALLED)
    return path if kept else ""


def _compilations(
    request: Request, head: "HeadStart | None", out: str
) -> "tuple[Compilation, ...]":
    from whit.golang.compile import start_compile

    started: list[Compilation] = []
    try:
        for recipe in recipes_of(request):
            started += [start_compile(recipe, head=None if started else head, out=out)]
    except BaseException:
        for compilation in started:
            compilation.cancel()
        raise
    return tuple(started)


def recipes_of(request: Request) -> tuple[Recipe, ...]:
    """One for each platform."""
    return tuple(recipe_of(request, platform) for platform in request.platforms)


def recipe_of(request: Request, platform: Platform) -> Recipe:
    from whit.golang.source import read_source

    go = request.settings.go
    return Recipe(
        source=read_source(request.source, request.directory),
        platform=platform,
        strip=go.strip,
        cgo=go.cgo,
        ldflags=go.ldflags,
        tags=go.tags,
        gcflags=go.gcflags,
        trimpath=go.trimpath,
        env=tuple(sorted(go.env.items())),
        go=go.version,
        offline=request.offline,
    )
