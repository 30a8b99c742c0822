"""Dockerfiles that would put a credential into an image: refused where it stands, or allowed."""

from pathlib import Path

import pytest

from integration.test_dockerfile_build import Yard, context, write, yard

__all__ = ["context", "yard"]
pytestmark = [pytest.mark.sandbox, pytest.mark.busybox]
TOKEN = "ghp_" + "0123456789abcdefABCDEFGHIJKLMN" + "4618Zv"


@pytest.fixture
def inside(context: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """whit.toml is looked for where the command stands."""
    monkeypatch.chdir(context)
    return context


@pytest.mark.parametrize(
    ("line", "options", "said"),
    [
        ("ENV DB_PASSWORD=hunter2x", (), "ENV DB_PASSWORD has a value"),
        ("ARG API_TOKEN\nENV SHOWN=$API_TOKEN", ("API_TOKEN=abc12345",), "ARG API_TOKEN has"),
        ("ARG V=abc12345\nENV A=1 AUTH_TOKEN=$V", (), "ENV AUTH_TOKEN has a value"),
    ],
)
def test_a_variable_that_says_secret_is_refused_before_anything_is_built(
    yard: Yard, inside: Path, line: str, options: tuple[str, ...], said: str
) -> None:
    write(inside, f"FROM alpine AS one\n{line}\nFROM one\nRUN touch /was-here\n")
    words = [word for option in options for word in ("--build-arg", option)]
    output = yard.build(inside, *words, status=1)
    assert f"error[K005]: {said}" in output
    assert "Dockerfile:" in output
    assert "RUN touch" not in output


def test_what_is_in_no_image_or_no_secret_passes(yard: Yard, inside: Path) -> None:
    write(
        inside,
        "FROM alpine AS build\nARG API_TOKEN=abc12345\nENV DB_PASSWORD=x12345678\n"
        "RUN echo $API_TOKEN >/a\nFROM alpine\nCOPY --from=build /a /a\n"
        "ENV TOKEN= PASSWORD_FILE=/run/x AUTH=false CACHE_KEY=v1\n",
        whit_DOT_toml='[secrets.allow]\nCACHE_KEY = "a prefix of names in the cache"\n',
    )
    assert "K005" not in yard.build(inside)


def test_files_of_credentials_are_refused_where_copied_and_allowed_by_name(
    yard: Yard, inside: Path
) -> None:
    write(inside, "FROM scratch\nCOPY . /src/\n", _DOT_env="A=1\n", a__id_ed25519="key\n")
    (inside / ".env.example").write_text("A=\n")
    output = yard.build(inside, status=1)
    assert "error[K004]: a credential is in the image: 2 files" in output
    assert "/src/.env: variables of an environment" in output
    assert "/src/a/id_ed25519: an ssh key" in output
    assert yard.build(inside, status=1).count("K004") == output.count("K004")
    (inside / "whit.toml").write_text(
        '[secrets.allow]\n"/src/.env" = "ports only"\n"an ssh key" = "of a test"\n'
    )
    assert "K004" not in yard.build(inside)


def test_a_cache_for_others_takes_no_file_of_credentials(yard: Yard, inside: Path) -> None:
    write(
        inside,
        "FROM alpine AS build\nCOPY . /s/\nRUN cp /s/x /x\nFROM scratch\nCOPY --from=build /x /\n",
        x="1",
        _DOT_netrc="machine a\n",
    )
    yard.build(inside)
    output = yard.build(inside, "--cache-to", str(inside / "kept"), status=1)
    assert "a credential is in the cache that --cache-to would write: 1 file" in output
    assert "/s/.netrc: passwords of hosts" in output
    assert not (inside / "kept").exists()


def test_a_clone_is_refused_with_a_password_only(yard: Yard, inside: Path) -> None:
    write(inside, "FROM scratch\nCOPY . /src/\n")
    (inside / ".git").mkdir()
    config = inside / ".git/config"
    config.write_text('[remote "origin"]\n\turl = https://example.com/a.git\n')
    assert "warning: /src/.git/config" in yard.build(inside)
    config.write_text('[remote "origin"]\n\turl = https://me:word@example.com/a.git\n')
    assert "error[K004]" in yard.build(inside, status=1)


def test_what_an_image_brings_is_its_makers(yard: Yard, inside: Path) -> None:
    yard.add("keys:latest", **{".env": "A=1\n"})
    write(inside, "FROM keys\nCOPY --from=keys /.env /other/.env\n")
    assert "K004" not in yard.build(inside)


def test_what_a_run_leaves_is_a_warning(yard: Yard, inside: Path) -> None:
    write(inside, "FROM alpine\nRUN mkdir /w && echo A=1 >/w/.env\n")
    assert "warning: /w/.env: variables of an environment" in yard.build(inside)


def test_bytes_are_searched_before_an_image_goes_away(yard: Yard, inside: Path) -> None:
    write(inside, "FROM alpine\nCOPY notes /\n", notes=f"use {TOKEN} for it\n")
    yard.build(inside)
    output = yard.build(inside, "--to", f"oci:{inside}/out", status=1)
    assert "error[K004]" in output
    assert "a GitHub token" in output
    assert TOKEN not in output
    assert not (inside / "out").exists()
    write(inside, "FROM alpine\nENV NOTE=1\nCOPY Dockerfile /\n")
    assert "no credential in" in yard.build(inside, "--to", f"oci:{inside}/out")
