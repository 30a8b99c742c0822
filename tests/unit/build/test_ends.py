"""Words for a place in, an End out."""

import pytest

from whit.build.ends import End, Where, parse_end
from whit.errors.names import BadName
from whit.errors.request import BadDestination


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("app", End(Where.STORE, name="app")),
        ("team/app:1", End(Where.STORE, name="team/app:1")),
        ("store:app:1", End(Where.STORE, name="app:1")),
        ("sha256:0123abcd", End(Where.STORE, name="sha256:0123abcd")),
        ("0123abcd", End(Where.STORE, name="0123abcd")),
        ("registry.example/app:1", End(Where.REGISTRY, name="registry.example/app:1")),
        ("localhost:5000/app", End(Where.REGISTRY, name="localhost:5000/app")),
        ("docker://alpine", End(Where.REGISTRY, name="alpine")),
        ("docker:24-cli", End(Where.STORE, name="docker:24-cli")),
        ("oci:out", End(Where.OCI, "out")),
        ("oci:/tmp/out:app:1", End(Where.OCI, "/tmp/out", "app:1")),
        ("oci:out:reg.example:5000/a/b:1", End(Where.OCI, "out", "reg.example:5000/a/b:1")),
        ("oci:out:@1", End(Where.OCI, "out", "@1")),
        ("oci-archive:a.tar", End(Where.OCI_ARCHIVE, "a.tar")),
        ("docker-archive:dir/a.tar:app:1", End(Where.DOCKER_ARCHIVE, "dir/a.tar", "app:1")),
        ("docker-daemon:app:1", End(Where.DOCKER_DAEMON, name="app:1")),
        ("podman:app", End(Where.PODMAN, name="app")),
        ("kind:", End(Where.KIND)),
        ("k3d:dev", End(Where.K3D, "dev")),
    ],
)  # fmt: skip
def test_places(text: str, end: End):
    assert parse_end(text) == end


@pytest.mark.parametrize("text", ["oci:", "oci-archive:", "docker-daemon:", "podman:"])
def test_a_place_that_lacks_its_rest_is_refused(text: str):
    with pytest.raises(BadDestination):
        parse_end(text)


@pytest.mark.parametrize("text", ["", "UPPER", "oci:out:BAD NAME", "docker://", "a b"])
def test_names_are_checked(text: str):
    with pytest.raises(BadName):
        parse_end(text)
