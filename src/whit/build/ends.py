"""The words for a place where images lie in, an End out: what `whit copy` and its kin take.

registry.example/app:1.2   a registry (also docker://…)
app:1.2, store:app:1.2     the local store, by name or digest
oci:DIR[:NAME]             an OCI layout
oci-archive:FILE[:NAME]    the same in a tar
docker-archive:FILE[:NAME] what `docker save` writes and `docker load` reads
docker-daemon:NAME         a Docker daemon        podman:NAME      podman's storage
containerd:NAME            containerd, by ctr     kind:[CLUSTER]   k3d:[CLUSTER]
minikube:[PROFILE]
"""

from enum import StrEnum

import msgspec

from whit.errors.request import BadDestination
from whit.model.names import Reference


class Where(StrEnum):
    """A kind of place."""

    REGISTRY = "docker"
    STORE = "store"
    OCI = "oci"
    OCI_ARCHIVE = "oci-archive"
    DOCKER_ARCHIVE = "docker-archive"
    DOCKER_DAEMON = "docker-daemon"
    PODMAN = "podman"
    CONTAINERD = "containerd"
    KIND = "kind"
    K3D = "k3d"
    MINIKUBE = "minikube"


FILES = (Where.OCI, Where.OCI_ARCHIVE, Where.DOCKER_ARCHIVE)
CLUSTERS = (Where.KIND, Where.K3D, Where.MINIKUBE)


class End(msgspec.Struct, frozen=True):
    """One end of a copy. `place` is a path or a cluster; `name` an image's name or digest."""

    where: Where
    place: str = ""
    name: str = ""

    def __str__(self) -> str:
        if self.where is Where.REGISTRY:
            return self.name
        parts = (self.where.value, self.place, self.name)
        return ":".join(filter(None, parts))


def parse_end(text: str) -> End:
    """Errors: BadDestination, BadName."""
    if text.startswith("docker://"):
        return _remote(text.removeprefix("docker://"))
    word, colon, rest = text.partition(":")
    if not colon or word not in set(Where) or word == Where.REGISTRY:
        return _named(text)
    where = Where(word)
    if where in FILES:
        return _file(where, rest, text)
    if where in CLUSTERS:
        return End(where, place=rest)
    if not rest:
        raise BadDestination(f"{text}: no name given", hint=f"write it as {word}:NAME")
    if where is not Where.STORE:
        rest = str(Reference.parse(rest))
    return End(where, name=rest)


def _named(text: str) -> End:
    """A bare name: a registry's where it names one, else the store's."""
    if not text.startswith("sha256:") and Reference.parse(text).registry:
        return _remote(text)
    return End(Where.STORE, name=text)


def _remote(text: str) -> End:
    Reference.parse(text)
    return End(Where.REGISTRY, name=text)


def _file(where: Where, rest: str, text: str) -> End:
    place, name = rest, ""
    # As skopeo reads it: what follows the first colon after the path's last slash is a name.
    head, slash, tail = rest.rpartition("/")
    path, colon, after = tail.partition(":")
    if colon and path:
        place, name = head + slash + path, after
    elif colon and not path:
        place = ""
    # A name may hold slashes itself: DIR:registry.example/app:1
    first, colon, after = rest.partition(":")
    if colon and "/" in after and first and not name.startswith("@"):
        place, name = first, after
    if not place:
        raise BadDestination(f"{text}: no path given", hint=f"write it as {where.value}:PATH")
    if name and not name.startswith("@"):
        Reference.parse(name)
    return End(where, place=place, name=name)
