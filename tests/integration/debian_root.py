"""Roots of images, made of this host's own Debian packages as `apt-get install` leaves them."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

# What images leave out with dpkg's path-exclude.
ASIDE = ("/usr/share/doc/", "/usr/share/man/", "/usr/share/locale/", "/usr/share/info/")
BASE = ("base-files", "base-passwd", "dash", "ca-certificates")
LINKS = ("/bin", "/sbin", "/lib", "/lib64", "/etc/ssl/certs/ca-certificates.crt")
_ONLY = [f"--no-{word}" for word in ("recommends", "suggests", "conflicts", "breaks", "replaces",
                                     "enhances")]  # fmt: skip


def make_debian(root: Path, *packages: str) -> None:
    """Packages with all that they depend on, dpkg's records, accounts and a shell."""
    told = _output("apt-cache", "depends", "--installed", "--recurse", *_ONLY, *packages)
    names = {line for line in told.split("\n") if line[:1].isalnum()}
    architecture = _output("dpkg", "--print-architecture").strip()
    paths, stanzas = {*LINKS, "/etc/passwd", "/etc/group", "/tmp"}, []
    for name in sorted({*names, *packages, *BASE}):
        asked = subprocess.run(["dpkg", "-s", name], capture_output=True, text=True, check=False)
        if asked.returncode:
            continue  # a virtual package
        stanzas.append(asked.stdout)
        for stem in (name, f"{name}:{architecture}"):
            records = [f"/var/lib/dpkg/info/{stem}.{end}" for end in ("list", "md5sums")]
            if os.path.exists(records[0]):
                paths.update(path for path in records if os.path.exists(path))
                listed = Path(records[0]).read_text().split("\n")
                paths.update(hop for path in listed if not path.startswith(ASIDE)
                             for hop in _hops(path))  # fmt: skip
    listed = "\n".join(sorted(path[1:] for path in paths))
    pack = ["tar", "-C", "/", "-c", "--no-recursion", "-T", "-"]
    packed = subprocess.run(pack, input=listed.encode(), capture_output=True, check=True)
    root.mkdir(exist_ok=True)
    subprocess.run(["tar", "-C", str(root), "-xp"], input=packed.stdout, check=True)
    (root / "var/lib/dpkg/status").write_text("\n".join(stanzas))


def _hops(path: str) -> Iterator[str]:
    """The path without links above it, and what it leads to by way of Debian's alternatives."""
    for _ in range(8):
        place = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
        if len(place) > 1 and os.path.lexists(place):
            yield place
        if not os.path.islink(place) or "alternatives" not in os.readlink(place) + place:
            return
        path = os.path.join(os.path.dirname(place), os.readlink(place))


def _output(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout
