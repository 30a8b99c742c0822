"""The user's environment and Go's own settings in, the environment Go runs with out."""

import os
from collections.abc import Mapping

from whit.errors.golang import NoSuchTarget
from whit.model.names import Platform
from whit.model.program import Recipe

MAX_SETTINGS_BYTES = 1 << 20

# What an OCI variant is called by Go; the first of each is also Go's default but for arm (v7
# since Go 1.21 when it cannot tell, v5 when cross compiling before).
_VARIANTS = {
    "amd64": ("GOAMD64", {"v1": "v1", "v2": "v2", "v3": "v3", "v4": "v4"}),
    "arm": ("GOARM", {"v5": "5", "v6": "6", "v7": "7"}),
    "arm64": ("GOARM64", {"v8": "v8.0", "v9": "v9.0"}),
}

# What a compiler may know of its user: where tools and memory are, how C is compiled, and Go's own
# variables (`go help environment`) but for those that say where modules come from and who asks.
# By name and not by their beginning: GOOGLE_API_KEY is none of Go's.
_COMPILING = frozenset(
    (
        *("PATH", "TMPDIR", "LANG", "LC_ALL", "TZ", "SOURCE_DATE_EPOCH"),
        *("CC", "CXX", "AR", "FC", "LD", "CPATH", "LIBRARY_PATH", "LD_LIBRARY_PATH", "PKG_CONFIG"),
        *("PKG_CONFIG_PATH", "PKG_CONFIG_LIBDIR", "PKG_CONFIG_SYSROOT_DIR"),
        *(
            "GO111MODULE",
            "GOBIN",
            "GOCACHE",
            "GOCACHEPROG",
            "GOCOVERDIR",
            "GODEBUG",
            "GOEXPERIMENT",
        ),
        *("GOFIPS140", "GOFLAGS", "GOGC", "GOMAXPROCS", "GOMEMLIMIT", "GOMODCACHE", "GOPATH"),
        *("GOPRIVATE", "GONOSUMDB", "GOROOT", "GOTELEMETRY", "GOTELEMETRYDIR", "GOTMPDIR"),
        *("GOTOOLCHAIN", "GOTOOLDIR", "GOVCS", "GOWORK", "GO_EXTLINK_ENABLED"),
        *("GOOS", "GOARCH", "GO386", "GOAMD64", "GOARM", "GOARM64", "GOMIPS", "GOMIPS64"),
        *("GOPPC64", "GORISCV64", "GOWASM"),
    )
)


def may_compiler_know(name: str) -> bool:
    """Whether a variable may reach a compiler that must not know its user's credentials."""
    return name in _COMPILING or name.startswith("CGO_")


def build_environment(recipe: Recipe, user: Mapping[str, str]) -> dict[str, str]:
    """`user` is the process's environment; the recipe's goes over it, the platform over both.

    Whether C code is compiled stands in it only if one of the two says so (golang.cgo decides).
    """
    env = {**user, **dict(recipe.env)}
    env |= platform_environment(recipe.platform)
    if recipe.offline:
        # GONOPROXY=none sends private modules, too, to the proxy that is off.
        env |= {"GOPROXY": "off", "GONOPROXY": "none"}
    return env


def platform_environment(platform: Platform) -> dict[str, str]:
    env = {"GOOS": platform.os, "GOARCH": platform.architecture}
    if not platform.variant:
        return env
    name, known = _VARIANTS.get(platform.architecture, ("", {}))
    version, dot, minor = platform.variant.partition(".")
    value = known.get(version, "")
    if dot and name == "GOARM64" and value and minor.isdigit() and len(minor) == 1:
        value = f"{version}.{minor}"
    elif dot or not value:
        variants = ", ".join(known) or "none"
        raise NoSuchTarget(
            f"{platform}: Go knows no variant {platform.variant!r} of {platform.architecture}",
            hint=f"variants of {platform.architecture}: {variants}",
        )
    return {**env, name: value}


def go_setting(name: str, env: Mapping[str, str], goroot: str) -> str:
    """A variable as `go env` would print it: from the environment, else from the user's settings
    (`go env -w`), else from the release's own defaults; "" when none has it.

    Read here because asking Go takes a process.
    """
    if env.get(name):
        return env[name]
    found = user_settings(env).get(name, "")
    return found or _read_settings(os.path.join(goroot, "go.env")).get(name, "")


def user_settings(env: Mapping[str, str]) -> dict[str, str]:
    """What `go env -w` keeps."""
    place = settings_file(env)
    return _read_settings(place) if place else {}


def settings_file(env: Mapping[str, str]) -> str:
    """Where `go env -w` keeps it; "" where it is off."""
    place = env.get("GOENV", "")
    if place:
        return "" if place == "off" else place
    home = env.get("XDG_CONFIG_HOME") or os.path.join(env.get("HOME", "/"), ".config")
    return os.path.join(home, "go/env")


def module_cache(env: Mapping[str, str], goroot: str) -> str:
    """GOMODCACHE as Go would choose it."""
    chosen = go_setting("GOMODCACHE", env, goroot)
    if chosen:
        return chosen
    first = go_setting("GOPATH", env, goroot).split(":")[0]
    return os.path.join(first or os.path.join(env.get("HOME", "/"), "go"), "pkg/mod")


def _read_settings(path: str) -> dict[str, str]:
    try:
        with open(path, "rb") as file:
            text = file.read(MAX_SETTINGS_BYTES).decode("utf-8", "replace")
    except OSError:
        return {}
    pairs = (line.partition("=") for line in text.splitlines() if not line.startswith("#"))
    return {name.strip(): value for name, equals, value in pairs if equals}
