"""Text in, names out: digests, platforms and image references, each checked once, here."""

import hashlib
import re
from typing import NewType, Self

import msgspec

from whit.errors.names import BadName

Digest = NewType("Digest", str)  # "sha256:" and 64 lower-case hex digits

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
# The grammar of distribution/reference: lower-case path parts joined by one separator.
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_HOST = r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?|\[[0-9a-fA-F:]+\])(?::[0-9]+)?"
_REFERENCE = re.compile(
    rf"(?:(?P<registry>{_HOST})/)?(?P<repository>{_PART}(?:/{_PART})*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)

GO_ARCHITECTURES = ("386", "amd64", "arm", "arm64", "ppc64le", "riscv64", "s390x")


def digest_of(data: bytes | memoryview) -> Digest:
    return Digest("sha256:" + hashlib.sha256(data).hexdigest())


def parse_digest(text: str) -> Digest:
    if not _DIGEST.fullmatch(text):
        raise BadName(
            f"{text!r} is not a digest",
            hint="a digest is sha256: followed by 64 lower-case hex digits",
        )
    return Digest(text)


class Platform(msgspec.Struct, frozen=True, order=True):
    """An OCI platform; `architecture` is a GOARCH, `variant` is "" or v6, v7, v8 and the like."""

    os: str
    architecture: str
    variant: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `linux/arm64/v8`; `arm64` alone means linux, as does `linux/` before it."""
        parts = text.strip().lower().split("/")
        if len(parts) == 1 and parts[0] != "linux":
            parts = ["linux", *parts]
        aliases = {"x86_64": "amd64", "aarch64": "arm64", "i386": "386", "armhf": "arm"}
        if 2 <= len(parts) <= 3:
            os, architecture = parts[0], aliases.get(parts[1], parts[1])
            variant = parts[2] if len(parts) == 3 else ""
            if os == "linux" and architecture in GO_ARCHITECTURES:
                return cls(os, architecture, variant)
        raise BadName(
            f"whit makes no image for platform {text!r}",
            hint="one of " + ", ".join(f"linux/{name}" for name in GO_ARCHITECTURES),
        )

    def __str__(self) -> str:
        return "/".join(filter(None, (self.os, self.architecture, self.variant)))


class Reference(msgspec.Struct, frozen=True, order=True):
    """`registry/repository:tag@digest`; an empty registry means a local name."""

    registry: str
    repository: str
    tag: str = ""
    digest: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        match = _REFERENCE.fullmatch(text)
        if match is None or len(text) > 512:
            raise BadName(
                f"{text!r} is not an image name",
                hint="write it as name:tag or registry.example/name:tag, in lower case",
            )
        registry, repository = match["registry"] or "", match["repository"]
        # A first part without dot, colon or "localhost" is a path, not a host (docker's rule).
        if registry and not (set(".:[") & set(registry) or registry == "localhost"):
            registry, repository = "", f"{registry}/{repository}"
            if not re.fullmatch(rf"{_PART}(?:/{_PART})*", repository):
                raise BadName(f"{text!r} is not an image name", hint="repositories are lower case")
        return cls(registry, repository, match["tag"] or "", match["digest"] or "")

    def __str__(self) -> str:
        name = f"{self.registry}/{self.repository}" if self.registry else self.repository
        name += f":{self.tag}" if self.tag else ""
        return name + (f"@{self.digest}" if self.digest else "")
