"""A need's What and the tree in, the path that satisfies it out: an independent look (pure).

The planner chose files for needs; here the finished tree is asked what a Go program would ask, in
the order the Go library asks it. The lists come from Go's own sources, which each comment names.
"""

from collections.abc import Mapping

from whit.model.plan import What
from whit.prove.paths import Walker, may_write
from whit.sandbox.spec import Account

# crypto/x509/root_linux.go: certFiles, then certDirectories.
_ROOT_FILES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
_ROOT_DIRECTORIES = ("/etc/ssl/certs", "/etc/pki/tls/certs")
# time/zoneinfo_unix.go: platformZoneSources, but for the one relative to GOROOT.
_ZONE_DIRECTORIES = (
    "/usr/share/zoneinfo",
    "/usr/share/lib/zoneinfo",
    "/usr/lib/locale/TZ",
    "/etc/zoneinfo",
)
_PLAIN_FILES = {
    "users": ("/etc/passwd",),
    "nsswitch": ("/etc/nsswitch.conf",),
}
_PROGRAM_DIRECTORIES = (
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
)
# The loader's rules say where libraries are looked for (prove.libraries), a licence is no part of
# running, and the cache has its own fixed place.
_CHECKED_ELSEWHERE = ("licence", "loader-cache")
_FIRST_PATH = ("library", "beside", "link")


def unprovided(
    what: What, walker: Walker, account: Account, env: Mapping[str, str]
) -> tuple[str, ...]:
    """What is missing of it, in words; nothing when the tree has all of it."""
    plain = _PLAIN_FILES.get(what.kind)
    if plain:
        return () if any(map(walker.file, plain)) else (plain[0],)
    if what.kind == "ca-roots":
        return _roots(walker, env)
    if what.kind in ("zones", "zones-of-program"):
        return _zones(what.names, walker, env)
    if what.kind in ("tmp", "home"):
        name = "TMPDIR" if what.kind == "tmp" else "HOME"
        place = env.get(name) or ("/tmp" if what.kind == "tmp" else account.home)
        place = what.names[0] if what.names else place
        return _writable(place, walker, account)
    if what.kind == "program":
        return tuple(name for name in what.names if not _program(name, walker, env))
    if what.kind in _CHECKED_ELSEWHERE:
        return ()
    if what.kind in _FIRST_PATH:
        return () if walker.file(what.names[0]) else (what.names[0],)
    if what.kind == "tree":
        return tuple(name for name in what.names if not walker.directory(name))
    look = walker.file if what.kind == "file" else walker.directory
    return tuple(name for name in what.names if not look(name))


def _roots(walker: Walker, env: Mapping[str, str]) -> tuple[str, ...]:
    """SSL_CERT_FILE and SSL_CERT_DIR replace the lists (crypto/x509/root_unix.go)."""
    files = (env["SSL_CERT_FILE"],) if env.get("SSL_CERT_FILE") else _ROOT_FILES
    directories = tuple(env.get("SSL_CERT_DIR", "").split(":")) if env.get("SSL_CERT_DIR") else ()
    directories = directories or _ROOT_DIRECTORIES
    if any(walker.file(path) for path in files):
        return ()
    filled = any(
        path.startswith(f"{directory}/") for directory in directories for path in walker.nodes
    )
    return () if filled else (files[0],)


def _zones(names: tuple[str, ...], walker: Walker, env: Mapping[str, str]) -> tuple[str, ...]:
    """ZONEINFO may name a directory or a zip file; a zip is not opened, its presence counts."""
    own = env.get("ZONEINFO", "")
    if own and walker.file(own):
        return ()
    places = [place for place in (own, *_ZONE_DIRECTORIES) if place and walker.directory(place)]
    if not places:
        return (_ZONE_DIRECTORIES[0],)
    return tuple(
        f"{_ZONE_DIRECTORIES[0]}/{name}"
        for name in names
        if name not in ("UTC", "Local", "") and not any(walker.file(f"{p}/{name}") for p in places)
    )


def _writable(place: str, walker: Walker, account: Account) -> tuple[str, ...]:
    if not place:
        return ("HOME",)
    directory = walker.directory(place)
    if directory is None:
        return (place,)
    return () if may_write(directory, account) else (f"{place} (not writable for {account.uid})",)


def _program(name: str, walker: Walker, env: Mapping[str, str]) -> bool:
    if "/" in name:
        return walker.file(name) is not None
    places = env["PATH"].split(":") if env.get("PATH") else _PROGRAM_DIRECTORIES
    return any(walker.file(f"{place}/{name}") for place in places)
