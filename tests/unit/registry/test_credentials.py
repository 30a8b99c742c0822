"""Which file and which entry a registry's credentials come from, and what is said of bad ones."""

import base64
import json
import os
import stat
from pathlib import Path

import pytest

from whit.errors.registry import BadCredentials, HelperFailed
from whit.registry import credentials as room
from whit.registry.auth import joined_scopes
from whit.registry.credentials import (
    ANONYMOUS,
    Credential,
    find_credential,
    forget_credential,
    keep_credential,
)

SECRET = "correct horse"


def pair(name: str, password: str = SECRET) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{name}:{password}".encode()).decode()}


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path), "PATH": f"{tmp_path}/bin:/usr/bin:/bin"}


def docker(home: dict[str, str], document: object) -> Path:
    place = Path(home["HOME"], ".docker/config.json")
    place.parent.mkdir(exist_ok=True)
    place.write_text(document if isinstance(document, str) else json.dumps(document))
    return place


def helper(home: dict[str, str], name: str, script: str) -> None:
    place = Path(home["HOME"], "bin", f"docker-credential-{name}")
    place.parent.mkdir(exist_ok=True)
    place.write_text(f"#!/bin/sh\n{script}\n")
    place.chmod(0o755)


@pytest.mark.parametrize(
    ("key", "registry", "repository"),
    [
        ("registry.example", "registry.example", "app"),
        ("https://registry.example/v1/", "registry.example", "app"),
        ("http://registry.example", "registry.example", "app"),
        ("registry.example/team", "registry.example", "team/app"),
        ("registry.example:5000", "registry.example:5000", "app"),
        ("https://index.docker.io/v1/", "docker.io", "library/alpine"),
        ("index.docker.io", "docker.io", "library/alpine"),
    ],
)
def test_the_names_under_which_a_registry_is_kept(
    home: dict[str, str], key: str, registry: str, repository: str
):
    docker(home, {"auths": {key: pair("ann")}})
    found = find_credential(registry, repository, home)
    assert (found.username, found.password) == ("ann", SECRET)


def test_the_most_exact_entry_answers(home: dict[str, str]):
    docker(home, {"auths": {"r.example": pair("all"), "r.example/a/b": pair("exact"),
                            "r.example/a": pair("part")}})  # fmt: skip
    names = {
        repository: find_credential("r.example", repository, home).username
        for repository in ("a/b", "a/b/c", "a/x", "ab", "x")
    }
    assert names == {"a/b": "exact", "a/b/c": "exact", "a/x": "part", "ab": "all", "x": "all"}


def test_the_first_file_that_knows_it_answers(home: dict[str, str], tmp_path: Path):
    docker(home, {"auths": {"r.example": pair("docker"), "only.example": pair("docker")}})
    own = tmp_path / "auth.json"
    own.write_text(json.dumps({"auths": {"r.example": pair("podman")}}))
    home |= {"REGISTRY_AUTH_FILE": str(own)}
    assert find_credential("r.example", "a", home).username == "podman"
    assert find_credential("only.example", "a", home).username == "docker"
    assert find_credential("other.example", "a", home) == ANONYMOUS
    runtime = tmp_path / "run/containers"
    runtime.mkdir(parents=True)
    (runtime / "auth.json").write_text(json.dumps({"auths": {"run.example": pair("run")}}))
    assert find_credential("run.example", "a", home).is_anonymous
    home |= {"XDG_RUNTIME_DIR": str(tmp_path / "run")}
    assert find_credential("run.example", "a", home).username == "run"


def test_a_helper_of_the_registry_goes_over_the_store_and_that_over_the_file(home: dict[str, str]):
    helper(home, "own", """echo '{"Username": "own", "Secret": "s3"}'""")
    helper(home, "all", """echo '{"Username": "<token>", "Secret": "refresh"}'""")
    docker(home, {"credsStore": "all", "credHelpers": {"r.example": "own"},
                  "auths": {"r.example": pair("file")}})  # fmt: skip
    assert find_credential("r.example", "a", home).username == "own"
    other = find_credential("other.example", "a", home)
    assert (other.identity_token, other.username) == ("refresh", "")


def test_a_helper_that_keeps_nothing_leaves_it_to_the_file(home: dict[str, str]):
    helper(home, "all", "echo 'credentials not found in native keychain'; exit 1")
    docker(home, {"credsStore": "all", "auths": {"r.example": pair("file")}})
    assert find_credential("r.example", "a", home).username == "file"


