"""Trials in, lines and a document out."""

import msgspec

from whit.model.trial import Check, Lever, Standing, Trial, Trials, Untried
from whit.report.trial import trial_document, trial_lines

SAME = Check(True, "the same")


def trial(name: str, disk: int, compressed: int, **more: object) -> Trial:
    price = "a feature" if name == "tag-x" else ""
    return Trial(Lever(name, (), Standing.TRADE, price), disk, compressed, 2.0, SAME, **more)


def sample(**changes: object) -> Trials:
    unchanged = trial("unchanged", 10_000_000, 4_000_000, start_seconds=0.05, peak_bytes=9_000_000)
    trials = (
        trial("tag-x", 9_000_000, 3_900_000),
        trial("pie", 11_000_000, 4_000_000),
        trial("upx", 4_000_000, 3_800_000, start_seconds=0.4, peak_bytes=30_000_000),
    )
    untried = (Untried("go-1.19.1", "the program does not compile: 1 error"),)
    made = Trials(
        name="app",
        go_version="go1.26.8",
        platform="linux/amd64",
        smoke=("--version",),
        unchanged=unchanged,
        trials=trials,
        most=trials[0],
        untried=untried,
        unknown_tags=("nofoo (example.com/x)",),
    )
    return msgspec.structs.replace(made, **changes)


def test_changes_have_a_sign_and_what_is_the_same_a_dash():
    text = "\n".join(trial_lines(sample()))
    assert "-1.00 MB  -10.0%" in text
    assert "+1.00 MB  +10.0%           -" in text
    assert 'run as "app --version"' in text


def test_what_a_packer_costs_stands_beside_its_bytes():
    text = "\n".join(trial_lines(sample()))
    assert "upx        400 ms           30.0 MB" in text
    assert "unchanged   50 ms           9.00 MB" in text


def test_times_are_said_to_be_measured_once_and_losses_are_named():
    text = "\n".join(trial_lines(sample()))
    assert "times were measured once" in text
    assert "gives up: a feature" in text
    assert "go-1.19.1  the program does not compile" in text
    assert "nofoo (example.com/x)" in text


def test_nothing_saves():
    assert "no lever saves anything" in trial_lines(sample(most=None))


def test_the_document_has_its_schema():
    document = msgspec.json.decode(msgspec.json.encode(trial_document(sample())))
    assert document["schema"] == "whit/size-try/v1"
    assert document["trials"]["unchanged"]["disk"] == 10_000_000
