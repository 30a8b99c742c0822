"""Go's own words and exit status in, the error that says what to do out.

Go's text always stays whole in `output`; what is recognised here decides the class, the message
and the hint. The phrases are those of Go 1.16 to 1.27.
"""

import os
import re

from whit.errors import WhitError
from whit.errors.golang import (
    BuildSpaceFull,
    CompileFailed,
    GoStopped,
    GoTooOld,
    ModulesIncomplete,
    ModulesUnreachable,
    NoProgram,
    NoSuchTarget,
    NoSuchVersion,
    NotForPlatform,
    NotInstallable,
)
from whit.golang.process import Outcome
from whit.model.program import Recipe

_DISK = ("no space left on device", "disk quota exceeded")
_NETWORK = (
    "dial tcp", "i/o timeout", "no such host", "connection refused", "connection reset",
    "TLS handshake timeout", "tls: ", "x509: ", "proxyconnect", "network is unreachable",
    "502 Bad Gateway", "503 Service Unavailable", "504 Gateway", "429 Too Many Requests",
    "500 Internal Server Error", "Client.Timeout", "unexpected EOF", "server misbehaving",
    "Could not resolve host", "stream error",
)  # fmt: skip
_NO_VERSION = (
    "unknown revision", "no matching versions for query", "invalid version:", "404 Not Found",
    "403 Forbidden",
    "410 Gone", "malformed module path", "does not contain package", "cannot find module",
    "disallowed version string", "unrecognized import path", "not found: module",
    "can't query version", "repository not found", "could not read Username",
)  # fmt: skip
_INCOMPLETE = (
    "no required module provides package", "missing go.sum entry", "updates to go.mod needed",
    "inconsistent vendoring", "cannot find package", "is not in std", "is not in GOROOT",
    "cannot find module providing package", "checksum mismatch",
    "module lookup disabled by", "is explicitly required in go.mod, but not",
)  # fmt: skip
# With --offline a module at a version is looked for in the module cache, as if that were a proxy.
_NOT_FETCHED = ("module lookup disabled by GOPROXY=off", "/cache/download/")
_MODULE = re.compile(r"^go: downloading (\S+) (v\S+)", re.MULTILINE)
_MOST_NAMED = 5
_NO_PROGRAM = (
    "no Go files in", "go.mod file not found", "no main packages to build", "matched no packages",
    "cannot find main module", "directory not found", "no packages to build", "no such file or dir",
    "contains package",
)  # fmt: skip
_TOO_OLD = re.compile(r"requires go >= ?(\S+) \(running go ([^;)]+)")
_UNFETCHED = re.compile(r"^go: (?:download |cannot find \")go(\d[\w.]*\w)", re.MULTILINE)
_SPOT = re.compile(r"^(\S+\.(?:go|s|c|h)):(\d+)(?::(\d+))?: ", re.MULTILINE)


def release_asked(errors: str) -> str:
    """The release that Go says it would need, "" when that is not the trouble."""
    match = _TOO_OLD.search(errors)
    return match[1].rstrip(",;)") if match else ""


def release_unfetched(errors: str) -> str:
    """The release that Go wanted to switch to and could not get, or ""."""
    match = _UNFETCHED.search(errors)
    return match[1] if match else ""


def is_vcs_failure(errors: str) -> bool:
    return "error obtaining VCS status" in errors


def failure_of(outcome: Outcome, recipe: Recipe) -> WhitError:
    """The error for a `go build` or `go install` that failed."""
    text = outcome.errors or outcome.output
    found = _host_trouble(outcome, text)
    if found is not None:
        return found
    # Compiler diagnostics begin "# package" or "file.go:1:2:"; they may quote any other phrase.
    if text.startswith("# ") or (_SPOT.match(text) and not _mentions(text, _INCOMPLETE)):
        return _compiler_trouble(text)
    return (
        _module_trouble(text, recipe) or _program_trouble(text, recipe) or _compiler_trouble(text)
    )


def _host_trouble(outcome: Outcome, text: str) -> WhitError | None:
    if outcome.status < 0 or "signal: killed" in text:
        return GoStopped(
            "Go was killed while it compiled",
            hint="mostly this is memory running out: build again with GOFLAGS=-p=1, "
            "or give the machine or its cgroup more memory",
            output=text or None,
        )
    if _mentions(text, _DISK):
        return BuildSpaceFull(
            "the disk is full, and Go could not finish",
            hint="free space under GOCACHE (`go clean -cache`), TMPDIR or whit's cache",
            output=text,
        )
    return None


