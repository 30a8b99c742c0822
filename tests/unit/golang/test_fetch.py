from whit.golang.fetch import closed_environment
from whit.model.names import Platform
from whit.model.program import Recipe, Source
from whit.model.secret import Secret, Secrets

RECIPE = Recipe(Source("/src"), Platform("linux", "amd64"), ldflags=("-X main.v={{.Env.VERSION}}",))
SECRETS = Secrets([Secret("TOKEN", b"tk-91xQz04Lm")])


def closed(**user: str) -> dict[str, str]:
    user = {"HOME": "/home/user", "PATH": "/bin", "GOENV": "off", **user}
    return closed_environment(RECIPE, user, SECRETS, "/empty", "/cache/mod")


def test_a_compiler_knows_what_is_listed():
    env = closed(
        SSH_AUTH_SOCK="/s", GITHUB_TOKEN="x", GOAUTH="netrc", CC="gcc", GOFLAGS="-mod=mod",
        VERSION="1.2", AWS_SECRET_ACCESS_KEY="y", GOPRIVATE="example.test", GOOGLE_API_KEY="z",
        CGO_CFLAGS="-O1",
    )  # fmt: skip
    assert not {"SSH_AUTH_SOCK", "GITHUB_TOKEN", "GOAUTH", "AWS_SECRET_ACCESS_KEY"} & set(env)
    assert "GOOGLE_API_KEY" not in env
    assert env["CGO_CFLAGS"] == "-O1"
    assert env["HOME"] == "/empty"
    assert (env["GOPROXY"], env["GOMODCACHE"]) == ("off", "/cache/mod")
    assert (env["CC"], env["GOFLAGS"], env["VERSION"]) == ("gcc", "-mod=mod", "1.2")
    assert env["GOCACHE"] == "/home/user/.cache/go-build"


def test_a_value_stays_out_whatever_its_name():
    env = closed(VERSION="tk-91xQz04Lm", GOFLAGS="-ldflags=-X=main.t=tk-91xQz04Lm")
    assert "VERSION" not in env
    assert "tk-91xQz04Lm" not in " ".join(env.values())


def test_words_of_others_are_shown_without_secrets():
    netrc = Secret("netrc", b"machine git.test login robot password 0123456789abcdef")
    said = Secrets([netrc]).hidden(
        "fatal: https://robot:other-pass@git.test/x: password 0123456789abcdef is wrong"
    )
    assert said == "fatal: https://[hidden]@git.test/x: password [netrc] is wrong"


def test_hosts_are_no_secret():
    netrc = Secret("netrc", b"machine localhost:8443 login robot-name password 0123456789abcdef")
    url = Secret("git-credentials", b"https://robot:9f/87+65$43@git.example.test/")
    said = Secrets([netrc, url]).hidden(
        "reading https://localhost:8443/x of git.example.test: 0123456789abcdef, 9f/87+65$43"
    )
    assert said == (
        "reading https://localhost:8443/x of git.example.test: [netrc], [git-credentials]"
    )
