"""The name of a base in, its packages and its configuration out: the distroless images as a table.

    static         what every program may want: accounts, CA roots, zones, names of services
    base-nossl     static and glibc
    base           base-nossl and OpenSSL
    cc             base and the runtime of C and C++

The lists are complete by themselves, as those of the distroless images are: what the packages on
them depend on (debconf, awk, libcrypt) is left out on purpose.
"""

import msgspec

from whit.errors.bases import CannotStandOn
from whit.model.names import Platform
from whit.model.plan import RunConfig

DISTROS = {"debian12": "bookworm", "debian13": "trixie"}
DEFAULT_DISTRO = "debian13"
VARIANTS = ("", "nonroot", "debug", "debug-nonroot")
# Debian's names of machines, by Go's.
ARCHITECTURES = {
    "amd64": "amd64",
    "arm64": "arm64",
    "arm": "armhf",
    "386": "i386",
    "ppc64le": "ppc64el",
    "riscv64": "riscv64",
    "s390x": "s390x",
}
_STATIC = ("base-files", "media-types", "netbase", "tzdata")
_SSL = {"bookworm": ("libssl3",), "trixie": ("libssl3t64", "libzstd1", "zlib1g")}
_CC = ("libgcc-s1", "libgomp1", "libstdc++6")
_LEGACY = {"bookworm": (), "trixie": ("tzdata-legacy",)}
_GCC = {"bookworm": ("gcc-12-base",), "trixie": ("gcc-14-base",)}
KINDS = ("static", "base-nossl", "base", "cc")
# Not unpacked: its certificates become one file, as update-ca-certificates would make it.
CERTIFICATES = "ca-certificates"
SHELL = "busybox-static"
SHELL_PLACE = "/busybox"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


class Order(msgspec.Struct, frozen=True):
    """Which base is meant. `packages` come on top, with what they depend on."""

    kind: str
    distro: str
    variant: str
    platform: Platform
    packages: tuple[str, ...] = ()

    @property
    def codename(self) -> str:
        return DISTROS[self.distro]

    @property
    def architecture(self) -> str:
        """Errors: CannotStandOn for a machine that Debian does not know."""
        found = ARCHITECTURES.get(self.platform.architecture, "")
        if not found or self.platform.os != "linux":
            raise CannotStandOn(
                f"Debian has no packages for {self.platform}",
                hint="it has them for " + ", ".join(f"linux/{name}" for name in ARCHITECTURES),
            )
        return found

    @property
    def has_shell(self) -> bool:
        return self.variant.startswith("debug")

    @property
    def key(self) -> str:
        """What whit.lock calls it; who runs the image makes no other packages."""
        words = [self.kind + ("-debug" if self.has_shell else ""), *sorted(self.packages)]
        return f"{self.distro}/{self.architecture}/{','.join(words)}"

    @property
    def name(self) -> str:
        """The image's name, as the distroless images are called."""
        return f"{self.kind}-{self.distro}:{self.variant or 'latest'}"


def parse_order(text: str, distro: str, platform: Platform) -> Order | None:
    """`static`, `cc-debian12`, `base-debian13:debug-nonroot`; None for what names no such base."""
    name, _, tag = text.partition(":")
    kind = next((k for k in KINDS if name in (k, *(f"{k}-{d}" for d in DISTROS))), "")
    variant = "" if tag == "latest" else tag
    if not kind or variant not in VARIANTS:
        return None
    return Order(kind, name.removeprefix(kind).removeprefix("-") or distro, variant, platform)


def packages_of(order: Order) -> tuple[str, ...]:
    """The packages of the list itself, the certificates among them."""
    codename = order.codename
    names = [*_STATIC, *_LEGACY[codename], CERTIFICATES]
    if order.kind != "static":
        names.append("libc6")
    if order.kind in ("base", "cc"):
        names += _SSL[codename]
    if order.kind == "cc":
        names += [*_CC, *_GCC[codename]]
    if order.has_shell:
        names.append(SHELL)
    return tuple(sorted(names))


def config_of(order: Order) -> RunConfig:
    """How a container of the base starts: nothing but a shell, where it has one."""
    is_user = order.variant.endswith("nonroot")
    path = f"{PATH}:{SHELL_PLACE}" if order.has_shell else PATH
    return RunConfig(
        platform=order.platform,
        entrypoint=(f"{SHELL_PLACE}/sh",) if order.has_shell else (),
        env=(("PATH", path), ("SSL_CERT_FILE", BUNDLE)),
        user="65532" if is_user else "0",
        working_dir="/home/nonroot" if is_user else "/",
    )
