"""The closure against the real loader, and real programs run with their closure only."""

import http.server
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from certificates import make_certificates
from whit.bases.root import Root
from whit.binary.dynamic import read_dynamic
from whit.binary.elf import read_elf
from whit.needs.closure import Closure, start_of
from whit.needs.libraries import closure_of

WHIT = [sys.executable, "-m", "whit.cli.entry"]
# Programs of packages that every Debian has, or that this project's own tests install.
DEBIAN = (
    *("bash", "cat", "cp", "curl", "date", "dd", "df", "dpkg", "dpkg-deb", "expr", "find", "gawk"),
    *("git", "gpgv", "grep", "gzip", "ls", "mount", "openssl", "perl", "ps", "sed", "sort", "tar"),
    *("su", "login", "passwd", "runc", "crun", "skopeo", "buildah", "umoci", "dockerd", "docker"),
    *("jq", "sqlite3", "psql", "apt-get", "gcc", "ld", "as", "make", "ssh", "xz", "ip", "python3"),
)
pytestmark = pytest.mark.skipif(not shutil.which("ldd"), reason="no glibc here")


def whit(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*WHIT, *words], cwd=cwd, env=dict(os.environ) | environment,
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


def dynamic_programs() -> list[str]:
    found: dict[str, None] = {}
    for name in DEBIAN:
        path = shutil.which(name, path="/usr/bin:/usr/sbin:/bin:/sbin")
        if path:
            real = os.path.realpath(path)
            data = Path(real).read_bytes()
            if data[:4] == b"\x7fELF" and read_dynamic(read_elf(memoryview(data))).interpreter:
                found.setdefault(real)
    return list(found)


def closure(path: str, root: Root, **env: str) -> Closure:
    found = root.find(path)
    assert found is not None
    elf = read_elf(root.read(found))
    start = start_of(path, path, elf, read_dynamic(elf), env, is_beside=False)
    return closure_of(start, root)


def loaded_by_ldd(path: str, **env: str) -> list[str]:
    done = subprocess.run(
        ["ldd", path], capture_output=True, text=True, check=True, env=dict(os.environ) | env
    )
    lines = (re.match(r"\s+(\S+)(?: => (\S+))? \(0x", line) for line in done.stdout.splitlines())
    paths = [os.path.normpath(m[2] or m[1]) for m in lines if m]
    return [path for path in paths if not path.startswith("linux-")]


def test_the_loader_opens_what_the_closure_says_in_its_order():
    root = Root("/")
    programs = dynamic_programs()
    assert len(programs) >= 30
    for path in programs:
        found = closure(path, root)
        assert not found.missing
        theirs = loaded_by_ldd(path)
        # The kernel loads the loader first; ldd shows it where a library asks for it.
        ours = [known.path for known in found.libraries]
        loader = ours[0]
        assert sorted(ours) == sorted(theirs), path
        assert ours[1:] == [known for known in theirs if known != loader], path


def files_opened(path: str, *arguments: str, **env: str) -> list[str]:
    """What LD_DEBUG=libs says the running loader took."""
    done = subprocess.run(
        [path, *arguments], capture_output=True, text=True, check=False,
        env=dict(os.environ) | {"LD_DEBUG": "files"} | env,
    )  # fmt: skip
    # What comes later was opened by the program itself: curl --version lists SASL's plugins.
    before, started, _ = done.stderr.partition("initialize program")
    assert started
    return re.findall(r"calling init: (\S+)", before)


@pytest.mark.parametrize("name", ["curl", "git", "bash"])
def test_the_running_loader_agrees(name: str):
    path = os.path.realpath(shutil.which(name) or "")
    ours = {known.path for known in closure(path, Root("/")).libraries}
    opened = set(files_opened(path, "--version"))
    assert opened
    assert opened <= ours


LIBRARY_C = "int answer(void) { return ANSWER; }\n"
MAIN_C = """#include <stdio.h>
int answer(void);
int main(void) { printf("%d\\n", answer()); return 0; }
"""


def build_pair(place: Path, *flags: str, soname: str = "libanswer.so.1") -> Path:
    (place / "lib").mkdir(parents=True, exist_ok=True)
    (place / "lib.c").write_text(LIBRARY_C)
    (place / "main.c").write_text(MAIN_C)
    library = f"lib/{soname}"
    make = ["gcc", "-shared", "-fPIC", "-DANSWER=42", f"-Wl,-soname,{soname}", "lib.c"]
    subprocess.run([*make, "-o", library], cwd=place, check=True)
    link = ["gcc", "main.c", library, "-o", "app", *flags]
    subprocess.run(link, cwd=place, check=True)
    return place / "app"


