"""The packages of a program in, the build tags that leave parts of them out.

A tag is offered only where the source at hand asks for it in a `//go:build` line: a tag that a
later release of the module no longer knows would do nothing. The table says what it takes away.
"""

import os
import re
from collections.abc import Iterable

import msgspec

from whit.golang.listing import Package

MAX_HEAD_BYTES = 8192
_LINE = re.compile(rb"^//go:build (.+)$", re.MULTILINE)
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
STANDARD = "std"


class KnownTag(msgspec.Struct, frozen=True):
    """`module` is a module's path, with what may follow it (/v2); STANDARD is Go's own library."""

    tag: str
    module: str
    price: str


KNOWN = (
    KnownTag("grpcnotrace", "google.golang.org/grpc", "traces of calls on /debug/requests"),
    KnownTag("nomsgpack", "github.com/gin-gonic/gin", "MsgPack bodies in gin"),
    KnownTag("codec.notfastpath", "github.com/ugorji/go/codec", "speed of that codec"),
    KnownTag("nethttpomithttp2", STANDARD, "HTTP/2 in net/http"),
    KnownTag("disable_grpc_modules", "cloud.google.com/go/storage", "Cloud Storage over gRPC"),
    KnownTag("no_btrfs", "github.com/containerd/containerd", "the btrfs snapshotter"),
    KnownTag("no_devmapper", "github.com/containerd/containerd", "the devmapper snapshotter"),
    KnownTag("no_zfs", "github.com/containerd/containerd", "the zfs snapshotter"),
    KnownTag("no_cri", "github.com/containerd/containerd", "the CRI plugin: no Kubernetes"),
    KnownTag("no_tracing", "github.com/containerd/containerd", "OpenTelemetry traces"),
    KnownTag("exclude_graphdriver_btrfs", "github.com/docker/docker", "the btrfs graph driver"),
    KnownTag("exclude_graphdriver_zfs", "github.com/docker/docker", "the zfs graph driver"),
    KnownTag("nobadger", "github.com/smallstep/nosql", "the Badger database"),
    KnownTag("nobbolt", "github.com/smallstep/nosql", "the bbolt database"),
    KnownTag("nomysql", "github.com/smallstep/nosql", "the MySQL database"),
    KnownTag("nopgx", "github.com/smallstep/nosql", "the PostgreSQL database"),
)
# Words of constraints that say what is built for, or how; none of them leaves a feature out.
_ORDINARY = frozenset(
    (
        *("aix", "android", "darwin", "dragonfly", "freebsd", "hurd", "illumos", "ios", "js"),
        *("linux", "nacl", "netbsd", "openbsd", "plan9", "solaris", "wasip1", "windows", "zos"),
        *("386", "amd64", "amd64p32", "arm", "armbe", "arm64", "arm64be", "loong64", "mips"),
        *("mipsle", "mips64", "mips64le", "mips64p32", "mips64p32le", "mipsx", "ppc", "ppc64"),
        *("alpha", "m68k", "nios2", "sh", "shbe", "parisc", "ia64"),
        *("ppc64le", "riscv", "riscv64", "s390", "s390x", "sparc", "sparc64", "wasm", "unix"),
        *("cgo", "gc", "gccgo", "tinygo", "gopherjs", "race", "msan", "asan", "static", "noopt"),
        *("ignore", "tools", "tool", "generate", "test", "tests", "integration", "debug"),
        *("appengine", "purego", "safe", "unsafe", "noasm", "nounsafe", "boringcrypto"),
        *("osusergo", "netgo", "netcgo", "timetzdata", "math_big_pure_go", "js_wasm"),
    )
)
_RELEASE = re.compile(r"go1(\.\d+)*|goexperiment\..*|.*_test|.*\.v\d")


def tags_in(packages: Iterable[Package]) -> dict[str, set[str]]:
    """Tag -> the modules that ask for it, STANDARD among them. Tags that say what is built for are
    left out.
    """
    found: dict[str, set[str]] = {}
    for package in packages:
        module = STANDARD if package.is_standard else package.module
        for word in _words_in(package.directory):
            found.setdefault(word, set()).add(module)
    return found


def known_tags(found: dict[str, set[str]]) -> tuple[KnownTag, ...]:
    """Those of the table that the source asks for."""
    return tuple(
        known
        for known in KNOWN
        if any(_is_of(module, known.module) for module in found.get(known.tag, ()))
    )


def unknown_tags(found: dict[str, set[str]]) -> tuple[str, ...]:
    """`tag (module)` for those of modules that the table does not know; some may save too."""
    known = {one.tag for one in KNOWN}
    return tuple(
        f"{tag} ({', '.join(sorted(modules - {STANDARD}))})"
        for tag, modules in sorted(found.items())
        if tag not in known and modules - {STANDARD}
    )


def _is_of(module: str, wanted: str) -> bool:
    return module == wanted or module.startswith(wanted + "/v")


def _words_in(directory: str) -> set[str]:
    words: set[str] = set()
    try:
        names = os.listdir(directory)
    except OSError:
        return words
    for name in names:
        if not name.endswith(".go") or name.endswith("_test.go"):
            continue
        try:
            with open(os.path.join(directory, name), "rb") as file:
                head = file.read(MAX_HEAD_BYTES)
        except OSError:
            continue
        for match in _LINE.finditer((b"\n" + head).partition(b"\npackage ")[0]):
            words.update(_WORD.findall(match[1].decode("utf-8", "replace")))
    return {w for w in words if w not in _ORDINARY and not _RELEASE.fullmatch(w)}
