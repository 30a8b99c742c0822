"""Destinations and platforms are read once, and refused with what would be right."""

from pathlib import Path

import pytest

from whit.build.request import Destination, Kind, make_request, parse_destination
from whit.build.settings import Settings
from whit.errors.names import BadName
from whit.errors.request import BadDestination, BadSetting


@pytest.mark.parametrize(
    ("text", "kind", "place", "reference"),
    [
        ("store", Kind.STORE, "", ""),
        ("oci:./out", Kind.OCI, "./out", ""),
        ("oci:./out:app:1.2", Kind.OCI, "./out", "app:1.2"),
        ("oci-archive:a.tar", Kind.OCI_ARCHIVE, "a.tar", ""),
        ("docker-archive:/tmp/a.tar:app", Kind.DOCKER_ARCHIVE, "/tmp/a.tar", "app"),
        ("docker-daemon:", Kind.DOCKER_DAEMON, "", ""),
        ("docker-daemon:app:1.2", Kind.DOCKER_DAEMON, "", "app:1.2"),
    ],
)
def test_destinations(text: str, kind: Kind, place: str, reference: str):
    assert parse_destination(text) == Destination(kind, place, reference)


@pytest.mark.parametrize("text", ["oci:", "registry.example/app", "tar:x", "", "oci"])
def test_a_destination_that_is_none_is_refused(text: str):
    with pytest.raises(BadDestination) as caught:
        parse_destination(text)
    assert "oci:" in (caught.value.hint or "")


def test_a_name_cannot_be_a_digest():
    with pytest.raises(BadSetting, match="before it exists"):
        make_request(".", Path("/"), Path("/"), Settings(), ("app@sha256:" + "0" * 64,))


def test_an_unknown_platform_is_refused():
    with pytest.raises(BadName, match="windows/amd64"):
        make_request(".", Path("/"), Path("/"), Settings(platform="windows/amd64"))


def test_packages_of_the_file_stand_in_for_a_missing_source():
    settings = Settings(packages=("./cmd/app",))
    assert make_request("", Path("/"), Path("/"), settings).source == "./cmd/app"
    assert make_request("./x", Path("/"), Path("/"), settings).source == "./x"
    assert make_request("", Path("/"), Path("/"), Settings()).source == "."
