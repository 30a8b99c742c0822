"""`whit size --try`: what makes a program smaller, tried; and written down with `--apply`."""

from collections.abc import Mapping
from typing import Any

from whit.build.call import request_of
from whit.build.house import open_house
from whit.build.request import Request
from whit.build.trying import Asked, try_levers
from whit.cli.console import Console
from whit.errors import UsageError
from whit.model.trial import Trials
from whit.report.trial import trial_document, trial_lines


def show_trials(console: Console, target: str, flags: Mapping[str, Any], *, as_json: bool) -> None:
    """`flags` are those of --try. Errors: those of a build, and UsageError for what cannot be
    applied.
    """
    if not flags["tries"]:
        raise UsageError("--smoke, --with, --only and --apply belong to --try", hint="add --try")
    asked = Asked(flags["smoke"], flags["extra"], flags["only"])
    request = request_of(target, {})
    trials = try_levers(request, open_house(), asked, console.hear)
    if as_json:
        console.document(trial_document(trials))
    else:
        console.out(trial_lines(trials))
    if flags["applies"]:
        _apply(console, request, trials, is_result=not as_json)


def _apply(console: Console, request: Request, trials: Trials, *, is_result: bool) -> None:
    """Show the difference, then write it."""
    from whit.build.changing import difference, edited, settings_file, values_of

    best = trials.best
    if best is None:
        console.say("nothing to apply: no lever saves anything and gives up nothing")
        return
    if not best.check.passed:
        raise UsageError(
            f"not applied: {best.check.said}",
            hint="what could not be shown to run as before is not written down",
        )
    path = settings_file(request)
    before = path.read_text(encoding="utf-8") if path.is_file() else ""
    after = edited(before, values_of(request, best.lever.changes))
    shown = ["", *difference(before, after)]
    (console.out if is_result else console.say)(shown)
    path.write_text(after, encoding="utf-8")
    console.say(f"wrote {path}")
