"""The early start: taken only when it is what would be started now, ended otherwise."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from whit.golang.headstart import HeadStart, start
from whit.golang.places import open_locked
from whit.golang.process import Running

WORDS = ["build", "."]
Command = list[str]
Begin = Callable[..., tuple[HeadStart, Command, dict[str, str]]]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WHIT_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "out"
    (root / "bin").mkdir(parents=True)
    return root


@pytest.fixture
def begin(place: Path) -> Iterator[Begin]:
    """Begin as a build with WORDS does whose last one ran this command with these changes."""
    begun: list[HeadStart] = []

    def learn(script: str, **changes: str) -> tuple[HeadStart, Command, dict[str, str]]:
        command, environment = ["/bin/sh", "-c", script], {**os.environ, **changes}
        start(WORDS).remember(str(place), command, environment, "")
        begun.append(start(WORDS))
        return begun[-1], command, environment

    yield learn
    for one in begun:
        one.drop()


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def is_free(place: Path) -> bool:
    try:
        os.close(open_locked(str(place), waits=False)[0])
    except BlockingIOError:
        return False
    return True


def test_what_ran_last_time_runs_at_once_and_is_taken(begin: Begin, place: Path, tmp_path: Path):
    witness = tmp_path / "started"
    head, command, environment = begin(f"echo x >> {witness}; echo $GREETING", GREETING="hello")
    locked = head.take_place(str(place))
    assert locked is not None
    assert not is_free(place)
    started = head.take(command, environment, "")
    assert started is not None
    outcome = Running(command, environment, "", locked[0], started).wait()
    assert outcome.output == "hello\n"
    assert witness.read_text() == "x\n"  # once, not twice
    assert head.begun is None
    os.close(locked[0])
    assert is_free(place)


@pytest.mark.parametrize("other", ["command", "environment", "directory", "place"])
def test_anything_else_ends_it(begin: Begin, place: Path, tmp_path: Path, other: str):
    head, command, environment = begin("exec sleep 60")
    assert head.begun is not None
    group = head.begun.spawned.group
    assert is_alive(group)
    locked = head.take_place(str(tmp_path if other == "place" else place))
    assert (locked is None) is (other == "place")
    command = ["/bin/true"] if other == "command" else command
    environment |= {"GOFLAGS": "-tags=other"} if other == "environment" else {}
    assert head.take(command, environment, "/" if other == "directory" else "") is None
    assert not is_alive(group)
    if locked:
        os.close(locked[0])
    assert is_free(place)


def test_nobody_takes_it_and_it_ends(begin: Begin, place: Path):
    head, _, _ = begin("exec sleep 60")
    assert head.begun is not None
    group = head.begun.spawned.group
    head.drop()
    assert not is_alive(group)
    assert is_free(place)


def test_another_build_at_the_place_is_not_disturbed(begin: Begin, place: Path):
    lock, _ = open_locked(str(place), waits=True)
    head, _, _ = begin("exec sleep 60")
    assert head.begun is None
    os.close(lock)


def test_other_words_or_another_directory_start_nothing(
    begin: Begin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    begin("exec sleep 60")[0].drop()
    assert start(["build", "./cmd"]).begun is None
    monkeypatch.chdir(tmp_path)
    assert start(WORDS).begun is None


@pytest.mark.parametrize("words", [["build", "--set", "go.env.A=b"], ["run", "-eA=b", "x"]])
def test_words_that_may_hold_a_secret_leave_nothing(place: Path, tmp_path: Path, words: list[str]):
    start(words).remember(str(place), ["/bin/true"], os.environ, "")
    assert not (tmp_path / "cache").exists()


def test_the_record_holds_changes_and_not_the_environment(
    begin: Begin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("TOKEN", "s3cret-value")
    begin("true", GOOS="linux")
    (record,) = (tmp_path / "cache/start").iterdir()
    assert b"GOOS=linux" in record.read_bytes()
    assert b"s3cret-value" not in record.read_bytes()


@pytest.mark.parametrize(
    "damage", [b"", b"\xff\xfe", b"2\0x\0\0001\0/bin/true", b"1\0/\0\0many\0/bin/true"]
)
def test_a_damaged_record_starts_nothing(begin: Begin, tmp_path: Path, damage: bytes):
    begin("exec sleep 60")[0].drop()
    (record,) = (tmp_path / "cache/start").iterdir()
    record.write_bytes(damage)
    assert start(WORDS).begun is None
