"""Settings and this host's apt sources in, where Debian's packages come from out. A door.

    [base] mirror, security-mirror, --mirror      a URL, file:/path or a directory
    /etc/apt/sources.list, sources.list.d/*       what this host's apt asks, else

No mirror is known to whit by itself.
"""

import os
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import msgspec

from whit.bases.debian.index import fields_of
from whit.build.settings import BaseSettings
from whit.errors.bases import NoMirror

APT = "/etc/apt"
MAX_BYTES = 1 << 20
SCHEMES = ("http", "https", "file", "copy")
# What a suite of Debian's is called by the way to it.
_RELEASES = frozenset(
    (
        *("bookworm", "trixie", "forky", "sid", "bullseye"),
        *("stable", "oldstable", "oldoldstable", "testing", "unstable"),
    )
)


class Source(msgspec.Struct, frozen=True):
    """A suite of a mirror: `url` is what stands before dists/ and pool/."""

    suite: str
    url: str
    is_security: bool = False


def sources_of(
    settings: BaseSettings, codename: str, architecture: str, home: str, apt: str = APT
) -> tuple[Source, ...]:
    """The suites of a release, the main one first. Errors: NoMirror."""
    archive, security = settings.mirror, settings.security_mirror
    if not archive or ("security" in settings.suites and not security):
        known = _known(apt, codename, architecture) if not archive else ("", "")
        security = security or known[1] or _beside(archive or known[0])
        archive = archive or known[0]
    if not archive:
        raise NoMirror(
            "nobody says where Debian's packages come from: this host's apt knows no mirror",
            hint="name one: --mirror URL, or WHIT_BASE_MIRROR, or base.mirror in whit.toml",
        )
    found = [Source(codename, _url(archive, home))]
    for name in settings.suites:
        if name not in ("updates", "security"):
            raise NoMirror(
                f"base.suites: there is no suite {codename}-{name}",
                hint='beside the main one there are "updates" and "security"',
            )
        is_security = name == "security"
        url = _url(security if is_security else archive, home)
        found.append(Source(f"{codename}-{name}", url, is_security))
    return tuple(found)


def _beside(archive: str) -> str:
    """Mirrors keep security updates in `debian-security` beside `debian`."""
    return archive.rstrip("/") + "-security" if archive else ""


def _url(text: str, home: str) -> str:
    """A URL that can be asked; a directory is named from whit.toml's."""
    parts = urlsplit(text)
    if not parts.scheme:
        return "file:" + os.path.abspath(os.path.join(home, text))
    if parts.scheme not in SCHEMES or (parts.scheme in ("http", "https") and not parts.hostname):
        raise NoMirror(
            f"{text} is no mirror", hint="write http://…, https://…, file:/path or a directory"
        )
    if parts.scheme in ("file", "copy"):
        return "file:" + os.path.abspath(parts.path)
    return text.rstrip("/")


# ---- what apt asks ------------------------------------------------------------------------------


class _Entry(msgspec.Struct, frozen=True):
    """A line or a stanza of apt's; no `machines` are all of them."""

    url: str
    suite: str
    components: tuple[str, ...]
    machines: tuple[str, ...] = ()


def _known(apt: str, codename: str, architecture: str) -> tuple[str, str]:
    """The first mirrors of the archive and of security updates for a machine, "" for none; before
    all others those that apt asks for this very release.
    """
    found: dict[tuple[bool, bool], str] = {}
    for entry in _entries(apt):
        name = entry.suite.strip("/").partition("/")[0].partition("-")[0]
        is_debian = name in _RELEASES and "main" in entry.components
        is_for = not entry.machines or architecture in entry.machines
        if urlsplit(entry.url).scheme in SCHEMES and is_debian and is_for:
            is_security = entry.suite.endswith(("-security", "/updates"))
            found.setdefault((is_security, name == codename), entry.url)
    archive, security = (
        found.get((one, True)) or found.get((one, False), "") for one in (False, True)
    )
    return archive, security


def _entries(apt: str) -> Iterator[_Entry]:
    """What apt asks, in the order in which it reads it (sources.list(5))."""
    parts = f"{apt}/sources.list.d"
    try:
        names = sorted(os.listdir(parts))
    except OSError:
        names = []
    yield from _lines(_text(f"{apt}/sources.list"))
    for name in names:
        text = _text(f"{parts}/{name}")
        if name.endswith(".list"):
            yield from _lines(text)
        elif name.endswith(".sources"):
            yield from _stanzas(text)


def _lines(text: str) -> Iterator[_Entry]:
    for line in text.splitlines():
        plain = line.partition("#")[0]
        options = re.search(r"\[([^\]]*)\]", plain)
        pairs = (word.partition("=") for word in (options[1].split() if options else ()))
        machines = [value.split(",") for key, _, value in pairs if key == "arch"]
        words = re.sub(r"\[[^\]]*\]", " ", plain).split()
        if len(words) >= 3 and words[0] == "deb":
            yield _Entry(
                words[1], words[2], tuple(words[3:]), tuple(machines[0] if machines else ())
            )


def _stanzas(text: str) -> Iterator[_Entry]:
    plain = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for stanza in re.split(r"\n[ \t]*\n", plain):
        fields = {name.lower(): value for name, value in fields_of(stanza.encode()).items()}
        is_off = fields.get("enabled", "yes").lower() in ("no", "false", "0", "off", "disable")
        if is_off or "deb" not in fields.get("types", "").split():
            continue
        components, machines = (
            tuple(fields.get(name, "").split()) for name in ("components", "architectures")
        )
        for url in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                yield _Entry(url, suite, components, machines)


def apt_proxy(scheme: str, host: str) -> str:
    """The proxy that this host's apt goes through, where the environment names none; "" for the
    direct way. apt's own program reads its configuration.
    """
    import subprocess

    name = f"Acquire::{scheme}::Proxy"
    try:
        done = subprocess.run(
            ["apt-config", "dump", "--format", "%f=%v%n", name],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=10,
        )  # fmt: skip
    except (OSError, UnicodeDecodeError, subprocess.TimeoutExpired):
        return ""
    known = dict(line.partition("=")[::2] for line in done.stdout.splitlines())
    proxy = known.get(f"{name}::{host}") or known.get(name, "")
    return "" if proxy.upper() == "DIRECT" else proxy


def _text(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return file.read(MAX_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
