"""whit.lock: written and read back, compared, updated in parts."""

from pathlib import Path

import pytest

from whit.build.lock import (
    Input,
    Lock,
    check_frozen,
    differences,
    inputs_of,
    read_lock,
    updated,
    write_lock,
)
from whit.build.request import lock_path, make_request
from whit.build.settings import Settings
from whit.errors.request import BadLock, Drifted

DIGEST = "sha256:" + "0a" * 32
OTHER = "sha256:" + "0b" * 32
LOCK = Lock(
    go=Input("1.26.8"),
    certificates=Input("certifi 2026.1", DIGEST),
    compressors={"gzip": "deflate 0.9.0"},
    base={"alpine:3.20": {"": DIGEST, "linux/amd64": OTHER}, 'odd"name\\:1': {"": OTHER}},
)


def test_a_lock_comes_back_and_is_the_same_bytes(tmp_path: Path):
    path = tmp_path / "whit.lock"
    write_lock(path, LOCK)
    first = path.read_bytes()
    assert read_lock(path) == LOCK
    write_lock(path, LOCK)
    assert path.read_bytes() == first
    assert b'[base."alpine:3.20"]\n"" = "sha256:0a' in first


def test_there_may_be_none(tmp_path: Path):
    assert read_lock(tmp_path / "whit.lock") is None


@pytest.mark.parametrize(
    "text",
    ["version = 2", "version = ", "[go]\nversion = 3", "extra = 1", "[unknown]", "\xff", "x" * 5],
)
def test_a_lock_that_cannot_be_read_says_what_helps(tmp_path: Path, text: str):
    path = tmp_path / "whit.lock"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(BadLock) as caught:
        read_lock(path)
    assert "whit lock --update" in (caught.value.hint or "")


def test_differences_name_both_sides():
    found = Lock(
        go=Input("1.26.9"),
        zones=Input("tzdata 2026f"),
        certificates=Input("certifi 2026.1", DIGEST),
        compressors={"gzip": "deflate 0.9.1"},
        base=LOCK.base,
    )
    assert [str(one) for one in differences(LOCK, found)] == [
        "go: 1.26.8 -> 1.26.9",
        "zones: tzdata 2026f (new)",
        "compressors gzip: deflate 0.9.0 -> deflate 0.9.1",
    ]
    assert differences(LOCK, LOCK) == ()


def test_frozen_refuses_every_difference_at_once():
    path = Path("/x/whit.lock")
    check_frozen(LOCK, LOCK, path)
    with pytest.raises(Drifted, match="2 inputs") as caught:
        check_frozen(LOCK, Lock(compressors=LOCK.compressors, base=LOCK.base), path)
    assert caught.value.output == (
        "go: 1.26.8 (gone)\ncertificates: certifi 2026.1 sha256:0a0a0a0a0a0a (gone)"
    )
    with pytest.raises(Drifted, match="there is no"):
        check_frozen(None, LOCK, path)


def test_an_update_touches_only_what_is_named():
    found = Lock(go=Input("1.27.0"), zones=Input("tzdata 2027a"), base=LOCK.base)

    def resolve(name: str) -> dict[str, str]:
        return {"": f"new {name}"}

    after = updated(LOCK, found, ("go", "debian:13"), resolve)
    assert after.go == Input("1.27.0")
    assert after.zones is None
    assert after.certificates == LOCK.certificates
    assert after.base == {**LOCK.base, "debian:13": {"": "new debian:13"}}
    everything = updated(LOCK, found, (), resolve)
    assert everything.go == Input("1.27.0")
    assert everything.base["alpine:3.20"] == {"": "new alpine:3.20"}


def test_what_is_here_is_found_without_a_network(tmp_path: Path):
    (tmp_path / "go.mod").write_text("module example.com/app\n\ngo 1.21\n")
    request = make_request(".", tmp_path, tmp_path, Settings())
    assert lock_path(request) == tmp_path / "whit.lock"
    before = inputs_of(request, "1.26.8", None)
    assert before.certificates is not None
    assert before.certificates.version.startswith("certifi ")
    assert before.modules is not None
    assert before.modules.version == "example.com/app"
    (tmp_path / "go.sum").write_text("x\n")
    (change,) = differences(before, inputs_of(request, "1.26.8", before))
    assert change.name == "modules"
