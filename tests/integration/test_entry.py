"""The entry programs, run: secrets, templates, waiting, probes, init, hostile environments."""

import http.server
import os
import platform
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry_case import whit
from whit.bases.entry import EntryPlan, entry_program
from whit.errors.request import NoEntryProgram

ENV = "/usr/bin/env"


def placed(place: Path, variant: str) -> Path:
    if platform.machine() != "x86_64":
        pytest.skip("the program for amd64 runs on amd64 only")
    program = place / variant
    program.write_bytes(entry_program("amd64", variant))
    program.chmod(0o755)
    return program


@pytest.fixture(params=["entry", "full"])
def entry(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    return placed(tmp_path, request.param)


@pytest.fixture
def full(tmp_path: Path) -> Path:
    return placed(tmp_path, "full")


def run(entry: Path, *words: str | bytes, **env: str | bytes) -> tuple[int, str, str]:
    done = subprocess.run(
        [entry, *words], env=env, capture_output=True, check=False, timeout=20, cwd=entry.parent
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode(errors="replace")


def test_a_file_becomes_a_variable(entry: Path):
    (entry.parent / "secret").write_bytes(b"two\nlines\r\n")
    status, out, _ = run(entry, "-f", "DB", "-r", "DB", "--", ENV, DB_FILE="secret", OTHER_FILE="x")
    assert status == 0
    assert out == "DB=two\nlines\nOTHER_FILE=x\n"


def test_arguments_are_expanded(entry: Path):
    words = ("a=${A}", "${NONE:-d}", "$A ${ }", "${", "${A", "${EMPTY:-e}", "$${A}", "${A:?x}")
    status, out, _ = run(entry, "-e", "--", "/bin/echo", *words, A="1", EMPTY="")
    assert (status, out) == (0, "a=1 d $A ${ } ${ ${A e ${A} ${A:?x}\n")


def test_everything_missing_is_listed_and_no_value_is(entry: Path):
    place = entry.parent
    (place / "empty").write_bytes(b"\n")
    (place / "zero").write_bytes(b"hidden\0value")
    (place / "large").write_bytes(b"v" * (1 << 20))
    os.mkfifo(place / "pipe")
    files = {"A_FILE": "no", "B_FILE": "empty", "C_FILE": "zero", "D_FILE": "large",
             "E_FILE": "pipe", "F_FILE": ".", "G_FILE": "empty", "G": "hidden"}  # fmt: skip
    asked = [word for name in "ABCDEFG" for word in ("-f", name)]
    status, out, said = run(entry, *asked, "-r", "X", "-r", "Y", "-e", "--", ENV, "${Z}", **files)
    assert (status, out) == (78, "")
    assert [line.split()[1].partition("_")[0].rstrip(":") for line in said.splitlines()] == list(
        "ABCDEFGXYZ"
    )
    assert "hidden" not in said


def test_the_longest_secret_that_linux_takes(entry: Path):
    (entry.parent / "secret").write_bytes(b"v" * ((128 << 10) - len("S=") - 1))
    status, _, said = run(entry, "-f", "S", "--", "/bin/true", S_FILE="secret")
    assert (status, said) == (0, "")
    (entry.parent / "secret").write_bytes(b"v" * ((128 << 10) - len("S=")))
    status, _, said = run(entry, "-f", "S", "--", "/bin/true", S_FILE="secret")
    assert (status, said) == (78, "entry: S_FILE is too large\n")


def test_as_a_shell_says_what_cannot_be_run(entry: Path):
    assert run(entry, "--", "/no/such")[0] == 127
    assert run(entry, "--", "/etc/passwd")[0] == 126
    assert run(entry)[0] == run(entry, "-x", "a", "--", ENV)[0] == run(entry, "-f")[0] == 78


LETTERS = b"AB_=${}:-\n/.%\xc3\xa9\x7f"
TEXTS = st.lists(st.sampled_from(LETTERS), max_size=300).map(bytes)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(words=st.lists(TEXTS, max_size=5), file=TEXTS, value=TEXTS, template=TEXTS)
def test_hostile_words_end_in_a_status(
    full: Path, words: list[bytes], file: bytes, value: bytes, template: bytes
):
    """Names, values and templates at random; only what was expected, or what is wrong, is said."""
    (full.parent / "t").write_bytes(template)
    status, _, said = run(
        full, "-e", "-f", "A", "-r", "B", "-t", "t", "o", "--", "/bin/true", *words,
        A_FILE=file, B=value, AB=value,
    )  # fmt: skip
    assert status in (0, 78)
    assert (status == 0) == (not said)


def test_a_hostile_environment_ends_in_a_status(entry: Path):
    """Thousands, without a name, without a value, twice, and more than there is room for."""
    dice = random.Random(11)
    blob = [bytes(dice.choices(range(1, 256), k=dice.randrange(60))) for _ in range(9000)]
    program = f"import os; os.execve({str(entry)!r}, ['entry', '-f', 'A', '--', '/bin/true'], {{}})"
    assert subprocess.run(["python3", "-c", program], check=False).returncode == 0
    many = {
        f"V{number}".encode() + text.replace(b"=", b""): text for number, text in enumerate(blob)
    }
    assert run(entry, "-r", "V", "--", "/bin/true", **{os.fsdecode(k): v for k, v in many.items()}
               )[0] == 78  # fmt: skip
    grown = ["${A}" * 1000] * 20
    assert run(entry, "-e", "--", "/bin/true", *grown, A="x" * 1000)[0] == 78
    # execve takes strings that no os.environ would hold; here through the C library.
    raw = (
        "import ctypes; c = ctypes.CDLL(None); s = ctypes.c_char_p\n"
        f"c.execve({str(entry).encode()!r},"
        " (s * 6)(b'e', b'-f', b'A', b'--', b'/usr/bin/env', None),"
        " (s * 7)(b'', b'=', b'A_FILE', b'A_FILE=/dev/null', b'A', b'A_FILE=/etc/hostname', None))"
    )
    done = subprocess.run(["python3", "-c", raw], check=False, capture_output=True)
    assert (done.returncode, done.stderr) == (78, b"entry: A_FILE is empty\n")
    raw = f"import ctypes; ctypes.CDLL(None).execve({str(entry).encode()!r}, None, None)"
    assert subprocess.run(["python3", "-c", raw], check=False, capture_output=True).returncode == 78


def test_templates_become_files(full: Path):
    place = full.parent
    (place / "t").write_text("user=${USER}\nlevel=${LEVEL:-info}\n$host $${STAYS} ${\n")
    words = ("-f", "PASS", "-t", "t", "o", "--", "/bin/cat", "o")
    status, out, _ = run(full, *words, USER="me")
    assert (status, out) == (0, "user=me\nlevel=info\n$host ${STAYS} ${\n")
    assert (place / "o").stat().st_mode & 0o777 == 0o600
    status, out, said = run(full, *words)
    assert (status, out) == (78, "")
    assert said == "entry: USER is used and not set\nentry: t: not rendered\n"
    # A link in the place of what is written is not followed, and nothing half is written.
    (place / "link").symlink_to(place / "victim")
    status, _, said = run(full, "-t", "t", "link", "-t", "t", "no/o", "--", ENV, USER="me")
    assert status == 78
    assert said.count("cannot be written by this user") == 2
    assert not (place / "victim").exists()


class Answering(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(204 if self.path == "/ok" and self.headers["Host"] else 503)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def web() -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def test_probes_ask_http_and_tcp(full: Path, web: int):
    for what in ("http://localhost:${P}/ok", "tcp://127.0.0.1:${P}", "file:/etc/passwd"):
        assert run(full, "-p", what, P=str(web)) == (0, "", "")
    for what, why in (
        (f"http://127.0.0.1:{web}/bad", " answers that it is not well"),
        ("tcp://127.0.0.1:1", " does not answer"),
        ("tcp://no.such.invalid:80", " does not answer"),
        ("tcp://[::1:80", ": no port"),
        ("tcp://x:99999", ": no port"),
        ("https://x/", ": no such kind of thing"),
        ("file:/no", " is not there"),
    ):
        assert run(full, "-s", "1", "-p", what) == (1, "", f"entry: {what}{why}\n")
    assert run(full, "-p", "http://${NONE}/")[0] == 1


def test_probes_ask_grpc(full: Path, web: int):
    import grpc
    from grpc_health.v1 import health, health_pb2, health_pb2_grpc

    server = grpc.server(futures.ThreadPoolExecutor(2))
    servicer = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    servicer.set("down", health_pb2.HealthCheckResponse.NOT_SERVING)
    try:
        assert run(full, "-p", f"grpc://localhost:{port}")[0] == 0
        assert "is not SERVING" in run(full, "-p", f"grpc://localhost:{port}/down")[2]
        status, _, said = run(full, "-p", f"grpc://localhost:{port}/unknown")
        assert (status, "SERVING" in said or "refuses" in said) == (1, True)
        assert run(full, "-s", "1", "-p", f"grpc://localhost:{web}")[0] == 1
    finally:
        server.stop(None)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 2", b"\0" * 9, b"\xff" * 9000,
                                    b"\0\0\7\0\0\0\0\0\1\0\0\0\0\2\x08\x02"])  # fmt: skip
def test_what_answers_nonsense_is_not_well(full: Path, answer: bytes):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def talk() -> None:
            for _ in range(2):
                one, _ = server.accept()
                with one:
                    one.recv(4096)
                    one.sendall(answer)

        threading.Thread(target=talk, daemon=True).start()
        for kind in ("http", "grpc"):
            assert run(full, "-s", "3", "-p", f"{kind}://127.0.0.1:{port}")[0] == 1


def test_it_waits_and_not_for_ever(full: Path):
    late = full.parent / "late"
    threading.Timer(0.5, late.touch).start()
    status, out, said = run(full, "-w", f"file:{late}", "--", "/bin/echo", "there")
    assert (status, out, said) == (0, "there\n", f"entry: waiting for file:{late}\n")
    status, _, said = run(full, "-s", "1", "-w", "tcp://127.0.0.1:${P}", "--", ENV, P="1")
    assert (status, said.splitlines()[-1]) == (75, "entry: tcp://127.0.0.1:${P} does not answer")
    # What is wrong already is not waited with, and a signal ends the waiting.
    assert run(full, "-r", "NONE", "-w", "file:/no", "--", ENV)[0] == 78
    with subprocess.Popen([full, "-w", "file:/no", "--", ENV], stderr=subprocess.PIPE) as waiting:
        assert waiting.stderr is not None
        waiting.stderr.readline()
        waiting.terminate()
        assert waiting.wait(10) == 128 + signal.SIGTERM


@pytest.mark.parametrize("variant", ["init", "full"])
def test_as_init_it_hands_on_signals_and_reaps(tmp_path: Path, variant: str):
    entry = placed(tmp_path, variant)
    assert run(entry, "-i", "--", "/bin/sh", "-c", "exit 7")[0] == 7
    assert run(entry, "-i", "--", "/bin/sh", "-c", "kill -9 $$")[0] == 137
    assert run(entry, "-i", "--", "/no/such")[0] == 127
    script = "trap 'echo got; exit 5' TERM; echo up; while :; do sleep 0.05; done"
    words = [entry, "-i", "--", "/bin/sh", "-c", script]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as init:
        assert init.stdout is not None
        init.stdout.readline()
        init.terminate()
        assert init.wait(10) == 5
        assert init.stdout.read() == b"got\n"
    # A grandchild that loses its parent becomes init's, and leaves no zombie.
    script = "(sleep 0.2 & echo $!) ; sleep 0.1; echo up; exec sleep 1000"
    words = [entry, "-i", "--", "/bin/sh", "-c", script]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as init:
        assert init.stdout is not None
        orphan = int(init.stdout.readline())
        init.stdout.readline()
        end = time.monotonic() + 10
        while Path(f"/proc/{orphan}").exists() and time.monotonic() < end:
            time.sleep(0.05)
        assert not Path(f"/proc/{orphan}").exists()
        init.send_signal(signal.SIGINT)
        assert init.wait(10) == 128 + signal.SIGINT


MACHINES = ["amd64", "arm", "arm64", "ppc64le", "riscv64", "s390x"]


@pytest.mark.parametrize("machine", MACHINES)
def test_it_is_there_for_every_machine_and_small(machine: str):
    for variant, most in (("entry", 2500), ("init", 3000), ("full", 10200)):
        data = entry_program(machine, variant)
        assert data.startswith(b"\x7fELF")
        assert len(data) <= most
    assert machine != "amd64" or len(entry_program(machine)) < 2100


EMULATORS = {"amd64": "x86_64", "arm64": "aarch64"}


@pytest.mark.programs(*(f"qemu-{EMULATORS.get(machine, machine)}-static" for machine in MACHINES))
@pytest.mark.parametrize("machine", MACHINES)
def test_every_machine_does_the_same(machine: str, tmp_path: Path):
    """What each says and becomes, by an emulator; the last program is this machine's own."""
    emulator = f"qemu-{EMULATORS.get(machine, machine)}-static"
    for variant in ("entry", "init", "full"):
        (tmp_path / variant).write_bytes(entry_program(machine, variant))
        (tmp_path / variant).chmod(0o755)
    (tmp_path / "secret").write_bytes(b"s3cr3t word\r\n")
    (tmp_path / "zero").write_bytes(b"a\0b")
    (tmp_path / "template").write_text("p=${PASSWORD} l=${LEVEL:-info} $${X} $host\n")

    def ran(variant: str, *words: str, **env: str) -> tuple[int, list[str]]:
        known = {name: value.replace("@", str(tmp_path)) for name, value in env.items()}
        done = subprocess.run(
            [emulator, tmp_path / variant, *words], env=known, cwd=tmp_path, text=True,
            capture_output=True, check=False, timeout=60,
        )  # fmt: skip
        return done.returncode, sorted((done.stdout + done.stderr).splitlines())

    given = {"PASSWORD_FILE": "@/secret", "A": "1"}
    env = ("--", "/usr/bin/env")
    for variant in ("entry", "init", "full"):
        is_init = () if variant == "entry" else ("-i",)
        words = (*is_init, "-f", "PASSWORD", "-r", "PASSWORD", "-e", *env, "B=${A}${NO:-x}$$")
        assert ran(variant, *words, **given) == (0, ["A=1", "B=1x$$", "PASSWORD=s3cr3t word"])
        words = ("-f", "PASSWORD", "-r", "B", "-r", "C", *env)
        assert ran(variant, *words, **given, B="") == (
            78, ["entry: B is required and not set", "entry: C is required and not set"],
        )  # fmt: skip
        broken = {"PASSWORD_FILE": "@/zero"}
        said = ["entry: PASSWORD_FILE has a zero byte"]
        assert ran(variant, "-f", "PASSWORD", *env, **broken) == (78, said)
        assert ran(variant, *env[:1], "/nowhere")[0] == 127
    out = str(tmp_path / "out")
    words = ("-f", "PASSWORD", "-t", "template", out, "-w", f"file:{tmp_path}/secret", *env)
    assert ran("full", *words, **given)[0] == 0
    assert Path(out).read_text() == "p=s3cr3t word l=info ${X} $host\n"
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert ran("full", "-s", "5", "-p", f"tcp://localhost:{port}")[0] == 0
    assert ran("full", "-s", "1", "-p", f"tcp://127.0.0.1:{port}")[0] == 1


def test_other_machines_have_none():
    with pytest.raises(NoEntryProgram):
        entry_program("loong64")


def test_the_command_can_be_read_again():
    plan = EntryPlan(
        files_of=("A", "B"), required=("C",), templates=(("/t", "/o"),),
        wait=("file:/x", "tcp://db:1"), wait_seconds=9, is_init=True, program=("/app", "--", "-f"),
    )  # fmt: skip
    assert EntryPlan.read(plan.command) == plan
    assert EntryPlan.read(("/app",)) is EntryPlan.read(("/.whit/entry", "-t")) is None


@pytest.mark.zig
def test_the_bytes_are_those_of_the_source():
    done = subprocess.run(
        [sys.executable, "tools/entry", "--check"], check=False, capture_output=True
    )
    assert done.returncode == 0, done.stderr


MAIN = """package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
)

func main() {
	config, _ := os.ReadFile("/run/app/config")
	fmt.Println(os.Getpid(), len(os.Getenv("DB_PASSWORD")), string(config), os.Args[1:])
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		listener, _ := net.Listen("tcp", ":"+os.Getenv("PORT"))
		http.Serve(listener, nil)
	}
}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "go.mod").write_text("module example.test/app\n\ngo 1.21\n")
    (tmp_path / "main.go").write_text(MAIN)
    tmp_path.chmod(0o755)
    return tmp_path


@pytest.mark.go
@pytest.mark.sandbox
def test_an_image_starts_by_it(project: Path):
    (project / "whit.toml").write_text(
        "[image]\nentry = true\n[config.DB_PASSWORD]\nrequired = true\nsecret = true\n"
    )
    secret = project / "password"
    secret.write_text("correct horse\n")
    secret.chmod(0o644)
    whit("build", "-t", "app:1", cwd=project)
    _, said = whit("run", "app:1", status=1)
    assert "DB_PASSWORD is required and not set" in said
    _, said = whit("run", "--unchecked", "app:1", status=78)
    assert "entry: DB_PASSWORD is required and not set" in said
    out, _ = whit(
        "run", "-v", f"{secret}:/run/secrets/db:ro", "-e", "DB_PASSWORD_FILE=/run/secrets/db",
        "app:1", "${HOME:-none}",
    )  # fmt: skip
    assert out.split()[1] == "13"
    # A secret by the variable's name needs no word more.
    for name in ("DB_PASSWORD", "db_password"):
        out, _ = whit("run", "--secret", f"id={name},src={secret}", "app:1", "x")
        assert out.split()[1] == "13"
    out, _ = whit("config", "show", "app:1")
    assert out.splitlines()[0].startswith("DB_PASSWORD  required secret")


@pytest.mark.go
@pytest.mark.sandbox
def test_an_image_renders_waits_and_asks_for_its_health(project: Path):
    (project / "config.tmpl").write_text("key=${API_KEY} level=${LEVEL:-info}")
    (project / "whit.toml").write_text(
        "[entry]\ninit = true\nwait = ['file:/run/secrets/api_key']\n"
        "health = 'http://127.0.0.1:${PORT:-8080}/'\n"
        "[entry.templates]\n'/run/app/config' = 'config.tmpl'\n"
    )
    whit("build", "-t", "app:1", cwd=project)
    out, _ = whit("config", "show", "app:1")
    assert "template: /run/app/config" in out
    _, said = whit("run", "app:1", status=1)
    assert "API_KEY is required and not set" in said
    (project / "key").write_text("s3cret-key-value")
    words = (
        "--secret",
        f"id=api_key,src={project}/key",
        "--read-only",
        "--tmpfs",
        "/run/app",
    )
    out, _ = whit("run", *words, "app:1")
    pid, _, *rest = out.split()
    assert pid != "1"
    assert rest == ["key=s3cret-key-value", "level=info", "[]"]
    out, _ = whit("copy", "app:1", "oci:out", cwd=project)
    documents = [p.read_bytes() for p in (project / "out/blobs/sha256").iterdir()]
    assert any(
        b'"Healthcheck":{"Test":["CMD","/.whit/entry","-s","5","-p","http://127.0.0.1:${PORT:-8080}/"]'
        in one for one in documents
    )  # fmt: skip


@pytest.mark.go
@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("health = 'https://x/'", "C012"),
        ("wait = ['exec:/app']", "C012"),
        ("wait = ['tcp://db']", "names no port"),
        ("[entry.templates]\n'/etc/app.conf' = 'main.go'", "C003"),
        ("[entry.templates]\n'relative' = 'main.go'", "C003"),
        ("[entry.templates]\n'/run/app/x' = 'none.tmpl'", "C003"),
        ("[entry.templates]\n'/run/app/x' = 'zero.tmpl'", "is no text"),
    ],
)
def test_what_cannot_be_done_is_refused_when_it_is_built(project: Path, said: str, message: str):
    (project / "zero.tmpl").write_bytes(b"a\0b")
    (project / "whit.toml").write_text(f"[entry]\n{said}\n")
    _, output = whit("build", ".", cwd=project, status=1)
    assert message in output


@pytest.mark.go
def test_what_nothing_asks_for_is_left_out(project: Path):
    (project / "main.go").write_text("package main\n\nfunc main() { println() }\n")
    (project / "whit.toml").write_text("[image]\nentry = true\n")
    out, said = whit("plan", ".", cwd=project)
    assert "/.whit/entry" not in out
    assert "no program starts before this one" in out + said


# In namespaces of its own: hosts and resolv.conf of the test's, a name server on loopback, and a
# port that only 127.0.0.2 has.
NAMES = """
import socket, struct, subprocess, sys, threading
entry, place = sys.argv[1:]
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
for name in ("hosts", "resolv.conf"):
    subprocess.run(["mount", "--bind", f"{place}/{name}", f"/etc/{name}"], check=True)
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 53))
web = socket.create_server(("127.0.0.2", 80))
asked = []

