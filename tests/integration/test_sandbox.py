"""Real containers: what a program sees, what it may do, and that nothing stays behind."""

import io
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import pytest

from integration.sandbox_case import Box
from whit.errors.sandbox import CannotStart, PortTaken, RuntimeFailed, UnknownUser
from whit.sandbox.container import run_image
from whit.sandbox.host import find_program
from whit.sandbox.runtime import Capture
from whit.sandbox.spec import Limits, Mount, Network, Port, RunRequest

pytestmark = [pytest.mark.sandbox, pytest.mark.go]

RUNNER = """
import io, sys
from pathlib import Path
from whit.sandbox.container import run_image
from whit.sandbox.spec import RunRequest
layer = Path(sys.argv[1]).read_bytes()
outcome = run_image(
    [lambda: io.BytesIO(layer)], RunRequest(args=tuple(sys.argv[3:])), Path(sys.argv[2])
)
sys.exit(outcome.status)
"""


@pytest.fixture(scope="module", params=["", "runc"], ids=["best", "runc"])
def box(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Box:
    """With the runtime that whit finds best here, and with runc, the slower one that always was."""
    if request.param and not find_program(request.param):
        pytest.skip(f"no {request.param}")
    return Box(tmp_path_factory.mktemp("sandbox"), request.param)


@pytest.fixture(autouse=True)
def nothing_stays(box: Box):
    yield
    assert box.leftovers() == []


def start(box: Box, *words: str) -> subprocess.Popen[str]:
    """Another process that runs the program with inherited streams."""
    layer = box.place / "layer.tar"
    layer.write_bytes(box.layer)
    return subprocess.Popen(
        [sys.executable, "-c", RUNNER, str(layer), str(box.cache), box.name, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline()


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    out, _ = process.communicate(timeout=20)
    return process.returncode, out


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def fetch(port: int, wait_seconds: float = 10) -> str:
    end = time.monotonic() + wait_seconds
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/x", timeout=5) as answer:
                return answer.read().decode()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)


def test_output_and_status_are_the_programs_own(box: Box) -> None:
    hello = box.run()
    assert (hello.status, hello.output) == (0, b"hello\n")
    assert box.run("exit", "7").status == 7
    assert box.run("exit", "1").status == 1
    assert box.run("exit", "255").status == 255


def test_user_by_number_name_and_out_of_range(box: Box) -> None:
    def seen(user: str, **options: object) -> list[str]:
        return box.run("id", user=user, **options).output.decode().split()

    assert seen("") == ["0", "0", "[]", "/", "whit", "1"]
    assert seen("nonroot", working_dir="/home/nonroot") == [
        *("65532", "65532", "[700]", "/home/nonroot", "whit", "1")
    ]
    assert seen("1000700000:0", hostname="pod")[:2] == ["1000700000", "0"]
    assert seen("1000700000:0", hostname="pod")[4] == "pod"
    with pytest.raises(UnknownUser, match="no user named 'web'"):
        box.run("id", user="web")


def test_owners_and_modes_hold(box: Box) -> None:
    own = "/home/nonroot/own"
    assert box.run("cat", own, user="65532:65532").output == b"mine\n"
    refused = box.run("cat", "/rootonly", user="65532:65532")
    assert (refused.status, b"permission denied" in refused.output) == (3, True)
    assert box.run("cat", own, user="1000:1000").status == 3
    assert box.run("write", "/tmp/x", user="4711:4711").status == 0
    assert box.run("write", "/x", user="4711:4711").status == 3


def test_a_run_does_not_change_the_next(box: Box) -> None:
    assert box.run("write", "/tmp/mark").status == 0
    assert box.run("cat", "/tmp/mark").status == 3


def test_read_only_but_for_tmpfs(box: Box) -> None:
    refused = box.run("write", "/tmp/x", read_only=True)
    assert (refused.status, b"read-only file system" in refused.output) == (3, True)
    assert box.run("write", "/tmp/x", read_only=True, tmpfs=("/tmp",)).status == 0


def test_environment(box: Box) -> None:
    env = (("A", "1"), ("A", "2"), ("EMPTY", ""), ("SPACED", "a b=c"))
    lines = box.run("env", user="nonroot", env=env).output.decode().splitlines()
    assert {"A=2", "EMPTY=", "SPACED=a b=c", "HOME=/home/nonroot", "HOSTNAME=whit"} <= set(lines)
    assert "A=1" not in lines
    assert any(line.startswith("PATH=/usr/local/sbin:") for line in lines)
    assert not any(line.startswith("WHIT_") for line in lines)


def test_mounts(box: Box, tmp_path: Path) -> None:
    (tmp_path / "given").write_text("from outside\n")
    tmp_path.chmod(0o777)
    read_only = (Mount(str(tmp_path), "/data", read_only=True),)
    assert box.run("cat", "/data/given", mounts=read_only).output == b"from outside\n"
    assert box.run("write", "/data/new", mounts=read_only).status == 3
    assert box.run("write", "/data/new", mounts=(Mount(str(tmp_path), "/data"),)).status == 0
    assert (tmp_path / "new").read_text() == "written\n"


def test_confinement(box: Box) -> None:
    status = box.run("cat", "/proc/self/status").output.decode()
    assert "CapEff:\t00000000a80425fb" in status  # docker's fourteen
    other = box.run("cat", "/proc/self/status", user="65532").output.decode()
    assert "CapEff:\t0000000000000000" in other
    assert "NoNewPrivs:\t1" in other
    assert box.run("cat", "/proc/interrupts").output == b""
    assert box.run("write", "/proc/sys/kernel/hostname").status == 3
    mounts = box.run("cat", "/proc/self/mounts").output.decode()
    assert {"/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue", "/sys"} <= {
        line.split()[1] for line in mounts.splitlines()
    }


def test_files_that_every_engine_mounts(box: Box) -> None:
    names = ("/etc/hosts", "/etc/hostname", "/etc/resolv.conf")
    shown = box.run("cat", *names, network=Network.NONE, hostname="pod").output.decode()
    assert "127.0.0.1\tlocalhost" in shown
    assert "\npod\n" in shown
    assert Path("/etc/resolv.conf").read_text().strip() in shown


def test_output_is_bounded(box: Box) -> None:
    outcome = box.run("flood", capture=Capture(5000))
    assert (outcome.status, len(outcome.output)) == (0, 5000)
    assert outcome.dropped_bytes == 4096 * 1024 - 5000


def test_a_limit_of_time_kills(box: Box) -> None:
    outcome = box.run("sleep", limits=Limits(seconds=0.5))
    assert (outcome.status, outcome.timed_out) == (137, True)
    assert outcome.output == b"sleeping\n"
    assert outcome.seconds < 3


def test_networks(box: Box) -> None:
    port = free_port()
    server = threading.Thread(target=box.run, args=("serve", str(port)))
    server.start()
    outside = {"network": Network.HOST}
    assert fetch(port) == "served /x\n"
    assert box.run("dial", f"127.0.0.1:{port}", **outside).output == b"connected\n"
    assert box.run("dial", f"127.0.0.1:{port}", network=Network.NONE).status == 3
    for number in box.processes():
        os.kill(number, signal.SIGKILL)
    server.join(10)
    assert not server.is_alive()


@pytest.mark.parametrize("network", [Network.PRIVATE, Network.HOST])
def test_published_port(box: Box, network: Network) -> None:
    outer, inner = free_port(), free_port()
    done = []

    def serve() -> None:
        limits = Limits(seconds=3)
        ports = (Port(outer, inner, "127.0.0.1"),)
        words = ("serve", str(inner))
        done.append(box.run(*words, user="65532", network=network, ports=ports, limits=limits))

    thread = threading.Thread(target=serve)
    thread.start()
    assert [fetch(outer) for _ in range(5)] == ["served /x\n"] * 5
    if network is Network.PRIVATE:
        with pytest.raises(OSError, match="refused"):
            fetch(inner, wait_seconds=0)
    thread.join(15)
    assert [outcome.status for outcome in done] == [137]


def test_low_port_without_root_in_a_private_network(box: Box) -> None:
    limits = Limits(seconds=0.7)
    outcome = box.run("serve", "80", user="65532", network=Network.PRIVATE, limits=limits)
    assert outcome.output == b"ready\n"


def test_port_taken(box: Box) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PortTaken, match=f"127.0.0.1:{port}"):
            box.run(network=Network.PRIVATE, ports=(Port(port, 80, "127.0.0.1"),))


def test_standard_input_is_piped(box: Box) -> None:
    process = start(box, "echo")
    out, _ = process.communicate("words\n", timeout=20)
    assert (process.returncode, out) == (0, "heard 6 bytes: words\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_reach_the_program_once(box: Box, number: signal.Signals) -> None:
    process = start(box, "listen")
    assert first_line(process) == "ready\n"
    process.send_signal(signal.SIGUSR1)
    assert first_line(process) == "got user defined signal 1\n"
    process.send_signal(signal.SIGHUP)
    assert first_line(process) == "got hangup\n"
    process.send_signal(number)
    word = {signal.SIGTERM: "terminated", signal.SIGINT: "interrupt"}[number]
    assert finish(process) == (0, f"got {word}\n")


def test_a_program_that_is_killed_gives_128_and_the_signal(box: Box) -> None:
    process = start(box, "sleep")
    assert first_line(process) == "sleeping\n"
    for number in box.processes():
        os.kill(number, signal.SIGKILL)
    assert finish(process)[0] == 137


def test_third_signal_kills_a_deaf_program(box: Box) -> None:
    process = start(box, "deaf")
    assert first_line(process) == "deaf\n"
    for _ in range(3):
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        time.sleep(0.1)
    assert finish(process) == (137, "")


def test_nothing_survives_our_own_sudden_death(box: Box) -> None:
    process = start(box, "sleep")
    assert first_line(process) == "sleeping\n"
    process.kill()
    process.wait()
    end = time.monotonic() + 5
    while box.leftovers() and time.monotonic() < end:
        time.sleep(0.05)
    finish(process)


@pytest.mark.parametrize("delay_seconds", [0.0, 0.05, 0.09, 0.11, 0.13, 0.15, 0.2])
def test_sudden_death_at_any_moment(box: Box, delay_seconds: float) -> None:
    process = start(box, "sleep")
    time.sleep(delay_seconds)
    process.kill()
    process.wait()
    end = time.monotonic() + 3
    while box.leftovers() and time.monotonic() < end:
        time.sleep(0.05)
    left = box.leftovers()
    finish(process)
    # Killed while unpacking, a directory stays for the next run to sweep; nothing runs.
    assert [line for line in left if not line.startswith("directory")] == []
    box.forget_kept()


def test_a_program_that_is_not_there(box: Box) -> None:
    with pytest.raises(CannotStart, match="/nope could not be started") as caught:
        run_image(
            [lambda: io.BytesIO(box.layer)], RunRequest(args=("/nope",)), box.cache, Capture(99)
        )
    assert "run --bundle" in (caught.value.hint or "")
    assert "no such file" in (caught.value.output or "").lower()
    assert len(list((box.cache / "run").glob("*/kept"))) == 1
    replay = (caught.value.hint or "").rpartition("replays it: ")[2]
    again = subprocess.run(replay, shell=True, capture_output=True, check=False, text=True)
    assert again.returncode
    assert "no such file" in again.stderr.lower()
    box.forget_kept()


def test_a_mount_that_is_not_there(box: Box, tmp_path: Path) -> None:
    with pytest.raises(RuntimeFailed, match="could not make the container"):
        box.run(mounts=(Mount(str(tmp_path / "gone"), "/data"),))
    box.forget_kept()
