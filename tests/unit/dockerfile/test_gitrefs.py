import pytest

from whit.dockerfile.gitrefs import GitRef, is_remote, parse_git_ref
from whit.errors.dockerfile import RefusedInstruction

HTTPS = "https://host.test/team/app.git"


@pytest.mark.parametrize(
    ("text", "ref"),
    [
        (HTTPS, GitRef(HTTPS)),
        (f"{HTTPS}#v1", GitRef(HTTPS, "v1")),
        (f"{HTTPS}#v1:cmd/../x/", GitRef(HTTPS, "v1", "x")),
        (f"{HTTPS}#:sub", GitRef(HTTPS, "", "sub")),
        (f"{HTTPS}#main:../../etc", GitRef(HTTPS, "main", "etc")),
        (f"{HTTPS}?tag=v1&subdir=a/b", GitRef(HTTPS, "refs/tags/v1", "a/b")),
        (f"{HTTPS}?branch=x&commit=0123456", GitRef(HTTPS, "refs/heads/x", checksum="0123456")),
        (f"{HTTPS}?keep-git-dir&submodules=false",
         GitRef(HTTPS, keeps_git=True, has_submodules=False)),
        ("git@host.test:team/app#main", GitRef("git@host.test:team/app", "main")),
        ("git://host.test/app", GitRef("git://host.test/app")),
        ("ssh://git@host.test/app.git", GitRef("ssh://git@host.test/app.git")),
    ],
)  # fmt: skip
def test_repositories(text: str, ref: GitRef) -> None:
    assert parse_git_ref(text) == ref
    assert is_remote(text)


@pytest.mark.parametrize(
    "text",
    ["a.git", "./x.git", "github.com/team/app", "file:///x.git", "ext::sh -c id", "a:b",
     "-oProxyCommand=x@host:y", "git@-oX:y", "ssh://-oX/y", "https://host.test/file.tgz"],
)  # fmt: skip
def test_no_repositories(text: str) -> None:
    assert parse_git_ref(text) is None
    assert is_remote(text) is text.startswith("https://")


@pytest.mark.parametrize(
    "end",
    ["?x=1", "?ref=a&ref=b", "?ref=", "?checksum=xyz", "?submodules=perhaps", "#a?b", "#-u",
     "#a b", "?ref=a#b", "?subdir=a#r:b", "#a..b", "#a^b"],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(end: str) -> None:
    with pytest.raises(RefusedInstruction):
        parse_git_ref(HTTPS + end)


def test_the_host_is_whom_a_token_is_for() -> None:
    assert GitRef("https://u@host.test:8443/x.git").host == "host.test"
    assert GitRef("git@host.test:x").host == "host.test"
