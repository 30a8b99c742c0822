"""Measure whit against its peers in one run, print what holds, and append to history.jsonl.

    .venv/bin/python bench/run.py [--quick] [--only SCENARIO]... [--no-record]

Ends with 0 when everything that could be measured was, whether the targets were met or not; with
1 when whit or a peer that is here failed. bench/README.md says how to read the figures.
"""

import argparse
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from measure import Absent, Failed
from outcome import Outcome
from peers.engines import unmount_below
from peers.whit import PROGRAM
from record import append, machine_summary
from scenarios.analysis import measure_analysis
from scenarios.bases import measure_bases
from scenarios.dead_code import measure_dead_code
from scenarios.dockerfile import measure_dockerfile
from scenarios.ko_builds import measure_ko
from scenarios.native import measure_native
from scenarios.programs import measure_programs
from scenarios.rebuild import measure_hello, measure_large
from scenarios.sizes import measure_sizes
from scenarios.stage import Stage
from scenarios.start_up import measure_start_up
from scenarios.steps import measure_steps
from scenarios.transfer import measure_transfer
from sources import BENCH, REPOSITORY, cache_directory
from table import lines_of

SCENARIOS = {
    "start-up": measure_start_up,
    "rebuild-hello": measure_hello,
    "rebuild-large": measure_large,
    "dockerfile": measure_dockerfile,
    "steps": measure_steps,
    "ko": measure_ko,
    "sizes": measure_sizes,
    "dead-code": measure_dead_code,
    "transfer": measure_transfer,
    "programs": measure_programs,
    "native": measure_native,
    "bases": measure_bases,
    "analysis": measure_analysis,
}


def main() -> int:
    options = _options()
    cache = cache_directory()
    # A user's settings would measure something else, such as Python without its compiled files.
    for name in [name for name in os.environ if name.startswith(("WHIT_", "PYTHON"))]:
        del os.environ[name]
    if not Path(PROGRAM).exists():
        print(f"no {Path(PROGRAM).name} beside this Python; run `make setup`", file=sys.stderr)
        return 1
    # So that a terminated benchmark takes its daemons and mounts away too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    work = Path(tempfile.mkdtemp(prefix="whit-bench-"))
    print("  ".join(f"{key} {value}" for key, value in machine_summary().items()) + "\n")
    failed = 0
    try:
        stage = Stage(work, cache, options.quick)
        for name in options.only or SCENARIOS:
            failed += not _measure(name, stage, is_recorded=not options.no_record)
    except KeyboardInterrupt:
        return 130
    finally:
        unmount_below(work)
        shutil.rmtree(work, ignore_errors=True)
    return 1 if failed else 0


def _measure(name: str, stage: Stage, *, is_recorded: bool) -> bool:
    try:
        outcome = SCENARIOS[name](stage)
    except Absent as reason:
        outcome = Outcome(name, absent={name: str(reason)})
    except Failed as failure:
        print(f"== {name}\n\nfailed: {failure}\n", flush=True)
        return False
    print("\n".join(lines_of(outcome)), flush=True)
    if is_recorded:
        append(outcome, REPOSITORY, BENCH / "history.jsonl", is_quick=stage.is_quick)
    return True


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Measure whit against its peers, in turns, on this machine."
    )
    parser.add_argument("--quick", action="store_true", help="fewer rounds, rougher figures")
    parser.add_argument(
        "--only", action="append", choices=SCENARIOS, metavar="SCENARIO",
        help=f"measure this one; may be repeated ({', '.join(SCENARIOS)})",
    )  # fmt: skip
    parser.add_argument("--no-record", action="store_true", help="leave history.jsonl as it is")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
