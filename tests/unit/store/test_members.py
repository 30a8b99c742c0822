import os
import random
from pathlib import Path

import pytest

from whit.model.image import Compression, Effort, Format
from whit.model.tree import Bytes, File, Tree
from whit.oci.layout import blob_path
from whit.store import members
from whit.store.blobs import Store

BEST = Compression(Format.GZIP, Effort.BEST)
FAST = Compression(Format.GZIP, Effort.FAST)
SEED = random.Random(1).randbytes((1 << 16) - 1)
# Of 13 MB the fast effort makes members of 1 MiB.
DATA = b"".join(bytes([number]) + SEED for number in range(210))


def tree(data: bytes) -> Tree:
    return Tree.of({"/app": File(Bytes(data), 0o755)})


def edited(at: int = 5 << 20) -> bytes:
    return DATA[:at] + b"edited" + DATA[at + 6 :]


def test_an_edit_copies_what_did_not_change_and_the_bytes_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    answers: list[bool] = []
    find = members.Members.find

    def counted(self: members.Members, block: bytes) -> bytes | None:
        found = find(self, block)
        answers.append(found is not None)
        return found

    first, fresh = Store.open(tmp_path / "a"), Store.open(tmp_path / "b")
    first.write_layer(tree(DATA), FAST)
    monkeypatch.setattr(members.Members, "find", counted)
    again = first.write_layer(tree(edited()), FAST)
    assert (answers.count(True), answers.count(False)) == (13, 1)
    assert again == fresh.write_layer(tree(edited()), FAST)
    assert first.is_intact(again.digest, again.size)


def test_a_damaged_layer_is_not_copied_from(tmp_path: Path):
    first, fresh = Store.open(tmp_path / "a"), Store.open(tmp_path / "b")
    written = first.write_layer(tree(DATA), FAST)
    path = blob_path(first.directory, written.digest)
    with open(path, "r+b") as file:
        file.seek(written.size // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))
    assert first.write_layer(tree(edited()), FAST) == fresh.write_layer(tree(edited()), FAST)


def test_a_layer_that_is_gone_is_a_miss(tmp_path: Path):
    store = Store.open(tmp_path / "a")
    first = store.write_layer(tree(DATA), FAST)
    Path(blob_path(store.directory, first.digest)).unlink()
    assert store.write_layer(tree(DATA), FAST) == first


def test_levels_and_small_layers_do_not_mix(tmp_path: Path):
    def known(data: bytes, compression: Compression) -> int | None:
        with members.members_for(tree(data), compression, store.directory, store.steps) as found:
            return None if found is None else len(found._known)

    store = Store.open(tmp_path / "a")
    store.write_layer(tree(DATA), FAST)
    assert known(DATA, FAST) == 14
    assert known(DATA, BEST) == 0
    assert known(DATA[: 1 << 20], FAST) is None
    assert known(DATA, Compression(Format.ZSTD, Effort.FAST)) is None