def _compiler_trouble(text: str) -> WhitError:
    spots = len(_SPOT.findall(text))
    what = (
        f"the program does not compile: {spots} error{'s' * (spots != 1)}"
        if spots
        else "Go could not build the program"
    )
    return CompileFailed(what, hint="Go's own words stand above", output=text)


def _module_trouble(text: str, recipe: Recipe) -> WhitError | None:
    source = recipe.source
    asked = release_asked(text)
    if asked:
        running = _TOO_OLD.search(text)
        have = running[2] if running else "this one"
        return GoTooOld(
            f"the program asks for Go {asked}; this is Go {have}",
            hint=f"build with --go {asked}" if recipe.go else "let whit fetch it: drop --offline",
            output=text,
        )
    if "replace directives" in text or "exclude directives" in text:
        return NotInstallable(
            f"{source.packages[0]}@{source.version} cannot be built from outside: "
            "its go.mod holds replace or exclude directives",
            hint="clone its repository and build the directory",
            output=text,
        )
    # A 404 for one path beside a refused connection for another is the network's fault.
    if _mentions(text, _NETWORK) and not _mentions(text, ("404 Not Found", "410 Gone")):
        return ModulesUnreachable(
            "modules could not be fetched: the proxy or the repository did not answer",
            hint="try again; check the network, GOPROXY and HTTPS_PROXY",
            output=text,
        )
    if recipe.offline and _mentions(text, _NOT_FETCHED):
        named = list(dict.fromkeys(_MODULE.findall(text)))[:_MOST_NAMED]
        what = ", ".join(f"{path} {version}" for path, version in named)
        return ModulesIncomplete(
            f"not in the module cache, and --offline forbids fetching: {what or 'a module'}",
            hint="build once without --offline, or run `go mod download` before",
            output=text,
        )
    if source.version and _mentions(text, _NO_VERSION):
        return NoSuchVersion(
            f"there is no {source.packages[0]} at version {source.version}",
            hint="check the path and the version; @latest takes the newest release",
            output=text,
        )
    alone = re.search(r"^package (\S+) is not in (?:std|GOROOT)", text, re.MULTILINE)
    if alone and source.packages == (alone[1],):
        return NoProgram(
            f"there is no program {alone[1]}: neither a directory here nor a package",
            hint=f"a directory is written as ./{alone[1]}, a module as example.com/app@latest",
            output=text,
        )
    if _mentions(text, _INCOMPLETE):
        return ModulesIncomplete(
            "go.mod, go.sum or vendor does not list what the program imports",
            hint="run `go mod tidy` (and `go mod vendor` where there is a vendor directory)",
            output=text,
        )
    if _mentions(text, _NO_VERSION):
        return NoSuchVersion(
            "a module that go.mod asks for does not exist at that version",
            hint="check the path and the version, and GOPRIVATE for private repositories",
            output=text,
        )
    return None


def _program_trouble(text: str, recipe: Recipe) -> WhitError | None:
    where = " ".join(recipe.source.packages)
    if "unsupported GOOS/GOARCH pair" in text:
        return NoSuchTarget(
            f"this Go release cannot compile for {recipe.platform}",
            hint="`go tool dist list` shows what it can",
            output=text,
        )
    if "build constraints exclude all Go files" in text:
        return NotForPlatform(
            f"every Go file of a package is excluded for {recipe.platform} by its constraints",
            hint="check the //go:build lines and file names, and --tags",
            output=text,
        )
    if "is not a main package" in text:
        return NoProgram(
            f"{where} is a library: it has no main", hint="name a main package", output=text
        )
    if "go.mod file not found" in text or "cannot find main module" in text:
        has_file = os.path.isfile(f"{recipe.source.directory}/Dockerfile")
        return NoProgram(
            f"{recipe.source.directory} is in no Go module: there is no go.mod in it or above it",
            hint="its Dockerfile is built by `whit build -f Dockerfile .`"
            if has_file
            else "name the directory of a Go module, or make one with `go mod init`",
            output=text,
        )
    if _mentions(text, _NO_PROGRAM):
        return NoProgram(
            f"there is no program in {where} ({recipe.source.directory})",
            hint="name a directory whose Go files say `package main`",
            output=text,
        )
    return None


def _mentions(text: str, phrases: tuple[str, ...]) -> bool:
    return any(phrase in text for phrase in phrases)
