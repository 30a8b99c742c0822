"""What prune takes of the cache of Dockerfile builds."""

import os
from pathlib import Path

from whit.build.dockerfile.upkeep import prune_cache
from whit.store.snapshots import Snapshots
from whit.store.steps import key_of

DAY = 86_400.0


def test_what_was_not_used_for_long_goes(tmp_path: Path):
    snapshots = Snapshots(str(tmp_path / "snapshots"))
    for name in ("old", "new"):
        with snapshots.draft() as draft:
            (Path(draft.files) / "x").write_bytes(b"x" * 5000)
            snapshots.settle(draft, key_of(name))
        for kind in ("mounts", "downloads"):
            (tmp_path / kind / name).mkdir(parents=True)
            (tmp_path / kind / name / "file").write_bytes(b"y" * 5000)
    for place in ("mounts/old", "downloads/old", f"snapshots/{key_of('old')[:20]}"):
        os.utime(tmp_path / place, (1, 1))
    now = (tmp_path / "mounts/new").stat().st_mtime
    assert prune_cache(str(tmp_path), now + DAY - 3600) >= 15_000
    assert snapshots.find(key_of("old")) is None
    assert snapshots.find(key_of("new"))
    # That a cache mount had something stays known: steps that filled it must run again.
    assert [path.name for path in tmp_path.glob("mounts/old/*")] == ["made"]
    assert (tmp_path / "mounts/old/made").read_text().startswith("emptied ")
    assert [path.name for path in tmp_path.glob("mounts/new/*")] == ["file"]
    assert sorted(path.name for path in tmp_path.glob("downloads/*")) == ["new"]


def test_no_cache_is_nothing_to_free(tmp_path: Path):
    assert prune_cache(str(tmp_path / "none"), 0) == 0


def test_with_a_bound_the_longest_unused_goes_first(tmp_path: Path):
    snapshots = Snapshots(str(tmp_path / "snapshots"))
    begun = 1_000_000_000
    for number in range(5):
        with snapshots.draft() as draft:
            (Path(draft.files) / "x").write_bytes(b"x" * 100_000)
            snapshots.settle(draft, key_of(str(number)))
        place = tmp_path / "snapshots" / key_of(str(number))[:20]
        os.utime(place, (begun + number, begun + number))
    prune_cache(str(tmp_path), begun + 7200, 300_000)
    assert [bool(snapshots.find(key_of(str(number)))) for number in range(5)] == [
        False, False, False, True, True,
    ]  # fmt: skip
    prune_cache(str(tmp_path), begun + 7200, 0)
    assert snapshots.find(key_of("4")), "what was just used stays"