@pytest.mark.gcc
@pytest.mark.sandbox
@pytest.mark.parametrize("tag", ["--enable-new-dtags", "--disable-new-dtags"])
def test_a_library_beside_the_program_moves_with_it(tmp_path: Path, tag: str):
    build_pair(tmp_path, f"-Wl,{tag},-rpath,$ORIGIN/lib")
    done = whit("build", "--run", "./app", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "42\n"), done.stderr


@pytest.mark.gcc
@pytest.mark.sandbox
def test_ld_library_path_of_the_image(tmp_path: Path):
    build_pair(tmp_path)
    missing = whit("build", "./app", cwd=tmp_path)
    assert missing.returncode == 1
    assert "libanswer.so.1  (wanted by /app: no directory" in missing.stderr
    place = str(tmp_path / "lib")
    done = whit(
        "build", "--run", "./app", "--set", f"image.env.LD_LIBRARY_PATH={place}", cwd=tmp_path
    )
    assert (done.returncode, done.stdout) == (0, "42\n"), done.stderr


@pytest.mark.gcc
@pytest.mark.sandbox
def test_a_sysroot_with_ld_so_conf_gives_the_image_a_cache(tmp_path: Path):
    """The library lies where only ld.so.conf leads; the image has no ldconfig to run."""
    build_pair(tmp_path)
    sysroot = tmp_path / "sysroot"
    for known in closure("/bin/ls", Root("/")).libraries:
        if known.path.rpartition("/")[2].startswith(("libc.so", "ld-linux")):
            target = sysroot / known.path[1:]
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(known.path, target)
    (sysroot / "opt/lib").mkdir(parents=True)
    shutil.copy(tmp_path / "lib/libanswer.so.1", sysroot / "opt/lib")
    (sysroot / "etc").mkdir()
    (sysroot / "etc/ld.so.conf").write_text("/opt/lib\n")
    done = whit("build", "--run", "./app", "--sysroot", "sysroot", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "42\n"), done.stderr
    plan = json.loads(whit("plan", "./app", "--sysroot", "sysroot", "--json", cwd=tmp_path).stdout)
    assert "/etc/ld.so.cache" in [entry["path"] for entry in plan["entries"]]


@pytest.mark.gcc
def test_a_newer_libc_than_there_is_is_named_with_its_symbol(tmp_path: Path):
    app = build_pair(tmp_path, "-Wl,-rpath,$ORIGIN/lib")
    data = app.read_bytes()
    wanted = re.search(rb"GLIBC_2\.34\0", data)
    assert wanted
    app.write_bytes(data.replace(b"GLIBC_2.34\0", b"GLIBC_2.99\0"))
    done = whit("plan", "./app", cwd=tmp_path)
    assert done.returncode == 1
    assert "GLIBC_2.99 of libc.so.6 (__libc_start_main)" in done.stderr
    assert "has up to GLIBC_2." in done.stderr


@pytest.mark.rust
@pytest.mark.sandbox
def test_a_rust_program_with_its_closure(tmp_path: Path):
    (tmp_path / "app.rs").write_text(
        "use std::net::ToSocketAddrs;\n"
        'fn main() { let a = ("127.0.0.1", 80).to_socket_addrs().unwrap().next();\n'
        '  std::thread::spawn(|| println!("rust")).join().unwrap(); assert!(a.is_some()); }\n'
    )
    subprocess.run(["rustc", "-O", "app.rs"], cwd=tmp_path, check=True)
    done = whit("build", "--run", "./app", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "rust\n"), done.stderr


# ---- curl over https ----------------------------------------------------------------------


@pytest.fixture
def https(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """A server on the loopback device whose certificate a private CA signed: (port, CA file)."""
    make_certificates(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "6")
            self.end_headers()
            self.wfile.write(b"signed")

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Answer)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_address[1], tmp_path / "ca.pem"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.sandbox
def test_curl_fetches_over_tls_from_its_closure_alone(tmp_path: Path, https: tuple[int, Path]):
    port, authority = https
    made = whit("build", "/usr/bin/curl", "--ca-extra", str(authority), "-t", "curl", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    url = f"https://localhost:{port}/"
    done = whit("run", "curl", "-sS", url, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "signed"), done.stderr
    # The same image without the private CA must refuse, or the success above says nothing.
    assert whit("build", "/usr/bin/curl", "-t", "other", cwd=tmp_path).returncode == 0
    refused = whit("run", "other", "-sS", url, cwd=tmp_path)
    assert refused.returncode == 60
    assert "certificate" in refused.stderr
