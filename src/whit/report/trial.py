"""Trials in, a table or a JSON document out."""

from whit.model.trial import Check, Trial, Trials
from whit.report.words import aligned, listed, percent, seconds_text, signed, size_text


def trial_lines(trials: Trials) -> list[str]:
    """What each lever changes, what it gives up, and the combinations that win."""
    words = " ".join(trials.smoke)
    ran = f', run as "{trials.name} {words}"' if trials.smoke else ", not run"
    lines = [
        f"{trials.name}, {trials.go_version}, {trials.platform}{ran}: {_sizes(trials.unchanged)}",
        "",
        *_table(trials),
    ]
    packed = [trial for trial in trials.trials if trial.peak_bytes is not None]
    if packed:
        lines += ["", *_starts(trials.unchanged, packed)]
    lines += ["", *_winners(trials)]
    if trials.untried:
        rows = [(one.name, one.reason) for one in trials.untried]
        lines += ["", "could not be tried", *aligned(rows, indent="  ")]
    if trials.unknown_tags:
        lines += ["", f"other tags in the source of its modules: {listed(trials.unknown_tags, 8)}"]
    note = (
        "sizes are those of the image, exact; times were measured once, with Go's cache as it was"
    )
    return [*lines, "", note]


def _table(trials: Trials) -> list[str]:
    base = trials.unchanged
    table = [("LEVER", "ON DISK", "", "COMPRESSED", "", "BUILD", "RUNS", "GIVES UP")]
    table.append(
        (
            "unchanged", size_text(base.disk), "", size_text(base.compressed), "",
            seconds_text(base.seconds), _check(base.check), "",
        )
    )  # fmt: skip
    table += [
        (
            trial.lever.name,
            *_change(base.disk, trial.disk),
            *_change(base.compressed, trial.compressed),
            seconds_text(trial.seconds),
            _check(trial.check),
            trial.lever.price,
        )
        for trial in trials.trials
    ]
    return aligned(table, right=(1, 2, 3, 4, 5))


def _change(before: int, after: int) -> tuple[str, str]:
    return ("-", "") if before == after else (signed(after - before), percent(before, after))


def _check(check: Check) -> str:
    return f"not run: {check.said}" if check.passed is None else check.said


def _sizes(trial: Trial) -> str:
    return f"{size_text(trial.disk)} on disk, {size_text(trial.compressed)} compressed"


def _starts(unchanged: Trial, packed: list[Trial]) -> list[str]:
    rows = [
        (
            trial.lever.name,
            seconds_text(trial.start_seconds or 0),
            size_text(trial.peak_bytes or 0),
        )
        for trial in (unchanged, *packed)
    ]
    note = "of five starts the quickest, sandbox included; memory as looked at every millisecond"
    return [*aligned([("PACKER", "START", "MEMORY, AT LEAST"), *rows], right=(1, 2)), note]


def _winners(trials: Trials) -> list[str]:
    if trials.best is None and trials.most is None:
        return ["no lever saves anything"]
    lines = []
    if trials.best is not None:
        lines += _winner(trials, trials.best, "best, and --apply writes it")
    if trials.most is not None:
        lines += _winner(trials, trials.most, "most (--with NAME takes what gives something up)")
    return lines


def _winner(trials: Trials, trial: Trial, what: str) -> list[str]:
    base = trials.unchanged
    disk, compressed = base.disk - trial.disk, base.compressed - trial.compressed
    saves = f"saves {size_text(max(disk, 0))} and {size_text(max(compressed, 0))}"
    lines = [
        f"{what}: {trial.lever.name}",
        f"  {_sizes(trial)}; {saves}; {_check(trial.check)}",
    ]
    return [*lines, f"  gives up: {trial.lever.price}"] if trial.lever.price else lines


def trial_document(trials: Trials) -> dict[str, object]:
    return {"schema": "whit/size-try/v1", "trials": trials}
