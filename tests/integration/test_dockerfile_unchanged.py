"""A build that nothing changed for answers from a note; whatever could change its image, does."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from integration.test_dockerfile_build import Yard, context, write, yard

__all__ = ["context", "yard"]

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.busybox,
    pytest.mark.skipif(os.geteuid() != 0, reason="the yard is root's"),
]
SHORT = "nothing changed:"
FILE = "FROM alpine\nCOPY --exclude=*.log src* /src/\nCOPY one /one\nRUN cat /one > /two\n"


def old(context: Path) -> None:
    """A file that was changed within one tick of the clock proves nothing."""
    time.sleep(0.05)
    assert context.is_dir()


@pytest.fixture
def built(yard: Yard, context: Path) -> str:
    write(
        context,
        FILE,
        one="1",
        src__a="a",
        src__b="b",
        deep__other="o",
        _DOT_dockerignore="hidden\n",
    )
    old(context)
    assert SHORT not in yard.build(context)
    said = yard.build(context)
    assert SHORT in said
    assert "cached" in said
    return yard.reference


@pytest.mark.parametrize(
    "change",
    [
        lambda c: (c / "one").write_text("2"),
        lambda c: (c / "src/a").write_text("other"),
        lambda c: (c / "src/new").write_text("new"),
        lambda c: (c / "src/a").unlink(),
        lambda c: (c / "src/a").chmod(0o600),
        lambda c: (c / "Dockerfile").write_text(FILE + "ENV A=1\n"),
        lambda c: (c / ".dockerignore").write_text("src/a\n"),
        lambda c: (c / "Dockerfile.dockerignore").write_text("src/b\n"),
        lambda c: (c / "srcs").mkdir(),
    ],
    ids=["file", "below", "added", "removed", "mode", "dockerfile", "ignore", "own-ignore", "fits"],
)
def test_a_change_is_seen(
    yard: Yard, context: Path, built: str, change: Callable[[Path], object]
) -> None:
    change(context)
    old(context)
    assert SHORT not in yard.build(context)
    found = yard.sizes()
    # What runs anew writes files of another time.
    yard.build(context, "--no-cache")
    assert yard.sizes() == found
    assert built


def test_what_no_step_looks_at_does_not_count(yard: Yard, context: Path, built: str) -> None:
    (context / "deep/other").write_text("something else")
    assert SHORT in yard.build(context)
    assert yard.reference == built


def test_words_surroundings_and_the_store_count(yard: Yard, context: Path, built: str) -> None:
    assert SHORT not in yard.build(context, "--build-arg", "A=1")
    yard.env["SOURCE_DATE_EPOCH"] = "1234"
    try:
        assert SHORT not in yard.build(context)
        assert yard.reference != built
    finally:
        del yard.env["SOURCE_DATE_EPOCH"]
    assert SHORT not in yard.build(context)
    blob = yard.place / "store/blobs/sha256" / yard.image().layers[-1].digest[7:]
    assert SHORT in yard.build(context)
    blob.unlink()
    assert SHORT not in yard.build(context)
    assert blob.exists()
    assert SHORT in yard.build(context)
    right = blob.read_bytes()
    blob.chmod(0o644)
    blob.write_bytes(right[:-1] + bytes([right[-1] ^ 1]))
    assert SHORT not in yard.build(context)


def test_what_depends_on_others_is_asked_again(yard: Yard, context: Path) -> None:
    write(context, "FROM alpine\nRUN --mount=type=secret,id=s true\n", s="a-long-enough-secret")
    old(context)
    for _ in range(3):
        said = yard.build(context, "--secret", f"id=s,src={context / 's'}")
        assert SHORT not in said
    notes = list((yard.place / "cache/unchanged").glob("*"))
    write(context, "FROM alpine\nARG T\nRUN true\n")
    old(context)
    yard.env["T"] = "value"
    try:
        for _ in range(3):
            assert SHORT not in yard.build(context, "--build-arg", "T")
            assert SHORT not in yard.build(context, "--to", f"oci:{context / 'out'}")
    finally:
        del yard.env["T"]
    assert list((yard.place / "cache/unchanged").glob("*")) == notes


def test_a_damaged_note_is_none(yard: Yard, context: Path, built: str) -> None:
    for note in (yard.place / "cache/unchanged").glob("*"):
        note.write_bytes(note.read_bytes()[:-20])
    assert SHORT not in yard.build(context)
    for note in (yard.place / "cache/unchanged").glob("*"):
        note.write_bytes(b"\xff\x00" * 50)
    assert SHORT not in yard.build(context)
    assert yard.reference == built
