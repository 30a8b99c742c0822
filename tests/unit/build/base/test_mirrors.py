"""Where packages come from: what settings say, else what apt asks."""

from pathlib import Path

import pytest

from whit.build.base.mirrors import apt_proxy, sources_of
from whit.build.settings import BaseSettings
from whit.errors.bases import NoMirror

LINES = """\
# deb http://off.example/debian bookworm main
deb-src http://source.example/debian bookworm main
deb [arch=arm64 signed-by=/usr/share/keyrings/x.gpg] http://arm.example/debian bookworm main
deb [ signed-by=/etc/k.gpg arch=amd64,i386 ] http://pc.example/debian bookworm main contrib
deb https://other.example/tool stable main
deb http://pc.example/debian-security/ bookworm-security main # updates
deb http://old.example/debian bullseye main
"""
STANZAS = """\
Types: deb
URIs: http://disabled.example/debian
Suites: bookworm
Components: main
Enabled: no

# A comment
Types: deb deb-src
URIs: http://one.example/debian
 http://two.example/debian
Suites: trixie trixie-updates
Components: main
Architectures: amd64 riscv64
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQ==
 -----END PGP PUBLIC KEY BLOCK-----

Types: deb
URIs: http://safe.example/security
Suites: trixie-security
Components: main
"""


def urls(apt: Path, codename: str, machine: str = "amd64", **settings: object) -> dict[str, str]:
    found = sources_of(BaseSettings(**settings), codename, machine, "/home", str(apt))
    return {source.suite: source.url for source in found}


@pytest.fixture
def apt(tmp_path: Path) -> Path:
    (tmp_path / "sources.list").write_text(LINES)
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d/debian.sources").write_text(STANZAS)
    (tmp_path / "sources.list.d/notes.txt").write_text("deb http://no.example bookworm main\n")
    return tmp_path


def test_lines_of_apt_with_their_options(apt: Path):
    assert urls(apt, "bookworm") == {
        "bookworm": "http://pc.example/debian",
        "bookworm-updates": "http://pc.example/debian",
        "bookworm-security": "http://pc.example/debian-security",
    }
    assert urls(apt, "bookworm", "arm64")["bookworm"] == "http://arm.example/debian"


def test_stanzas_of_apt_and_the_release_that_is_meant(apt: Path):
    assert urls(apt, "trixie") == {
        "trixie": "http://one.example/debian",
        "trixie-updates": "http://one.example/debian",
        "trixie-security": "http://safe.example/security",
    }
    # A mirror of another release has this one too, more likely than none.
    assert urls(apt, "trixie", "arm64")["trixie"] == "http://arm.example/debian"


@pytest.mark.parametrize(
    ("mirror", "url"),
    [
        ("archive", "file:/home/archive"), ("/srv/archive/", "file:/srv/archive"),
        ("file:/srv/archive", "file:/srv/archive"), ("copy:/srv/a", "file:/srv/a"),
        ("https://m.example/debian/", "https://m.example/debian"),
    ],
)  # fmt: skip
def test_a_mirror_that_is_named(tmp_path: Path, mirror: str, url: str):
    assert urls(tmp_path, "bookworm", mirror=mirror, suites=()) == {"bookworm": url}


def test_no_mirror_and_a_wrong_one_are_refused(tmp_path: Path):
    with pytest.raises(NoMirror, match="this host's apt knows no mirror"):
        urls(tmp_path, "bookworm")
    with pytest.raises(NoMirror, match="is no mirror"):
        urls(tmp_path, "bookworm", mirror="ftp://m.example/debian")


def test_apts_proxy_may_differ_for_a_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    text = 'Acquire { http { Proxy "http://p.example:3128"; Proxy::near.example "DIRECT"; }; };\n'
    (tmp_path / "apt.conf").write_text(text)
    monkeypatch.setenv("APT_CONFIG", str(tmp_path / "apt.conf"))
    assert apt_proxy("http", "far.example") == "http://p.example:3128"
    assert apt_proxy("http", "near.example") == ""
