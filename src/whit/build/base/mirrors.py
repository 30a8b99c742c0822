"""Settings and this host's apt sources in, where Debian's packages come from out. A door.

    [base] mirror, security-mirror, --mirror      a URL, file:/path or a directory
    /etc/apt/sources.list, sources.list.d/*       what this host's apt asks, else

No mirror is known to whit by itself.
"""

import os
import re
import shlex
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
    settings: BaseSettings, codename: str, home: str, apt: str = APT
) -> tuple[Source, ...]:
    """The suites of a release, the main one first. Errors: NoMirror."""
    archive, security = settings.mirror, settings.security_mirror
    if not archive or ("security" in settings.suites and not security):
        known = _known(apt) if not archive else ("", "")
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


def _known(apt: str) -> tuple[str, str]:
    """The first mirrors of the archive and of security updates, "" for none."""
    archive = security = ""
    for url, suite, components in _entries(apt):
        name = suite.strip("/").partition("/")[0].partition("-")[0]
        if urlsplit(url).scheme not in SCHEMES or name not in _RELEASES or "main" not in components:
            continue
        if suite.endswith(("-security", "/updates")):
            security = security or url
        else:
            archive = archive or url
    return archive, security


def _entries(apt: str) -> Iterator[tuple[str, str, list[str]]]:
    """(URL, suite, components), in the order in which apt reads them (sources.list(5))."""
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


def _lines(text: str) -> Iterator[tuple[str, str, list[str]]]:
    for line in text.splitlines():
        words = re.sub(r"\[[^\]]*\]", " ", line.partition("#")[0]).split()
        if len(words) >= 3 and words[0] == "deb":
            yield words[1], words[2], words[3:]


def _stanzas(text: str) -> Iterator[tuple[str, str, list[str]]]:
    plain = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for stanza in re.split(r"\n[ \t]*\n", plain):
        fields = {name.lower(): value for name, value in fields_of(stanza.encode()).items()}
        is_off = fields.get("enabled", "yes").lower() in ("no", "false", "0", "off", "disable")
        if is_off or "deb" not in fields.get("types", "").split():
            continue
        for url in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                yield url, suite, fields.get("components", "").split()


def apt_proxy(scheme: str, apt: str = APT) -> str:
    """The proxy that this host's apt goes through, where the environment names none."""
    texts = [_text(f"{apt}/apt.conf")]
    try:
        names = sorted(os.listdir(f"{apt}/apt.conf.d"))
    except OSError:
        names = []
    texts += [_text(f"{apt}/apt.conf.d/{name}") for name in names]
    pattern = rf"(?im)^\s*Acquire::{scheme}::Proxy\s+(\"[^\"]*\"|\S+?)\s*;"
    found = [match for text in texts for match in re.findall(pattern, text)]
    proxy = "".join(shlex.split(found[-1])) if found else ""
    return "" if proxy.upper() == "DIRECT" else proxy


def _text(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return file.read(MAX_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
