import pytest
from hypothesis import given
from hypothesis import strategies as st

from whit.errors.names import BadName
from whit.model.names import Platform, Reference, digest_of, parse_digest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("linux/amd64", Platform("linux", "amd64")),
        ("arm64", Platform("linux", "arm64")),
        ("linux/arm/v7", Platform("linux", "arm", "v7")),
        ("Linux/x86_64", Platform("linux", "amd64")),
        ("aarch64", Platform("linux", "arm64")),
    ],
)
def test_platforms(text: str, expected: Platform):
    assert Platform.parse(text) == expected


@pytest.mark.parametrize("text", ["", "linux", "linux/", "linux/mips", "windows/amd64", "a/b/c/d"])
def test_an_unknown_platform_names_those_there_are(text: str):
    with pytest.raises(BadName) as caught:
        Platform.parse(text)
    assert "linux/amd64" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("text", "registry", "repository", "tag"),
    [
        ("app", "", "app", ""),
        ("app:1.2", "", "app", "1.2"),
        ("team/app", "", "team/app", ""),
        ("localhost/app", "localhost", "app", ""),
        ("localhost:5000/app:x", "localhost:5000", "app", "x"),
        ("registry.example/a/b:v1", "registry.example", "a/b", "v1"),
        ("[::1]:5000/app", "[::1]:5000", "app", ""),
    ],
)
def test_references(text: str, registry: str, repository: str, tag: str):
    reference = Reference.parse(text)
    assert (reference.registry, reference.repository, reference.tag) == (registry, repository, tag)
    assert str(reference) == text


@pytest.mark.parametrize(
    "text", ["", "App", "a//b", "a:", "-a", "a@sha256:12", "a b", "x" * 600, "Host/app"]
)
def test_what_is_no_reference_is_refused(text: str):
    with pytest.raises(BadName):
        Reference.parse(text)


@given(st.text(max_size=40))
def test_reading_a_reference_never_crashes_and_round_trips(text: str):
    try:
        reference = Reference.parse(text)
    except BadName:
        return
    assert Reference.parse(str(reference)) == reference


def test_digests():
    digest = digest_of(b"")
    assert parse_digest(digest) == digest
    for bad in ("", "sha256:", digest.upper(), digest + "0", "md5:" + "0" * 32, digest + "\n"):
        with pytest.raises(BadName):
            parse_digest(bad)
