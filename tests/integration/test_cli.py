"""Whole commands, as a user types them: what they print, where, and how they end."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

WHIT = [sys.executable, "-m", "whit.cli.entry"]
HELLO = 'package main\n\nimport "fmt"\n\nfunc main() { fmt.Println("hello") }\n'
SERVER = """package main

import "net/http"

func main() { panic(http.ListenAndServe(":8080", nil)) }
"""
pytestmark = [pytest.mark.go]


def whit(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*WHIT, *words], cwd=cwd, env=dict(os.environ) | environment,
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


@pytest.fixture
def project(tmp_path: Path) -> Path:
    place = tmp_path / "app"
    write(place, "main.go", HELLO)
    write(place, "go.mod", "module example.com/app\n\ngo 1.21\n")
    return place


def write(place: Path, name: str, text: str) -> None:
    path = place / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def failure(done: subprocess.CompletedProcess[str], status: int) -> str:
    """The error text of a command that failed as it should: no traceback, nothing on stdout."""
    assert done.returncode == status, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert "error[" in done.stderr
    assert "hint: " in done.stderr
    return done.stderr


def test_a_build_prints_the_reference_and_nothing_else_on_stdout(project: Path):
    done = whit("build", ".", cwd=project)
    assert done.returncode == 0, done.stderr
    name, _, digest = done.stdout.strip().partition("@sha256:")
    assert name == "app:latest"
    assert len(digest) == 64
    assert "1 file" in done.stderr
    assert "stripping saved" in done.stderr
    again = whit("-q", "build", ".", cwd=project)
    assert (again.stdout, again.stderr) == (done.stdout, "")


def test_hello_is_the_binary_and_nothing_else(project: Path):
    document = json.loads(whit("build", ".", "--json", cwd=project).stdout)
    assert document["sizes"]["files"] == 1
    assert document["sizes"]["disk"] == document["sizes"]["binary"]
    assert [e["path"] for e in document["plan"]["entries"]] == ["/app"]


@pytest.mark.sandbox
def test_build_and_run_in_one_go(project: Path):
    done = whit("build", "--run", ".", cwd=project)
    assert (done.returncode, done.stdout) == (0, "hello\n")


@pytest.mark.sandbox
def test_the_programs_own_status_is_ours(project: Path):
    write(
        project,
        "main.go",
        'package main\n\nimport "os"\n\nfunc main() { os.Exit(len(os.Args)) }\n',
    )
    assert whit("build", ".", cwd=project).returncode == 0
    assert whit("run", "app", "a", "b", cwd=project).returncode == 3


@pytest.mark.sandbox
def test_a_smoke_run_that_fails_is_broken_and_not_published(project: Path):
    write(project, "main.go", 'package main\n\nfunc main() { panic("no") }\n')
    text = failure(whit("build", ".", "--smoke", "", cwd=project), 1)
    assert "panic: no" in text
    assert whit("images", "--json", cwd=project).stdout.count("sha256") == 0


@pytest.mark.sandbox
def test_a_smoke_run_proves(project: Path):
    document = json.loads(whit("build", ".", "--smoke", "", "--json", cwd=project).stdout)
    assert document["verdict"]["status"] == "proven"


@pytest.mark.sandbox
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_during_a_smoke_run_is_for_us(project: Path, number: signal.Signals):
    write(project, "main.go", 'package main\n\nimport "time"\n\nfunc main() { time.Sleep(1e12) }\n')
    assert whit("plan", ".", cwd=project).returncode == 0
    process = subprocess.Popen(
        [*WHIT, "build", ".", "--smoke", ""], cwd=project,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("  image "):
            break
    time.sleep(1)
    process.send_signal(number)
    out, words = process.communicate(timeout=20)
    assert (process.returncode, out) == (130, "")
    assert "interrupted" in words
    assert "error" not in words


@pytest.mark.sandbox
def test_a_server_proves_itself_by_serving(project: Path):
    write(project, "main.go", SERVER)
    done = whit("build", ".", "--smoke", "", "--json", cwd=project)
    verdict = json.loads(done.stdout)["verdict"]
    assert verdict["status"] == "proven"
    (seen,) = verdict["observed"]
    assert (seen["stillRan"], seen["ports"]) == (True, [8080])
    assert seen["seconds"] < 5
    assert "was still serving on port 8080" in done.stderr


def test_ten_builds_give_one_digest(project: Path, tmp_path: Path):
    digests = set()
    for number in range(10):
        os.utime(project / "main.go", (number, number))
        done = whit(
            "-q", "build", ".", cwd=project, TZ=f"UTC+{number}", LC_ALL="C",
            PYTHONHASHSEED=str(number), WHIT_STORE=str(tmp_path / f"store{number}"),
        )  # fmt: skip
        digests.add(done.stdout)
    assert len(digests) == 1
    assert "@sha256:" in digests.pop()


def test_two_builds_at_once_on_one_store(project: Path, tmp_path: Path):
    other = tmp_path / "other"
    write(other, "main.go", HELLO.replace("hello", "other"))
    write(other, "go.mod", "module example.com/other\n\ngo 1.21\n")
    running = [
        subprocess.Popen([*WHIT, "-q", "build", "."], cwd=place, stdout=subprocess.PIPE, text=True)
        for place in (project, other, project, other)
    ]
    outputs = {process.communicate(timeout=120)[0] for process in running}
    assert all(process.returncode == 0 for process in running)
    assert len(outputs) == 2
    names = {i["name"] for i in json.loads(whit("images", "--json", cwd=project).stdout)["images"]}
    assert names == {"app:latest", "other:latest"}
    assert whit("images", "--check", cwd=project).returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_build_that_is_stopped_leaves_a_usable_store_and_no_name(project: Path, number: int):
    for delay in (0.02, 0.1, 0.2, 0.4):
        process = subprocess.Popen(
            [*WHIT, "-q", "build", "."], cwd=project, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )  # fmt: skip
        time.sleep(delay)
        process.send_signal(number)
        process.communicate(timeout=60)
        listed = whit("images", "--json", cwd=project)
        assert listed.returncode == 0, listed.stderr
        assert whit("images", "--check", cwd=project).returncode == 0
    assert whit("build", ".", cwd=project).returncode == 0


def test_a_flipped_byte_is_found_and_said(project: Path):
    assert whit("build", ".", cwd=project).returncode == 0
    blobs = Path(os.environ["WHIT_STORE"], "blobs", "sha256")
    largest = max(blobs.iterdir(), key=lambda path: path.stat().st_size)
    largest.chmod(0o644)
    data = bytearray(largest.read_bytes())
    data[1000] ^= 1
    largest.write_bytes(data)
    done = whit("images", "--check", cwd=project)
    assert done.returncode == 1
    assert largest.name in done.stdout
    assert whit("build", ".", cwd=project).returncode == 0
    assert whit("images", "--check", cwd=project).returncode == 0


def test_declared_files_directories_and_environment(project: Path):
    write(project, "conf.json", "{}")
    write(project, "whit.toml", 'directories = ["/data"]\n[files]\n"/etc/app.json" = "conf.json"\n'
          '[image]\nports = ["8080/tcp"]\n[image.env]\nA = "1"\n')  # fmt: skip
    plan = json.loads(whit("plan", ".", "--json", cwd=project).stdout)
    assert {e["path"] for e in plan["entries"]} == {"/app", "/data", "/etc/app.json"}
    assert plan["config"]["env"] == {"A": "1"}
    assert plan["config"]["ports"] == ["8080/tcp"]


def test_files_and_directories_by_flags(project: Path):
    write(project, "etc/a.json", "{}")
    write(project, "etc/deep/b.json", "{}")
    (project / "etc/c.json").symlink_to("deep/b.json")
    words = ("--copy", "etc:/etc/app", "--copy", "etc/a.json:/a.json", "--directory", "/data")
    plan = json.loads(whit("plan", ".", *words, "--json", cwd=project).stdout)
    below = {"/etc/app/a.json", "/etc/app/c.json", "/etc/app/deep/b.json"}
    assert {e["path"] for e in plan["entries"]} == {"/app", "/data", "/a.json", *below}
    (project / "etc/out").symlink_to("/etc/hostname")
    done = whit("plan", ".", *words, cwd=project)
    assert done.returncode == 1
    said = done.stderr
    assert "outside of" in said
    (project / "etc/out").unlink()
    os.mkfifo(project / "etc/out")
    done = whit("plan", ".", *words, cwd=project)
    assert done.returncode == 1
    said = done.stderr
    assert "neither a file nor a directory" in said
    assert "write it as SRC:/PATH" in whit("plan", "--copy", "etc", cwd=project).stderr


def test_several_programs_cannot_be_run_at_once(project: Path):
    for name in ("one", "two"):
        write(project, f"cmd/{name}/main.go", "package main\n\nfunc main() {}\n")
    done = whit("build", "./cmd/...", "--run", cwd=project)
    assert done.returncode == 2
    said = done.stderr
    assert "--run runs one program, and 2 were built" in said
    assert "whit run one:latest" in said


def test_why_and_why_not(project: Path):
    assert "N001" in whit("plan", ".", "--why", "/app", cwd=project).stdout
    text = whit("plan", ".", "--why-not", "/etc/passwd", cwd=project).stdout
    assert "N030" in text
    assert "absent" in text
    text = whit("plan", ".", "--why-not", "/nowhere", cwd=project).stdout
    assert "no rule asks for /nowhere" in text


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["biuld"], 2, "did you mean 'build'"),
        (["push", "app:1"], 2, "`whit build --push"),
        (["pull", "app:1"], 2, "`whit copy REGISTRY"),
        (["logout"], 2, "`whit login --remove"),
        (["build", "-t", "x/{{.Name:1"], 1, "the image's name 'x/{{.Name:1'"),
        (["build", "-q"], 2, "it goes before the verb: `whit -q VERB`"),
        (["build", "--platfrom", "x"], 2, "--platform"),
        (["build", "--platform", "plan9/amd64"], 1, "linux/amd64"),
        (["build", "--to", "nowhere:x"], 1, "oci-archive"),
        (["build", "--tz", "Europe/Roma"], 1, "Europe/Rome"),
        (["build", "--need", "ca-root"], 1, "ca-roots"),
        (["build", "--ca-extra", "missing.pem"], 1, "missing.pem"),
        (["build", "--user", "somebody"], 1, "65532"),
        (["build", "--set", "go.stripp=all"], 1, "go.strip"),
        (["build", "./nowhere"], 1, "nowhere"),
        (["build", "-t", "UPPER"], 1, "lower case"),
        (["build", "--to", "oci:/proc/x"], 4, "/proc/x"),
        (["run", "nothing"], 1, "nothing"),
        (["explain", "N9"], 2, "whit explain"),
        (["images", "--remove"], 2, "names"),
    ],
)
def test_bad_words_are_told_with_what_would_be_right(
    project: Path, words: list[str], status: int, said: str
):
    assert said in failure(whit(*words, cwd=project), status)


def test_a_directory_without_go_files(tmp_path: Path):
    failure(whit("build", ".", cwd=tmp_path), 1)


def test_several_mains_and_none_chosen(project: Path):
    (project / "main.go").unlink()
    write(project, "cmd/a/main.go", HELLO)
    write(project, "cmd/b/main.go", HELLO)
    text = failure(whit("build", ".", cwd=project), 1)
    assert "./cmd/a" in text
    done = whit("build", "./cmd/...", cwd=project)
    assert done.returncode == 0, done.stderr
    assert [line.partition("@")[0] for line in done.stdout.split()] == ["a:latest", "b:latest"]


def test_compile_errors_pass_through(project: Path):
    write(project, "main.go", "package main\n\nfunc main() { undefined() }\n")
    assert "./main.go:3:15: undefined: undefined" in failure(whit("build", ".", cwd=project), 1)


def test_an_expired_ca_is_refused(project: Path):
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(tz=UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "old CA")])
    ca = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - timedelta(days=9)).not_valid_after(now - timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    (project / "old.pem").write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    text = failure(whit("build", "--ca-extra", "old.pem", ".", cwd=project), 1)
    assert "old CA expired" in text


def test_a_dynamic_program_without_its_libraries_is_refused(project: Path):
    done = whit("plan", sys.executable, cwd=project)
    assert "libc.so.6" in done.stdout
    (project / "empty").mkdir()
    text = failure(whit("build", sys.executable, "--set", "needs.sysroot=empty", cwd=project), 1)
    assert "libc.so.6" in text
    assert "N070" in text


def test_a_script_is_no_program(project: Path):
    write(project, "run.sh", "#!/bin/sh\n")
    assert "a script" in failure(whit("build", "./run.sh", cwd=project), 1)


@pytest.mark.docker
def test_docker_runs_what_was_printed(project: Path):
    done = whit("-q", "build", ".", "--to", "docker-daemon:whit-cli-test", cwd=project)
    assert done.returncode == 0, done.stderr
    ran = subprocess.run(["docker", "run", "--rm", done.stdout.strip()],
                         capture_output=True, text=True, check=False)  # fmt: skip
    subprocess.run(["docker", "rmi", "-f", "whit-cli-test"], capture_output=True, check=False)
    assert ran.stdout == "hello\n", ran.stderr
