"""A recipe and what Go says of its packages in, the way to build its C code out.

    off      nothing but the standard library would use C, and it has Go versions of that
    static   linked against musl by zig, whose libc comes with it: runs on an empty image, and
             compiles for other architectures too
    dynamic  linked by the host's C compiler, or by zig for another architecture, against glibc;
             loader and libraries are taken along

`auto` takes the first of these that does the same as the program's author meant: off where no C is
at stake, static where the C code asks for no library but libc, dynamic otherwise.
"""

import os
import re
from collections.abc import Mapping, Sequence
from importlib.util import find_spec

import msgspec

from whit.errors.golang import NoCCompiler
from whit.golang.process import Outcome, Running, find_program
from whit.golang.toolchain import Toolchain
from whit.model.names import Platform
from whit.model.program import Cgo, Recipe, Source, Strip

# Import path, or the standard library's mark; linker flags; pkg-config packages.
_FORMAT = (
    "{{if .CgoFiles}}{{.ImportPath}}\t{{.Standard}}\t"
    '{{join .CgoLDFLAGS " "}}\t{{join .CgoPkgConfig " "}}{{end}}'
)
# zig's names; its musl and glibc come for all of these.
_ZIG_MACHINES = {
    "386": "x86-linux-{libc}",
    "amd64": "x86_64-linux-{libc}",
    "arm": "arm-linux-{libc}eabihf",
    "arm64": "aarch64-linux-{libc}",
    "ppc64le": "powerpc64le-linux-{libc}",
    "riscv64": "riscv64-linux-{libc}",
    "s390x": "s390x-linux-{libc}",
}
_HOST_MACHINES = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "armv7l": "arm",
    "i686": "386",
    "riscv64": "riscv64",
    "s390x": "s390x",
    "ppc64le": "ppc64le",
}
# Parts of libc under names of their own; musl has them all in one.
_LIBC_FLAGS = {"-lc", "-lm", "-ldl", "-lpthread", "-lrt", "-lutil", "-lresolv", "-pthread"}
# The glibc that zig links dynamic programs against: that of Debian 11 and RHEL 9's age.
_OLDEST_GLIBC = "2.31"
_SYSTEM_USES = ("net", "os/user")
# C code that does in an image what the package's Go version does without: all it does is to load
# libsystemd, which no image has that systemd does not start in. Its programs are published without.
_SPARE = re.compile(r"github\.com/coreos/go-systemd(/v\d+)?/(internal/dlopen|util)")
# What an external linker is told so that -s and -w mean what they mean to Go's own.
_STRIP = {Strip.ALL: ("-s",), Strip.DWARF: ("-Wl,--strip-debug",), Strip.NONE: ()}
EXTRA_HINT = "pip install 'whit[cgo]' brings a C compiler with every libc (400 MB)"


class CPackage(msgspec.Struct, frozen=True):
    """A package with C code. `libraries` are those it links besides libc."""

    path: str
    is_standard: bool
    libraries: tuple[str, ...]
    opens: bool


class Way(msgspec.Struct, frozen=True):
    """How C is compiled: what is added to Go's environment, tags and linker flags; and why."""

    mode: Cgo
    reason: str
    environment: dict[str, str] = {}
    tags: tuple[str, ...] = ()
    ldflags: tuple[str, ...] = ()
    warning: str = ""

    def applied(self, recipe: Recipe) -> Recipe:
        """The recipe as Go is to see it."""
        return msgspec.structs.replace(
            recipe, tags=(*recipe.tags, *self.tags), ldflags=(*self.ldflags, *recipe.ldflags)
        )


OFF = Way(Cgo.OFF, "", {"CGO_ENABLED": "0"})


def first_way(recipe: Recipe, env: Mapping[str, str]) -> tuple[Way, bool]:
    """How to begin, and whether it is settled: `auto` starts without C and asks Go meanwhile.

    CGO_ENABLED of the user's own counts as --cgo off or dynamic. Errors: NoCCompiler.
    """
    mode = recipe.cgo
    said = env.get("CGO_ENABLED", "")
    if mode is Cgo.AUTO and said in ("0", "1"):
        mode = Cgo.OFF if said == "0" else Cgo.DYNAMIC
        if mode is Cgo.DYNAMIC and env.get("CC"):
            return Way(mode, "CGO_ENABLED is 1", {"CGO_ENABLED": "1"}), True
    if mode is Cgo.STATIC:
        return _static(recipe, env, "--cgo static"), True
    if mode is Cgo.DYNAMIC:
        reason = "--cgo dynamic" if recipe.cgo is Cgo.DYNAMIC else "CGO_ENABLED is 1"
        return _dynamic(recipe.platform, env, reason), True
    return OFF, mode is Cgo.OFF


def start_asking(
    source: Source, tags: Sequence[str], toolchain: Toolchain, env: Mapping[str, str]
) -> Running:
    """Ask Go which packages of the program have C code."""
    flags = ("-deps", f"-tags={','.join(tags)}") if tags else ("-deps",)
    command = (toolchain.path, "list", "-e", *flags, "-f", _FORMAT, "--", *source.packages)
    return Running(command, {**env, "CGO_ENABLED": "1"}, source.directory)


def ask_of_version(recipe: Recipe, toolchain: Toolchain, env: Mapping[str, str]) -> Outcome:
    """The same for a module at a version, once it lies in the module cache."""
    from whit.golang.module import in_module_with  # noqa: PLC0415

    def asked(there: Source, chosen: Mapping[str, str]) -> Outcome:
        return start_asking(there, recipe.tags, toolchain, chosen).wait()

    return in_module_with(recipe.source, toolchain, env, asked) or Outcome(1, "", "")


