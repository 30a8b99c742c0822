"""`whit debug`: a shell where a RUN that failed began."""

import os
import sys
import time
from pathlib import Path

import click

from whit.build.house import open_house
from whit.cli.console import Console


@click.command("debug", epilog="Example: whit debug -c 'ls -l /src'")
@click.argument("step", default="", metavar="[ID]")
@click.option("-c", "script", default="", metavar="COMMAND", help="Run this instead of a shell.")
@click.option("--list", "lists", is_flag=True, help="List the failed steps that are still there.")
@click.pass_context
def command(context: click.Context, step: str, script: str, lists: bool) -> None:
    """Open a shell where a RUN of a Dockerfile failed: its files, mounts, user and variables.

    ID is what the error said; without one the last step that failed is meant. It has what the
    step began with, nothing of what the step did, and no secrets. Steps are kept for an hour.
    """
    if os.geteuid():
        from whit.sandbox.nested import enter_namespace

        enter_namespace(tuple(sys.argv[1:]))
    from whit.sandbox.again import chosen_step, enter_step, failed_steps

    console: Console = context.obj
    steps = failed_steps(Path(open_house().cache), time.time())
    if lists:
        console.out([f"{one.id}  {one.age_seconds / 60:3.0f} min  {one.title}" for one in steps])
        return
    chosen = chosen_step(steps, step)
    console.say(f"where this began: {chosen.title}")
    enter_step(chosen, script)
