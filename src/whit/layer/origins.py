"""Lists of packages as they lie in an image in, the package of each file out, or how many. Pure.

Debian       /var/lib/dpkg/info/NAME[:ARCH].list     a path a line
distroless   /var/lib/dpkg/status.d/NAME.md5sums     digest, two spaces, a path
Alpine       /lib/apk/db/installed                   P:name, F:directory, R:file
"""

from collections.abc import Mapping

DEBIAN, ALPINE = "deb", "apk"
LISTS = ("/var/lib/dpkg/", "/lib/apk/db/installed", "/usr/lib/apk/db/installed")


def origins_in(lists: Mapping[str, bytes]) -> dict[str, str]:
    """Path of a file -> `deb:libc6` or `apk:musl`."""
    found: dict[str, str] = {}
    for path, data in lists.items():
        name = path.rpartition("/")[2]
        text = data.decode("utf-8", "replace")
        if path.startswith("/var/lib/dpkg/info/") and name.endswith(".list"):
            package = f"{DEBIAN}:{name.removesuffix('.list').partition(':')[0]}"
            found |= dict.fromkeys(text.split("\n"), package)
        elif path.startswith("/var/lib/dpkg/status.d/") and name.endswith(".md5sums"):
            package = f"{DEBIAN}:{name.removesuffix('.md5sums')}"
            for line in text.split("\n"):
                found["/" + line.partition("  ")[2].lstrip("/")] = package
        elif path.endswith("/apk/db/installed"):
            found |= _alpine(text)
    found.pop("", None)
    return found | {_merged(path): package for path, package in found.items()}


def _alpine(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    package = directory = ""
    for line in text.split("\n"):
        word, _, value = line.partition(":")
        if word == "P":
            package = f"{ALPINE}:{value}"
        elif word == "F":
            directory = value
        elif word == "R":
            found[f"/{directory}/{value}" if directory else f"/{value}"] = package
    return found


def _merged(path: str) -> str:
    """Packages say /lib where the file lies in /usr/lib, which /lib is a link to."""
    first = path[1:].partition("/")[0]
    return f"/usr{path}" if first in ("bin", "sbin", "lib", "lib64", "lib32") else path


def packages_in(lists: Mapping[str, bytes]) -> int:
    """How many packages are installed."""
    count = 0
    for path, data in lists.items():
        if path == "/var/lib/dpkg/status":
            paragraphs = data.split(b"\n\n")
            count += sum(b"\nStatus: install ok installed" in one for one in paragraphs)
        elif path.startswith("/var/lib/dpkg/status.d/"):
            count += not path.endswith(".md5sums")
        elif path.endswith("/apk/db/installed"):
            count += sum(line.startswith(b"P:") for line in data.split(b"\n"))
    return count