def read_answer(outcome: Outcome) -> tuple[CPackage, ...]:
    found = []
    for line in outcome.output.splitlines():
        fields = line.split("\t")
        if len(fields) == 4:
            path, standard, flags, configured = fields
            names = (flag for flag in flags.split() if flag.startswith(("-l", "-L", "-framework")))
            libraries = [name for name in names if name not in _LIBC_FLAGS] + configured.split()
            found.append(
                CPackage(path, standard == "true", tuple(libraries), "-ldl" in flags.split())
            )
    return tuple(found)


def better_way(packages: Sequence[CPackage], recipe: Recipe, env: Mapping[str, str]) -> Way:
    """The way for these packages. Errors: NoCCompiler when C is needed and nothing compiles it."""
    spare = [package.path for package in packages if _SPARE.fullmatch(package.path)]
    own = [p for p in packages if not p.is_standard and p.path not in spare]
    if not own:
        uses = [p.path for p in packages if p.path in _SYSTEM_USES] + spare
        word = "have" if len(uses) > 1 else "has"
        reason = f"{' and '.join(uses)} {word} Go code for the same" if uses else ""
        return msgspec.structs.replace(OFF, reason=reason)
    reason = f"C code of {_listed([package.path for package in own])}"
    libraries = sorted({name for package in own for name in package.libraries})
    if libraries:
        return _dynamic(recipe.platform, env, f"{reason}, which links {' '.join(libraries)}")
    if not find_zig(env) and _host_compiler(recipe.platform, env):
        return _dynamic(recipe.platform, env, f"{reason}; {EXTRA_HINT}, for a static program")
    way = _static(recipe, env, reason)
    if not any(package.opens for package in own):
        return way
    warning = (
        f"{_listed([p.path for p in own if p.opens])} can load libraries (-ldl), which a static "
        "program cannot: --cgo dynamic if yours does"
    )
    return msgspec.structs.replace(way, warning=warning)


def after_static(recipe: Recipe, env: Mapping[str, str], tried: Way) -> Way | None:
    """Where C code does not build against musl: glibc, if the host's compiler can."""
    if not _host_compiler(recipe.platform, env):
        return None
    reason = f"{tried.reason}, which does not build against musl"
    return _dynamic(recipe.platform, env, reason)


def without_compiler(error: NoCCompiler) -> Way:
    """A program that also builds without its C code is built so, and that is said."""
    warning = f"{error.message}: it is left out. {error.hint}; --cgo off if that is meant"
    return msgspec.structs.replace(OFF, warning=warning)


def _static(recipe: Recipe, env: Mapping[str, str], reason: str) -> Way:
    target = _target(recipe.platform, "musl")
    linked = " ".join(("-static", *_STRIP[recipe.strip]))
    return Way(
        mode=Cgo.STATIC,
        reason=reason,
        environment=_zig_environment(target, env),
        # The standard library's C code brings nothing but size here.
        tags=("netgo", "osusergo"),
        ldflags=(f"-linkmode=external '-extldflags={linked}'",),
    )


def _dynamic(platform: Platform, env: Mapping[str, str], reason: str) -> Way:
    if _host_compiler(platform, env):
        return Way(Cgo.DYNAMIC, reason, {"CGO_ENABLED": "1"})
    target = f"{_target(platform, 'gnu')}.{_OLDEST_GLIBC}"
    return Way(Cgo.DYNAMIC, reason, _zig_environment(target, env))


def _zig_environment(target: str, env: Mapping[str, str]) -> dict[str, str]:
    zig = find_zig(env)
    if not zig:
        raise NoCCompiler(
            "the program has C code, and no compiler here builds it for this platform",
            hint=EXTRA_HINT,
        )
    quoted = f"'{zig}'" if " " in zig else zig
    return {
        "CGO_ENABLED": "1",
        "CC": f"{quoted} cc -target {target}",
        "CXX": f"{quoted} c++ -target {target}",
    }


def find_zig(env: Mapping[str, str]) -> str:
    """The zig of the ziglang package, else the one on PATH; "" when there is none."""
    spec = find_spec("ziglang")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        path = os.path.join(place, "zig")
        if os.access(path, os.X_OK):
            return path
    return find_program("zig", env.get("PATH", os.defpath)) or ""


def _host_compiler(platform: Platform, env: Mapping[str, str]) -> str:
    """A compiler for this platform that the user named or the host has; "" for none."""
    if env.get("CC"):
        return env["CC"]
    if _HOST_MACHINES.get(os.uname().machine) != platform.architecture:
        return ""
    path = env.get("PATH", os.defpath)
    return find_program("gcc", path) or find_program("clang", path) or ""


def _target(platform: Platform, libc: str) -> str:
    known = _ZIG_MACHINES.get(platform.architecture)
    if known is None:
        raise NoCCompiler(
            f"there is no C compiler here for {platform}", hint=f"set CC to one; {EXTRA_HINT}"
        )
    name = known.format(libc=libc)
    is_soft = platform.architecture == "arm" and platform.variant in ("v5", "v6")
    return name.replace("eabihf", "eabi") if is_soft and platform.variant == "v5" else name


def _listed(paths: Sequence[str]) -> str:
    return ", ".join(paths[:3]) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")
