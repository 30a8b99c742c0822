"""`whit doctor`: what this host can do, and how to mend what it can't."""

from pathlib import Path

import click

from whit.cli.console import GREEN, RED, YELLOW, Console

COLORS = {"ok": GREEN, "limited": YELLOW, "missing": RED}


@click.command("doctor", epilog="Example: whit doctor")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as a JSON document.")
@click.pass_obj
def command(console: Console, as_json: bool) -> None:
    """Look at Go, the container runtime, user namespaces, Docker and the disk.

    Each line says what was found; below those that limit whit stands the command that mends it.
    """
    from whit.build.house import open_house
    from whit.sandbox.doctor import examine_host

    house = open_house()
    findings = examine_host(house.store_path, Path(house.cache))
    if as_json:
        console.document(
            {
                "schema": "whit/doctor/v1",
                "findings": [
                    {"name": f.name, "status": f.status, "detail": f.detail, "fix": f.fix}
                    for f in findings
                ],
            }
        )
        return
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        status = console.paint(f"{finding.status:<8}", COLORS[finding.status])
        console.out(f"{status} {finding.name:<{width}}  {finding.detail}")
        if finding.fix and finding.status != "ok":
            console.out(f"{'':<8} {'':<{width}}  -> {finding.fix}")
