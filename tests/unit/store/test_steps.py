from pathlib import Path

import pytest

from whit.store.blobs import Store
from whit.store.steps import key_of


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store")


def test_what_is_put_is_got(store: Store):
    key = key_of("a", b"b")
    assert store.steps.get(key) is None
    store.steps.put(key, b"value")
    assert store.steps.get(key) == b"value"
    store.steps.put(key, b"")
    assert store.steps.get(key) == b""


def test_borders_and_order_count():
    keys = [key_of("ab", "c"), key_of("a", "bc"), key_of("abc"), key_of("c", "ab"), key_of()]
    assert len(set(keys)) == len(keys)
    assert key_of("a") == key_of(b"a")


@pytest.mark.parametrize("data", [b"", b"x" * 31, b"x" * 32, b"x" * 100])
def test_a_damaged_entry_is_a_miss(store: Store, data: bytes):
    key = key_of("a")
    Path(store.directory, "steps", key).write_bytes(data)
    assert store.steps.get(key) is None


def test_a_store_that_cannot_be_written_forgets(store: Store):
    Path(store.directory, "steps").rmdir()
    store.steps.put(key_of("a"), b"value")
    assert store.steps.get(key_of("a")) is None


@pytest.mark.parametrize("key", ["", "../../etc/passwd", "a" * 63, "a" * 63 + "/"])
def test_a_key_is_what_key_of_returns(store: Store, key: str):
    with pytest.raises(AssertionError):
        store.steps.get(key)
