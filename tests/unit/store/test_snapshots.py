"""Snapshots appear complete or not at all, and dead drafts go."""

from pathlib import Path

from whit.store.snapshots import Snapshots, remove
from whit.store.steps import key_of


def test_a_snapshot_is_there_once_it_is_settled(tmp_path: Path):
    snapshots, key = Snapshots(str(tmp_path)), key_of("a")
    assert snapshots.find(key) is None
    with snapshots.draft() as draft:
        (Path(draft.files) / "x").write_text("x")
        place = snapshots.settle(draft, key, "RUN make")
    assert snapshots.find(key) == place
    assert (Path(place) / "x").read_text() == "x"
    assert not list(tmp_path.glob("draft-*"))


def test_the_first_of_two_makers_wins(tmp_path: Path):
    snapshots, key = Snapshots(str(tmp_path)), key_of("a")
    with snapshots.draft() as one, snapshots.draft() as two:
        (Path(one.files) / "first").touch()
        places = {snapshots.settle(one, key), snapshots.settle(two, key)}
    assert len(places) == 1
    assert (Path(places.pop()) / "first").exists()
    assert not list(tmp_path.glob("draft-*"))


def test_a_draft_of_a_dead_maker_goes_and_a_living_one_stays(tmp_path: Path):
    snapshots = Snapshots(str(tmp_path))
    dead = tmp_path / "draft-1-1"
    (dead / "fs").mkdir(parents=True)
    (dead / "lock").touch()
    with snapshots.draft() as draft:
        Snapshots(str(tmp_path))
        assert Path(draft.files).is_dir()
        assert not dead.exists()


def test_another_key_with_the_same_short_name_is_a_miss(tmp_path: Path):
    snapshots, key = Snapshots(str(tmp_path)), key_of("a")
    with snapshots.draft() as draft:
        snapshots.settle(draft, key)
    assert snapshots.find(key[:20] + "0" * 44) is None


def test_who_makes_it_anew_is_found_and_the_old_one_stays_for_those_who_hold_it(tmp_path: Path):
    snapshots, key = Snapshots(str(tmp_path)), key_of("a")
    places = []
    for number in range(3):
        with snapshots.draft() as draft:
            (Path(draft.files) / "number").write_text(str(number))
            places.append(snapshots.settle(draft, key, replaces=True))
        assert snapshots.find(key) == places[-1]
    assert [(Path(place) / "number").read_text() for place in places] == ["0", "1", "2"]
    assert {len(Path(place).parent.name) for place in places} == {20}


def test_a_snapshot_whose_successor_was_pruned_is_made_again(tmp_path: Path):
    snapshots, key = Snapshots(str(tmp_path)), key_of("a")
    for _ in range(2):
        with snapshots.draft() as draft:
            place = snapshots.settle(draft, key, replaces=True)
    remove(str(Path(place).parent))
    assert snapshots.find(key) is None
    with snapshots.draft() as draft:
        place = snapshots.settle(draft, key)
    assert snapshots.find(key) == place
