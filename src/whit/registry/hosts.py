"""Settings of one registry in, where and how to speak to it out. Values only.

A name in a reference is not always the host that answers: docker.io answers elsewhere, and a
mirror may answer first when something is pulled.
"""

from collections.abc import Mapping

import msgspec

from whit.errors.names import BadName
from whit.model.names import Reference
from whit.model.registries import RegistrySettings
from whit.registry.credentials import DOCKER_HUB

_HUB_HOST = "registry-1.docker.io"


class Endpoint(msgspec.Struct, frozen=True):
    """`host` answers for `registry`; `prefix` stands before repositories there, as "cache/"."""

    registry: str
    host: str
    prefix: str = ""
    settings: RegistrySettings = RegistrySettings()

    @property
    def is_local(self) -> bool:
        """On this machine, where plain HTTP harms nobody."""
        name = self.host.rpartition(":")[0] if ":" in self.host else self.host
        name = name.strip("[]") or self.host
        if name == "localhost":
            return True
        import ipaddress  # noqa: PLC0415

        try:
            return ipaddress.ip_address(name).is_loopback
        except ValueError:
            return False


def remote(text: str) -> Reference:
    """A full reference as engines read it: `alpine` is docker.io/library/alpine:latest.

    Errors: BadName.
    """
    reference = Reference.parse(text.removeprefix("docker://"))
    registry = reference.registry or DOCKER_HUB
    repository = reference.repository
    if registry in ("index.docker.io", _HUB_HOST):
        registry = DOCKER_HUB
    if registry == DOCKER_HUB and "/" not in repository:
        repository = f"library/{repository}"
    tag = reference.tag or ("" if reference.digest else "latest")
    return Reference(registry, repository, tag, reference.digest)


def origin_of(registry: str, settings: Mapping[str, RegistrySettings]) -> Endpoint:
    """Where `registry` itself answers."""
    host = _HUB_HOST if registry == DOCKER_HUB else registry
    return Endpoint(registry, host, "", settings.get(registry, RegistrySettings()))


def mirrors_of(registry: str, settings: Mapping[str, RegistrySettings]) -> tuple[Endpoint, ...]:
    """Where to look for what is pulled from `registry` before it is asked itself."""
    return tuple(
        _mirror(text, settings) for text in settings.get(registry, RegistrySettings()).mirrors
    )


def _mirror(text: str, settings: Mapping[str, RegistrySettings]) -> Endpoint:
    scheme, _, rest = text.rpartition("://")
    host, _, prefix = rest.rstrip("/").partition("/")
    if not host or scheme not in ("", "http", "https"):
        raise BadName(f"{text!r} is no mirror", hint="write a host, with a path where it needs one")
    own = settings.get(host, RegistrySettings())
    if scheme == "http":
        own = msgspec.structs.replace(own, insecure=True)
    return Endpoint(host, host, f"{prefix}/" if prefix else "", own)
