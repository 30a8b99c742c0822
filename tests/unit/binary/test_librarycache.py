"""ld.so.cache: what is written is read again, in the order that ld.so searches."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whit.binary.librarycache import FLAGS, MAGIC, OLD_MAGIC, read_cache, sort_key, write_cache

NAMES = st.text("abcz019.-_+", min_size=1, max_size=12)


@given(st.dictionaries(NAMES, NAMES.map(lambda name: f"/lib/{name}"), max_size=20))
def test_what_is_written_is_read_again(libraries: dict[str, str]):
    found = read_cache(write_cache(libraries, "amd64"), "amd64")
    assert {name: [c.path for c in cached] for name, cached in found.items()} == {
        name: [path] for name, path in libraries.items()
    }


@pytest.mark.parametrize("architecture", sorted(FLAGS))
def test_every_architecture(architecture: str):
    order = ">" if architecture == "s390x" else "<"
    data = write_cache({"liba.so.1": "/x/liba.so.1"}, architecture)
    assert read_cache(data, architecture, order)["liba.so.1"][0].path == "/x/liba.so.1"


def test_libraries_of_another_architecture_are_not_seen():
    assert not read_cache(write_cache({"liba.so": "/x"}, "arm64"), "amd64")


def test_entries_stand_in_falling_order_numbers_by_value():
    names = ["liba.so.9", "liba.so.10", "liba.so", "libab.so", "lib1.so"]
    assert sorted(names, key=sort_key) == [
        *("liba.so", "liba.so.9", "liba.so.10", "libab.so", "lib1.so"),
    ]


def test_a_table_of_the_old_format_may_stand_before():
    old = OLD_MAGIC + struct.pack("<I", 3) + bytes(3 * 12)
    old += bytes(-len(old) % 8)
    assert "liba.so" in read_cache(old + write_cache({"liba.so": "/x"}, "amd64"), "amd64")


@given(st.binary(max_size=200))
def test_a_damaged_cache_is_an_empty_one(tail: bytes):
    for data in (tail, MAGIC + tail, OLD_MAGIC + tail):
        assert isinstance(read_cache(data, "amd64"), dict)
