"""Step keys in, remembered values out: what need not be found out again.

Memory, not truth: an entry that is missing, damaged or unreadable is a miss, and a store that
cannot be written only forgets.
"""

import hashlib
from contextlib import suppress

from whit.store.files import partial_file, settle

_DIGEST_BYTES = 32
# A step's value is a small document; a larger file is not one of ours.
MAX_VALUE_BYTES = 16 << 20


def key_of(*parts: str | bytes) -> str:
    """A key for everything that a step's outcome depends on; order and borders count."""
    state = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogateescape") if isinstance(part, str) else part
        state.update(b"%d:" % len(data))
        state.update(data)
    return state.hexdigest()


class Steps:
    """Entries are files: the SHA-256 of the value, then the value."""

    def __init__(self, directory: str) -> None:
        self._directory = directory

    def get(self, key: str) -> bytes | None:
        try:
            with open(self._path(key), "rb") as file:
                data = file.read(MAX_VALUE_BYTES + _DIGEST_BYTES + 1)
        except OSError:
            return None
        digest, value = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
        if len(value) > MAX_VALUE_BYTES or hashlib.sha256(value).digest() != digest:
            return None
        return value

    def put(self, key: str, value: bytes) -> None:
        with suppress(OSError), partial_file(self._directory) as (file, partial):
            file.write(hashlib.sha256(value).digest() + value)
            settle(file, partial, self._path(key))

    def _path(self, key: str) -> str:
        if len(key) != 64 or not key.isalnum():
            raise AssertionError("a step key is what key_of returns")
        return f"{self._directory}/steps/{key}"
