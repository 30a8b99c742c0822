"""Names and settings in, who is asked out; headers in, challenges out."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whit.errors import WhitError
from whit.errors.names import BadName
from whit.errors.registry import (
    BlobUnknown,
    NoSuchManifest,
    NotAuthorized,
    RegistryRefused,
    RegistryUnreachable,
)
from whit.model.registries import RegistrySettings
from whit.registry.challenge import Challenge, read_challenges
from whit.registry.hosts import Endpoint, mirrors_of, origin_of, remote
from whit.registry.refusals import refusal_of


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("alpine", "docker.io/library/alpine:latest"),
        ("team/app:1", "docker.io/team/app:1"),
        ("docker://alpine:3", "docker.io/library/alpine:3"),
        ("index.docker.io/alpine", "docker.io/library/alpine:latest"),
        ("localhost:5000/app", "localhost:5000/app:latest"),
        ("r.example/a/b/c:x", "r.example/a/b/c:x"),
        (f"r.example/a@sha256:{'0' * 64}", f"r.example/a@sha256:{'0' * 64}"),
    ],
)
def test_a_name_is_read_as_engines_read_it(text: str, full: str):
    assert str(remote(text)) == full


def test_the_hub_answers_elsewhere_under_its_own_settings():
    own = RegistrySettings(ca="/ca.pem")
    found = origin_of("docker.io", {"docker.io": own})
    assert found == Endpoint("docker.io", "registry-1.docker.io", "", own)


def test_mirrors_come_in_order_with_their_own_settings():
    settings = {
        "docker.io": RegistrySettings(mirrors=("cache.example/hub/", "http://near:5000")),
        "cache.example": RegistrySettings(ca="/cache.pem"),
    }
    first, second = mirrors_of("docker.io", settings)
    assert first == Endpoint("cache.example", "cache.example", "hub/", settings["cache.example"])
    assert (second.host, second.prefix, second.settings.insecure) == ("near:5000", "", True)
    assert mirrors_of("other.example", settings) == ()


@pytest.mark.parametrize("text", ["", "ftp://x", "https://", "/path"])
def test_what_is_no_mirror_is_refused(text: str):
    with pytest.raises(BadName):
        mirrors_of("r", {"r": RegistrySettings(mirrors=(text,))})


@pytest.mark.parametrize(
    ("host", "is_local"),
    [
        ("localhost", True), ("localhost:5000", True), ("127.0.0.1:5000", True),
        ("127.8.9.1", True), ("[::1]:5000", True), ("localhost.example", False),
        ("10.0.0.1:5000", False), ("127.0.0.1.example", False), ("registry", False),
    ],
)  # fmt: skip
def test_only_this_machine_is_local(host: str, is_local: bool):
    assert Endpoint(host, host).is_local is is_local


def test_challenges_are_read():
    header = (
        'Bearer realm="https://auth.example/token",service="a \\"b\\"", scope="x:y:pull,push", '
        "Basic realm=plain"
    )
    assert read_challenges(header) == (
        Challenge("bearer", {"realm": "https://auth.example/token", "service": 'a "b"',
                             "scope": "x:y:pull,push"}),
        Challenge("basic", {"realm": "plain"}),
    )  # fmt: skip


def test_the_first_of_two_parameters_counts():
    assert read_challenges('Bearer realm="a", realm="b"')[0].parameters == {"realm": "a"}


@given(st.text(max_size=300))
def test_no_header_breaks_the_reader(header: str):
    for challenge in read_challenges(header):
        assert challenge.scheme == challenge.scheme.lower()


def body(code: str, message: str = "its own words") -> bytes:
    return msgspec.json.encode({"errors": [{"code": code, "message": message}]})


@pytest.mark.parametrize(
    ("status", "data", "kind"),
    [
        (401, body("UNAUTHORIZED"), NotAuthorized),
        (403, body("DENIED"), NotAuthorized),
        (403, body("TOOMANYREQUESTS"), RegistryRefused),
        (404, body("MANIFEST_UNKNOWN"), NoSuchManifest),
        (400, body("MANIFEST_BLOB_UNKNOWN"), BlobUnknown),
        (400, body("NAME_INVALID"), RegistryRefused),
        (429, b"", RegistryUnreachable),
        (503, b"<html>", RegistryUnreachable),
        (413, b"", RegistryRefused),
        (418, b"\xff\x00", RegistryRefused),
    ],
)
def test_what_a_refusal_means(status: int, data: bytes, kind: type[WhitError]):
    error = refusal_of("PUT", "https://r.example/v2/a/b/manifests/1", status, data, "")
    assert type(error) is kind
    assert "r.example" in error.message
    assert error.hint
    if b"its own words" in data and error.output:
        assert "its own words" in error.output


def test_a_refusal_of_credentials_says_where_they_came_from():
    url = "https://r.example/v2/a/b/manifests/1"
    with_some = refusal_of("GET", url, 401, b"", "docker-credential-x")
    without = refusal_of("GET", url, 401, b"", "")
    assert "docker-credential-x" in (with_some.hint or "")
    assert "whit login r.example" in (without.hint or "")


def test_a_refusal_s_words_are_bounded():
    error = refusal_of("GET", "https://r.example/v2/", 400, body("X", "y" * 100_000), "")
    assert len(error.output or "") <= 500