def test_a_helper_is_asked_for_the_hub_by_its_old_name(home: dict[str, str], tmp_path: Path):
    helper(home, "all", f"cat > {tmp_path}/asked; echo '{{}}'")
    docker(home, {"credsStore": "all"})
    find_credential("docker.io", "library/alpine", home)
    assert (tmp_path / "asked").read_text() == "https://index.docker.io/v1/"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo boom >&2; exit 3", "failed with status 3"),
        ("echo no json", "did not print credentials"),
        ("sleep 30", "did not answer"),
    ],
)
def test_a_helper_that_fails_is_named(
    home: dict[str, str], monkeypatch: pytest.MonkeyPatch, script: str, said: str
):
    monkeypatch.setattr(room, "HELPER_SECONDS", 0.5)
    helper(home, "bad", script)
    docker(home, {"credsStore": "bad"})
    with pytest.raises(HelperFailed, match=said) as caught:
        find_credential("r.example", "a", home)
    assert "docker-credential-bad" in caught.value.message


@pytest.mark.parametrize("name", ["../../bin/sh", "a b", "", "x;y"])
def test_a_helper_s_name_is_no_path(home: dict[str, str], name: str):
    docker(home, {"credHelpers": {"r.example": name}, "credsStore": name})
    if not name:
        assert find_credential("r.example", "a", home).is_anonymous
        return
    with pytest.raises(HelperFailed, match="no name"):
        find_credential("r.example", "a", home)


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"auths": 3}', '{"auths": {"r.example": "x"}}', "\x00", "[" * 100_000]
)
def test_a_file_that_is_none_is_refused_without_its_words(home: dict[str, str], text: str):
    docker(home, text)
    with pytest.raises(BadCredentials) as caught:
        find_credential("r.example", "a", home)
    assert "config.json" in caught.value.message


@pytest.mark.parametrize("auth", ["***", base64.b64encode(b"no colon").decode()])
def test_an_entry_that_is_none_is_refused_without_its_words(home: dict[str, str], auth: str):
    docker(home, {"auths": {"r.example": {"auth": auth}}})
    with pytest.raises(BadCredentials) as caught:
        find_credential("r.example", "a", home)
    assert auth not in str(caught.value)


def test_an_empty_file_is_no_trouble(home: dict[str, str]):
    docker(home, "")
    assert find_credential("r.example", "a", home).is_anonymous


def test_a_credential_does_not_show_itself():
    shown = repr(Credential("ann", SECRET, "refresh", "bearer", "a file"))
    assert shown == "Credential(from a file)"


def test_what_is_kept_is_found_and_forgotten(home: dict[str, str]):
    place = docker(home, {"auths": {"other.example": pair("o")}, "proxies": {"default": {}}})
    where = keep_credential("r.example", "ann", "pass:word", home)
    assert where == str(place)
    assert stat.S_IMODE(os.stat(place).st_mode) == 0o600
    found = find_credential("r.example", "a", home)
    assert (found.username, found.password) == ("ann", "pass:word")
    assert json.loads(place.read_text())["proxies"] == {"default": {}}  # what is not ours stays
    assert forget_credential("r.example", home)
    assert not forget_credential("r.example", home)
    assert find_credential("r.example", "a", home).is_anonymous
    assert find_credential("other.example", "a", home).username == "o"


def test_a_linked_file_stays_linked(home: dict[str, str], tmp_path: Path):
    place = docker(home, {})
    kept = tmp_path / "dotfiles.json"
    place.rename(kept)
    place.symlink_to(kept)
    keep_credential("r.example", "ann", SECRET, home)
    assert place.is_symlink()
    assert "r.example" in kept.read_text()


def test_a_helper_that_does_not_keep_it_says_nothing_of_the_password(home: dict[str, str]):
    helper(home, "all", "cat; exit 1")
    docker(home, {"credsStore": "all"})
    with pytest.raises(HelperFailed) as caught:
        keep_credential("r.example", "ann", SECRET, home)
    assert SECRET not in f"{caught.value.message} {caught.value.hint} {caught.value.output}"


def test_nowhere_to_keep_it_is_said():
    with pytest.raises(BadCredentials, match="no place"):
        keep_credential("r.example", "ann", SECRET, {})


def test_a_resource_is_asked_for_once_in_whatever_order_the_registry_writes():
    for there in ("repository:a:push,pull", "repository:a:pull", "repository:a:pull,push"):
        assert joined_scopes(("repository:a:pull,push", "repository:b:pull", there)) == (
            "repository:a:pull,push",
            "repository:b:pull",
        )
    assert joined_scopes(("registry:catalog:*",)) == ("registry:catalog:*",)
