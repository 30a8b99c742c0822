import pytest

from whit.golang.gomod import parse_gomod
from whit.golang.versions import Release, parse_release


@pytest.mark.parametrize("text", ["1.21", "1.21.0", "1.21.13", "1.22rc1", "1.20beta2"])
def test_names_come_back(text: str):
    release = parse_release(text)
    assert release is not None
    assert str(release) == text
    assert parse_release(f"go{text}") == release


@pytest.mark.parametrize(
    "text", ["", "1", "latest", "1.21.x", "01.2", "1.2.3.4", "devel go1.27-abc"]
)
def test_what_is_no_release(text: str):
    assert parse_release(text) is None


def test_order_is_that_of_history():
    names = [
        "1.9",
        "1.20",
        "1.21beta1",
        "1.21rc2",
        "1.21rc10",
        "1.21",
        "1.21.0",
        "1.21.9",
        "1.21.13",
    ]
    # A beta sorts by its stage, which comes before the patch.
    releases = [parse_release(name) for name in names]
    assert releases == sorted(releases, key=lambda r: r or Release(0, 0))


def test_a_short_name_means_every_patch_and_no_candidate():
    short = Release(1, 21)
    assert short.covers(Release(1, 21, 2, 13))
    assert not short.covers(Release(1, 21, 1, 1))
    assert not short.covers(Release(1, 22, 2, 0))
    assert not Release(1, 21, 2, 13).covers(Release(1, 21, 2, 12))


def test_the_lines_of_gomod_are_found_outside_blocks():
    text = """// a comment
module "example.com/m" // deprecated
go 1.24.0
toolchain go1.26.8
require (
\tgo 1.99
\ttoolchain go1.99.0
)
replace (
)
"""
    found = parse_gomod(text, "/m")
    assert (found.module, found.needs, found.wants) == ("example.com/m", "1.24.0", "1.26.8")


def test_a_gomod_of_nonsense_says_nothing():
    found = parse_gomod("\x00\x01go\ngo 1 2 3\nmodule\n(\n)", "/m")
    assert (found.module, found.needs, found.wants) == ("", "", "")
