"""Every way that a secret is known to leak, planted; and what is told of each.

where it lies            what finds it
a file, encoded          K001, with the file and the encoding; so in archives and compressed data
config, annotations      K001, with the JSON pointer
the program              K001: linker flags, embedded files
a layer that another     K001: both layers leave
  one covers
an earlier stage         K001, where --cache-to would write it
files of credentials     K004, by their names
"""

import base64
import bz2
import gzip
import html
import io
import json
import lzma
import os
import subprocess
import tarfile
import urllib.parse
import zipfile
import zlib
from pathlib import Path

import pytest
import zstandard

from registry_case import whit

pytestmark = pytest.mark.go
SECRET = "p4ss/Word+9Kq&2<xZ"
RAW = f"connect with {SECRET} please".encode()


def archive(data: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        entry = tarfile.TarInfo("inner")
        entry.size = len(data)
        tar.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def zipped(data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("inner", data)
    return out.getvalue()


def wrapped(data: bytes, width: int) -> bytes:
    text = base64.b64encode(data)
    return b"\n".join(text[at : at + width] for at in range(0, len(text), width))


FILES = {
    "raw": RAW,
    "gzip": gzip.compress(RAW),
    "bzip2": bz2.compress(RAW),
    "xz": lzma.compress(RAW),
    "zstd": zstandard.compress(RAW),
    "zip": zipped(RAW),
    "tar-gz": archive(RAW),
    "gzip-in-xz": lzma.compress(gzip.compress(RAW)),
    "git-object": zlib.compress(b"blob %d\0" % len(RAW) + RAW),
    "base64-of-gzip": base64.b64encode(gzip.compress(RAW * 2)),
    "basic-auth": b"Authorization: Basic " + base64.b64encode(b"u:" + SECRET.encode()),
    "base64-twice": base64.b64encode(base64.b64encode(b"k=" + SECRET.encode())),
    "wrapped": wrapped(RAW * 3, 64),
    "utf-16": RAW.decode().encode("utf-16-le"),
    "percent": urllib.parse.quote(SECRET, safe="").encode(),
    "html": html.escape(SECRET).encode(),
    "json": json.dumps({"a": SECRET}).replace("&", "\\u0026").replace("<", "\\u003c").encode(),
    "hex": RAW.hex().encode(),
    "reversed": RAW[::-1],
    "shell": RAW.replace(b"&", b"\\&").replace(b"<", b"\\<"),
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "go.mod").write_text("module example.test/app\n\ngo 1.21\n")
    (tmp_path / "main.go").write_text(
        'package main\n\nimport _ "embed"\n\n//go:embed key.txt\nvar key string\n\n'
        "var Value string\n\nfunc main() { println(len(key), Value) }\n"
    )
    (tmp_path / "key.txt").write_text("nothing")
    monkeypatch.setenv("WHIT_TEST_LEAK", SECRET)
    return tmp_path


GIVEN = ("--secret", "id=known,env=WHIT_TEST_LEAK")


@pytest.mark.parametrize("half", [0, 1])
def test_files_in_every_encoding(project: Path, half: int):
    place = project / "planted"
    place.mkdir()
    # Half of them each time: not more than twenty places are told.
    chosen = dict(list(FILES.items())[half::2])
    for name, data in chosen.items():
        (place / name).write_bytes(b"\n" * 40 + data + b"\n" * 40)
    words = [word for name in chosen for word in ("--set", f"files./leak/{name}=planted/{name}")]
    _, said = whit("build", "-t", "app", *GIVEN, *words, ".", cwd=project, status=1)
    assert "error[K001]" in said
    found = {name for name in chosen if f" /leak/{name} at " in said}
    assert found == set(chosen)
    assert SECRET not in said


def test_config_annotations_and_the_program(project: Path):
    (project / "key.txt").write_text(SECRET)
    encoded = base64.b64encode(SECRET.encode()).decode()
    _, said = whit(
        "build", "-t", "app", *GIVEN, "--set", f"image.labels.a={SECRET}",
        "--set", f"image.annotations.b={encoded}", "--set", f"image.env.GREETING={SECRET}",
        "--set", f"image.cmd=--password={SECRET}", "--ldflags", f"-X main.Value={encoded}",
        ".", cwd=project, status=1,
    )  # fmt: skip
    places = (
        "config /config/Labels/a", "config /config/Env/0", "config /config/Cmd/0",
        "manifest /annotations/b", " /app at ",
    )  # fmt: skip
    assert [place for place in places if place not in said] == []
    assert ": raw" in said
    assert ": base64" in said
    assert SECRET not in said
    assert encoded not in said


def test_layers_that_another_covers_and_stages_that_stay_behind(project: Path):
    (project / "secret").write_text(SECRET)
    (project / "other").write_text("nothing")
    words = ("build", "-f", "Dockerfile", "-t", "app", *GIVEN)
    (project / "Dockerfile").write_text("FROM scratch\nCOPY secret /x\nCOPY other /x\n")
    _, said = whit(*words, ".", cwd=project, status=1)
    assert "known: sha256:" in said
    assert " /x at 0: raw" in said
    (project / "Dockerfile").write_text("FROM scratch\nARG T\nENV G=$T\nCOPY other /x\n")
    _, said = whit(*words, "--build-arg", f"T={SECRET}", ".", cwd=project, status=1)
    assert "config /config/Env" in said
    (project / "Dockerfile").write_text(
        "FROM scratch AS one\nCOPY secret other /\nFROM scratch\nCOPY --from=one /other /x\n"
    )
    whit(*words, ".", cwd=project)
    _, said = whit(*words, "--cache-to", "cache", ".", cwd=project, status=1)
    assert "in the cache that --cache-to would write" in said
    assert " /secret at 0: raw" in said
    assert not (project / "cache").exists()


NAMED = (".git/config", ".env", ".netrc", "id_ed25519", ".docker/config.json", ".kube/config")


def test_files_that_keep_credentials_are_known_by_their_names(project: Path):
    (project / "plain").write_text("nothing")
    words = [word for name in NAMED for word in ("--set", f"files./srv/{name}=plain")]
    _, said = whit("build", "-t", "app", *words, ".", cwd=project, status=1)
    assert "error[K004]" in said
    assert [name for name in NAMED if f"/srv/{name}: " not in said] == []


def test_secrets_that_cannot_be_had_are_errors_and_none_is_shown(tmp_path: Path, project: Path):
    """Missing, empty, a FIFO, a directory, too large, unreadable by form."""
    (tmp_path / "empty").write_text(" \n")
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "large").write_bytes(b"x" * ((1 << 20) + 1))
    cases = {
        "src=missing": "No such file", "src=empty": "is empty", "src=fifo": "no regular file",
        "src=.": "no regular file", "src=large": "larger than 1 MiB", "env=NOT_THERE": "is not set",
        "cmd=false": "ended with 1", "cmd=no-such-program": "there is no program no-such-program",
        "src=a,env=b": "two sources",
    }  # fmt: skip
    for words, why in cases.items():
        _, said = whit("build", "--secret", f"id=s,{words}", ".", cwd=project, status=1)
        assert why in said, words
        assert "error[K002]" in said
    # A binary one of 1 MiB is looked for by its parts, and a link is followed: it is the user's.
    (tmp_path / "binary").write_bytes(os.urandom(1 << 20))
    (tmp_path / "link").symlink_to(tmp_path / "binary")
    (project / "key.txt").write_bytes((tmp_path / "binary").read_bytes()[5000:900000])
    _, said = whit("build", "--secret", "id=s,src=link", ".", cwd=project, status=1)
    assert "s: sha256:" in said
    assert "(a part of" in said


@pytest.mark.parametrize("value", ["short", "aaaaaaaaaaaa", "password1"])
def test_what_cannot_be_proven_is_said(project: Path, monkeypatch: pytest.MonkeyPatch, value: str):
    monkeypatch.setenv("WHIT_TEST_LEAK", value)
    _, said = whit("build", *GIVEN, ".", cwd=project)
    assert "secret known is searched for, but finding none proves nothing" in said


def test_an_unreadable_secret_is_an_error(project: Path):
    """As another user, whom the file is none of the business of."""
    if os.getuid() != 0:
        pytest.skip("only root can become another user")
    (project / "mine").write_text(SECRET)
    (project / "mine").chmod(0o600)
    script = (
        "import os, typing, csv, shlex; from whit.build.secrets import read_secrets\n"
        "from whit.errors.secrets import BadSecret\nos.setuid(65534)\n"
        f"try: read_secrets(['id=s,src=mine'], {{}}, {str(project)!r})\n"
        "except BadSecret as error: print(error)\n"
    )
    for place in (project, *project.parents):
        if str(place).startswith("/tmp/"):
            place.chmod(0o755)
    done = subprocess.run(
        [os.sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert "Permission denied" in done.stdout, done.stderr
    assert SECRET not in done.stdout
