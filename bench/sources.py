"""Programs to build: copies that may be edited, and modules fetched at a fixed version.

Every peer gets its own copy of a program, so that none profits from what another left there.
An edit changes one string constant of package main to a text never compiled before: whatever a
cache of Go or of an engine holds, it does not hold this program.
"""

import itertools
import json
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from measure import Absent, Failed, output_of

BENCH = Path(__file__).resolve().parent
REPOSITORY = BENCH.parent
EDITS = itertools.count()
# What every tool is told to do, so that all of them compile the same thing.
GO_ENVIRONMENT = {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": ""}
GO_FLAGS = ("-trimpath", "-ldflags=-s -w")


@dataclass(frozen=True)
class Module:
    """A module path at a version, and the package of its program."""

    path: str
    version: str
    package: str

    @property
    def name(self) -> str:
        return self.package.rsplit("/", 1)[-1]


BUILDCTL = Module("github.com/moby/buildkit", "v0.34.2", "./cmd/buildctl")
BUILDKITD = Module("github.com/moby/buildkit", "v0.34.2", "./cmd/buildkitd")
KO = Module("github.com/google/ko", "v0.19.1", ".")
CRANE = Module("github.com/google/go-containerregistry", "v0.22.1", "./cmd/crane")


@dataclass(frozen=True)
class Program:
    """A source tree, the package to build in it and the constant of package main to edit."""

    name: str
    directory: Path
    package: str
    file: str
    constant: str

    def copy(self, directory: Path) -> "Program":
        """The same program in a directory of its own."""
        shutil.copytree(self.directory, directory)
        return Program(self.name, directory, self.package, self.file, self.constant)

    def edit(self) -> None:
        """Change the constant to a new one, always of the same length."""
        original, path = self._texts()
        # The time makes it new to caches filled by an earlier run of the benchmark.
        mark = f" {time.time_ns():x}-{next(EDITS):04}"
        path.write_text(original.replace(self.constant, self.constant + mark))

    def _texts(self) -> tuple[str, Path]:
        path = self.directory / self.file
        kept = self.directory.with_name(self.directory.name + ".original")
        if not kept.exists():
            kept.write_text(path.read_text())
        original = kept.read_text()
        if original.count(self.constant) != 1:
            raise Failed(f"{self.name}: {self.file} holds {self.constant!r} not exactly once")
        return original, path


def hello() -> Program:
    return Program(
        "hello", REPOSITORY / "examples" / "hello", ".", "main.go", "hello from an image"
    )


def large(cache: Path) -> Program:
    """A real program of about 24 MB stripped, from the Go module proxy."""
    directory = module_source(cache, BUILDCTL)
    return Program("buildctl", directory, BUILDCTL.package, "cmd/buildctl/main.go", "build utility")


def cache_directory() -> Path:
    """Where fetched peers stay between runs: WHIT_BENCH_CACHE, or below the user's cache."""
    named = os.environ.get("WHIT_BENCH_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    cache = Path(named) if named else Path(base) / "whit-bench"
    cache.mkdir(parents=True, exist_ok=True)
    return cache


def go_program() -> str:
    """GOROOT/bin/go itself: what stands on PATH may be a script that starts it."""
    found = shutil.which("go")
    if found is None:
        raise Absent("no go on PATH")
    return str(Path(output_of([found, "env", "GOROOT"])) / "bin" / "go")


def go_version() -> str:
    return output_of([go_program(), "env", "GOVERSION"])


def module_source(cache: Path, module: Module) -> Path:
    """A copy of the module that may be built as a main module, which `go install` refuses for
    those with exclude directives. Fetched by `go mod download`, so checked against the sum
    database."""
    copy = cache / "source" / f"{module.path.rsplit('/', 1)[-1]}@{module.version}"
    if copy.exists():
        return copy
    try:
        told = output_of(
            [go_program(), "mod", "download", "-json", f"{module.path}@{module.version}"],
            cache,
            **GO_ENVIRONMENT,
        )
    except Failed as failure:
        raise Absent(f"{module.path} cannot be fetched: {failure}") from failure
    partial = copy.with_name(copy.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(json.loads(told)["Dir"], partial)
    for path in partial.rglob("*"):
        path.chmod(path.stat().st_mode | 0o200)
    partial.chmod(0o755)
    partial.rename(copy)
    return copy


def module_program(cache: Path, module: Module, name: str) -> Path:
    """The program of a module, built once and kept."""
    program = cache / "bin" / f"{name}-{module.version}"
    if program.exists():
        return program
    source = module_source(cache, module)
    program.parent.mkdir(parents=True, exist_ok=True)
    partial = program.with_name(program.name + ".partial")
    command = [go_program(), "build", *GO_FLAGS, "-o", str(partial), module.package]
    try:
        output_of(["nice", *command], source, **GO_ENVIRONMENT)
    except Failed as failure:
        raise Absent(f"{name} cannot be built: {failure}") from failure
    partial.rename(program)
    return program
