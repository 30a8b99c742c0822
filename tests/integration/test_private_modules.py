"""Modules that not everybody may read, by every way that Go knows to say who asks; and what the
fetch and the compile phase know and do of it.
"""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from private_git import USER, Host, make_library, make_program, private_git, private_proxy
from private_ssh import private_ssh
from registry_case import whit

TOKEN = "ghx-7Qm2_vTz0LkP9wYd4"
# What a linker that wants to know it learns, told in a file beside it.
SPY = """#!/bin/bash
case "$1 $2" in
*/link\\ -V=full) ;;
*/link\\ *)
  out="$(dirname "$0")/told"
  env | sort >"$out"
  for port in {ports}; do
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && echo "reached port $port" >>"$out"
  done
  find "$HOME" >>"$out"
  ;;
esac
exec "$@"
"""

pytestmark = pytest.mark.go


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return make_library(tmp_path / "git")


@pytest.fixture
def project(tmp_path: Path, library: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return make_program(tmp_path / "app", library, monkeypatch)


@contextmanager
def git_host(project: Path, library: Path) -> Iterator[Host]:
    with private_git(library.parents[2], library, TOKEN) as host:
        (project.parent / "home/.gitconfig").write_text(host.config)
        yield host


def script(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o755)
    return path


def spied_on(project: Path, monkeypatch: pytest.MonkeyPatch, *ports: str) -> None:
    spy = script(project.parent / "spy", SPY.replace("{ports}", " ".join(ports)))
    monkeypatch.setenv("GOFLAGS", f"-modcacherw -toolexec={spy}")
    monkeypatch.setenv("GOOGLE_API_KEY", "none of the compiler's business")


def built(project: Path, *words: str) -> str:
    """Denied without the words, made with them; the fetch leaves only the module cache behind,
    and the linker is told no secret, has no agent, no home and no network.
    """
    place = project.parent
    whit("build", cwd=project, status=1)
    before = files_of(place)
    _, said = whit("build", "-t", "app", *words, cwd=project)
    assert (
        "modules fetched with the credentials; compiled without them and without a network" in said
    )
    new = {path: data for path, data in files_of(place).items() if before.get(path) != data}
    told = new.pop("told").decode()
    left = ("gopath/pkg/mod/", "home/.config/go/telemetry/")  # Go counts its own calls
    assert [path for path in new if not path.startswith(left)] == []
    assert any(path.startswith("gopath/pkg/mod/cache/download/") for path in new)
    assert "reached" not in told
    variables = dict(line.split("=", 1) for line in told.splitlines() if "=" in line)
    assert variables["GOPROXY"] == "off"
    assert not {"SSH_AUTH_SOCK", "TOKEN", "MY_TOKEN", "GOOGLE_API_KEY"} & set(variables)
    # Go tells its defaults to its children.
    assert variables.get("GOAUTH", "netrc") == "netrc"
    assert "known" not in variables.get("GIT_SSH_COMMAND", "")
    assert told.splitlines()[-1] == variables["HOME"], "there is something in the home"
    secret = [TOKEN.encode(), base64.b64encode(f"{USER}:{TOKEN}".encode())]
    assert not [path for path, data in new.items() for one in secret if one in data]
    assert not [one for one in secret if one in told.encode() or one in said.encode()]
    return said


def files_of(place: Path) -> dict[str, bytes]:
    found = (path for path in place.rglob("*") if path.is_file() and not path.is_symlink())
    passing = ("git", "ssh", "proxy")  # the hosts' own
    named = ((str(path.relative_to(place)), path) for path in found)
    return {name: path.read_bytes() for name, path in named if name.split("/")[0] not in passing}


def test_git_credentials(project: Path, library: Path, monkeypatch: pytest.MonkeyPatch):
    """The file of `git credential-store`."""
    with git_host(project, library) as host:
        spied_on(project, monkeypatch, host.port)
        place = host.url.replace("://", f"://{USER}:{TOKEN}@")
        monkeypatch.setenv("MY_TOKEN", f"{place}\n")
        built(project, "--secret", "id=git-credentials,env=MY_TOKEN")
        assert host.served


def test_a_credential_helper(project: Path, library: Path, monkeypatch: pytest.MonkeyPatch):
    """The user's own, which reads the variable that the secret is."""
    with git_host(project, library) as host:
        spied_on(project, monkeypatch, host.port)
        helper = script(
            project.parent / "helper",
            f'#!/bin/sh\n[ "$TOKEN" ] && echo "username={USER}" && echo "password=$TOKEN"\n',
        )
        config = project.parent / "home/.gitconfig"
        config.write_text(f"{config.read_text()}[credential]\n  helper = {helper}\n")
        built(project, "--secret", f'id=TOKEN,"cmd=echo {TOKEN}"')
        assert host.served


def test_a_whole_gitconfig(project: Path, library: Path, monkeypatch: pytest.MonkeyPatch):
    with git_host(project, library) as host:
        spied_on(project, monkeypatch, host.port)
        coded = base64.b64encode(f"{USER}:{TOKEN}".encode()).decode()
        monkeypatch.setenv(
            "MY_TOKEN", f"{host.config}[http]\n  extraHeader = Authorization: Basic {coded}\n"
        )
        built(project, "--secret", "id=gitconfig,env=MY_TOKEN")
        assert host.served


GOAUTH = {
    "netrc": ("netrc", "netrc"),
    "git": ("git {home}", "git-credentials"),
    "command": ("{home}/goauth {word}", "TOKEN"),
}


@pytest.mark.parametrize("form", GOAUTH)
def test_a_private_proxy_by_goauth(form: str, project: Path, monkeypatch: pytest.MonkeyPatch):
    """The forms of `go help goauth`."""
    place = project.parent
    command, secret = GOAUTH[form]
    with private_proxy(place / "proxy", place / "developer/cache/download", TOKEN) as host:
        spied_on(project, monkeypatch, host.port)
        # Go trusts what this variable names.
        monkeypatch.setenv("SSL_CERT_FILE", str(host.authority))
        monkeypatch.setenv("GOPROXY", host.url)
        monkeypatch.setenv("GONOPROXY", "none")
        monkeypatch.setenv("GOAUTH", command.format(home=place / "home", word="word"))
        script(
            place / "home/goauth",
            '#!/bin/sh\n[ "$TOKEN" ] || exit 0\n'
            f'basic=$(printf "%s:%s" {USER} "$TOKEN" | base64)\n'
            f'printf "{host.url}\\n\\nAuthorization: Basic $basic\\n\\n"\n',
        )
        monkeypatch.setenv("MY_TOKEN", {
            "netrc": f"machine localhost:{host.port} login {USER} password {TOKEN}\n",
            "git-credentials": host.url.replace("://", f"://{USER}:{TOKEN}@") + "\n",
            "TOKEN": TOKEN,
        }[secret])  # fmt: skip
        built(project, "--secret", f"id={secret},env=MY_TOKEN")
        assert host.served


@pytest.mark.programs("sshd")
def test_an_ssh_agent(
    project: Path, library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with private_ssh(tmp_path / "ssh", library) as host:
        spied_on(project, monkeypatch, host.port)
        (tmp_path / "home/.gitconfig").write_text(
            f'[url "{host.url}"]\n  insteadOf = https://git.example.test/\n'
        )
        monkeypatch.setenv("GIT_SSH_COMMAND", host.command)
        built(project, "--ssh", f"default={host.agent}")
        assert "Accepted publickey" in host.log
        assert "user" in host.log


def test_what_the_sums_do_not_know_is_refused(project: Path, library: Path, tmp_path: Path):
    """A host that serves something else under the same version fills no cache."""
    sums = project / "go.sum"
    lines = sums.read_text().splitlines()
    other = base64.b64encode(bytes(32)).decode()
    sums.write_text("".join(f"{line.rpartition(':')[0]}:{other}\n" for line in lines))
    wrong = sums.read_text()
    with git_host(project, library):
        (tmp_path / "netrc").write_text(f"machine localhost login {USER} password {TOKEN}\n")
        words = ("build", "--secret", "id=netrc,src=../netrc")
        _, said = whit(*words, cwd=project, status=1)
    assert "checksum mismatch" in said
    assert sums.read_text() == wrong
