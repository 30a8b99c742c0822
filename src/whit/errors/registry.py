"""Registries and engines."""

from whit.errors import HostError, RequestError, WorldError


class NoDocker(HostError):
    """The docker command is not on PATH."""

    code = "R001"


class NoDaemon(WorldError):
    """No Docker daemon answers."""

    code = "R002"
    temporary = True


class DaemonRefused(WorldError):
    """The Docker daemon did not take the image."""

    code = "R003"


class RegistryUnreachable(WorldError):
    """A registry that does not answer, or only with temporary failures."""

    code = "R010"
    temporary = True


class RegistryRefused(WorldError):
    """A registry's refusal that trying again will not change; `output` holds its own words."""

    code = "R011"


class BlobUnknown(RegistryRefused):
    """A manifest that is refused because the registry does not have a blob that it names."""


class NotAuthorized(WorldError):
    """A registry that wants other credentials than those at hand."""

    code = "R012"


class NoSuchManifest(RequestError):
    """A tag, digest or repository that the registry does not have."""

    code = "R013"


class BadAnswer(WorldError):
    """A registry's answer that contradicts the specification or itself: type, size or digest."""

    code = "R014"


class HelperFailed(HostError):
    """A credential helper that is missing, hangs or fails."""

    code = "R015"


class BadCredentials(RequestError):
    """A file of registry credentials that cannot be read."""

    code = "R016"


class UnsupportedManifest(RequestError):
    """An image format that whit does not take, such as Docker's schema 1."""

    code = "R017"


class RegistryUntrusted(WorldError):
    """A registry whose TLS certificate is not trusted, or that speaks plain HTTP."""

    code = "R018"


class NoSuchPlatform(RequestError):
    """An image that does not exist for the platform asked."""

    code = "R019"


class Offline(RequestError):
    """Something would have to be asked of a registry, and --offline forbids it."""

    code = "R020"