def answer():
    while True:
        question, client = server.recvfrom(512)
        name, at = [], 12
        while question[at]:
            name.append(question[at + 1 : at + 1 + question[at]].decode())
            at += 1 + question[at]
        kind = struct.unpack_from(">H", question, at + 1)[0]
        asked.append((".".join(name), kind))
        alias = b"\\xc0\\x0c\\0\\5\\0\\1\\0\\0\\0\\1\\0\\2\\xc0\\x0c"
        found = b"\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\1\\0\\4\\x7f\\0\\0\\2"
        is_it = name == ["db", "shop", "example"] and kind == 1
        flags = b"\\x81\\x80" if is_it or name[:1] == ["db"] else b"\\x81\\x83"
        head = question[:2] + flags + b"\\0\\1\\0" + bytes([2 * is_it]) + b"\\0\\0\\0\\0"
        body = question[12:] + (alias + found if is_it else b"")
        server.sendto(b"\\xff" * 30, client)
        server.sendto(head + body, client)

threading.Thread(target=answer, daemon=True).start()
for host in ("127.0.0.2", "alias", "db", "db.shop.example", "db.shop.example."):
    done = subprocess.run([entry, "-s", "5", "-p", f"tcp://{host}:80"])
    print(host, done.returncode)
print(subprocess.run([entry, "-s", "5", "-p", "tcp://other:80"], capture_output=True).returncode)
print(asked[0], ("other.shop.example", 28) in asked)
"""


@pytest.mark.sandbox
def test_names_are_found_in_hosts_and_by_dns(full: Path):
    place = full.parent
    (place / "hosts").write_text("127.0.0.1 localhost\n127.0.0.2\tsome alias # comment\n")
    (place / "resolv.conf").write_text(
        "; a comment\nnameserver\nnameserver 127.0.0.1\nsearch none.example shop.example\n"
        "options ndots:5\n"
    )
    (place / "script.py").write_text(NAMES)
    words = ["unshare", "-rmn", sys.executable, place / "script.py", full, place]
    done = subprocess.run(words, check=False, capture_output=True, text=True, timeout=60)
    assert done.stdout.split("\n") == [
        "127.0.0.2 0", "alias 0", "db 0", "db.shop.example 0", "db.shop.example. 0", "1",
        "('db.none.example', 1) True", "",
    ], done.stderr  # fmt: skip
