"""Bases of packages: `cc` made anew from packages that are here, against unpacking them alone."""

import json
import shutil
from pathlib import Path

from measure import Absent, Contender, Failed, alternate, output_of
from outcome import Case, Claim, Outcome, Size
from peers.whit import PROGRAM, whit_environment, whit_version
from scenarios.stage import Stage

WARM_MS = 2000


def measure_bases(stage: Stage) -> Outcome:
    """The packages come from this host's mirror once; from then on only the cache is asked."""
    room = stage.room("bases")
    own = whit_environment(room)
    words = (PROGRAM, "--quiet", "base", "cc", "--distro", "debian12")
    try:
        document = json.loads(output_of([*words, "--json"], room, **own))
    except Failed as failure:
        raise Absent(f"no base could be made: {failure}") from None
    locked = (*words, "--offline", "--frozen")

    def forget(_: int) -> None:
        """Neither the layer nor the memory of it; the packages stay."""
        shutil.rmtree(room / "store", ignore_errors=True)

    contenders = [Contender("whit base", locked, room, own, forget)]
    if shutil.which("dpkg-deb"):
        packages = _packages(room)
        script = 'rm -rf "$0" && mkdir "$0" && for p; do dpkg-deb -x "$p" "$0"; done'
        unpack = ("sh", "-c", script, str(room / "unpacked"), *packages)
        contenders.insert(0, Contender("dpkg-deb -x", unpack, room))
    series = alternate(contenders, stage.rounds(11, 3), room / "talk")
    case = Case("cc from a warm package cache", contenders[0].name, tuple(series))
    measured = case.of("whit base")
    if measured is None:
        raise Failed("whit base was not measured")
    (image,) = document["images"]
    size = Size(
        "cc-debian12", "whit base", image["disk"],
        sum(layer["size"] for layer in image["layers"]), image["compressed"], image["files"],
    )  # fmt: skip
    claim = Claim("cc from a warm package cache", measured.median_seconds * 1000, WARM_MS, "ms")
    return Outcome("bases", (case,), (claim,), (size,), {"whit": whit_version()}, {})


def _packages(room: Path) -> list[str]:
    return [str(path) for path in sorted((room / "cache" / "debian" / "pool").iterdir())]
