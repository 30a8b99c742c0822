"""The words that mount what a step sees."""

from whit.sandbox.overlay import Overlay, Secret, prefix_of


def test_lower_directories_are_relative_to_where_they_lie():
    words = prefix_of((Overlay(("/c/s/b/fs", "/c/s/a/fs"), "/w/root", "/d/fs", "/d/work"),), "/log")
    at = words.index("o")
    assert words[at + 1] == "/c/s"
    assert words[at + 2].startswith("lowerdir=b/fs:a/fs,upperdir=/d/fs,workdir=/d/work,")
    assert words[at + 3] == "/w/root"
    assert words[-1] == "--"


def test_one_lower_directory_and_no_upper():
    words = prefix_of((Overlay(("/c/a,b/fs:x",), "/m"),), "/log", is_nested=True)
    assert words[words.index("o") + 2] == r"lowerdir=fs\:x,userxattr"


def test_secrets_are_filled_after_their_memory_is_there():
    secret = Secret(7, "/w/memory/0", 0o400, 5, 6)
    words = prefix_of((), "/log", memory="/w/memory", secrets=(secret,))
    assert words[words.index("t") :] == (
        *("t", "/w/memory"),
        *("f", "7", "/w/memory/0", "0400", "5:6"),
        "--",
    )
