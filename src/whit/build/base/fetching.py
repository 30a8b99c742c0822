"""A mirror's files in, files of known digest in the cache out. A door.

What is fetched is never believed: an InRelease is checked by its signature, everything else by the
size and digest that the signed text leads to, before it has its name in the cache.

    <cache>/debian/pool/DIGEST           packages
    <cache>/debian/indexes/DIGEST        indexes, decompressed
    <cache>/debian/seen                  the date of the newest Release of each suite
"""

import hashlib
import lzma
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any, BinaryIO
from urllib.parse import SplitResult, quote, unquote, urlsplit

import msgspec

from whit.bases.debian.index import Candidate
from whit.bases.debian.release import Listed
from whit.build.base.mirrors import apt_proxy
from whit.errors.bases import MirrorFailed, WrongBytes
from whit.errors.registry import Offline
from whit.model.names import Digest

MAX_INDEX_BYTES = 1 << 30
_CHUNK_BYTES = 1 << 18
_STALL_SECONDS = 60.0
_TRIES = 3


class Mirror:
    """Whatever answers for a URL. One object serves all suites of a command."""

    def __init__(self, *, offline: bool = False) -> None:
        self._offline = offline
        self._pools: dict[tuple[str, str], Any] = {}
        self._proxies: dict[tuple[str, str], str] = {}

    def read(self, url: str, path: str, limit: int) -> bytes:
        """A small file. Errors: MirrorFailed."""
        chunks, size = [], 0
        for chunk in self._chunks(f"{url}/{path}"):
            size += len(chunk)
            if size > limit:
                raise MirrorFailed(f"{shown(url)}/{path} has more than {limit} bytes")
            chunks.append(chunk)
        return b"".join(chunks)

    def save(self, url: str, paths: tuple[str, ...], wanted: Listed, out: IO[bytes]) -> None:
        """Write the first of `paths` that is there and has the right bytes.

        Errors: MirrorFailed, WrongBytes.
        """
        for number, path in enumerate(paths, 1):
            try:
                out.seek(0)
                out.truncate()
                _checked(self._chunks(f"{url}/{path}"), wanted, f"{shown(url)}/{path}", out)
            except MirrorFailed:
                if number == len(paths):
                    raise
            else:
                return

    def close(self) -> None:
        for pool in self._pools.values():
            pool.clear()

    def _chunks(self, url: str) -> Iterator[bytes]:
        if url.startswith("file:"):
            return _local(url.removeprefix("file:"))
        if self._offline:
            raise Offline(
                f"--offline: {shown(url)} would have to be asked",
                hint="leave --offline out once: what is locked and fetched is kept",
            )
        return self._remote(url)

    def _remote(self, url: str) -> Iterator[bytes]:
        import urllib3

        plain = quote(shown(url), safe="/:@%+~[]?=&,;")
        headers = urllib3.make_headers(basic_auth=_login(urlsplit(url)))
        try:
            answer = self._pool(plain).request("GET", plain, headers=headers, preload_content=False)
            try:
                if answer.status != 200:
                    raise MirrorFailed(f"{plain} answered {answer.status}", hint=_HINT)
                yield from answer.stream(_CHUNK_BYTES, decode_content=False)
            finally:
                answer.release_conn()
        except urllib3.exceptions.HTTPError as error:
            reason = getattr(error, "reason", None) or error
            raise MirrorFailed(f"{plain} cannot be fetched: {reason}", hint=_HINT) from None

    def _pool(self, url: str) -> Any:
        import urllib3

        from whit.model.registries import RegistrySettings
        from whit.registry.connection import tls_context

        parts = urlsplit(url)
        place = (parts.scheme, parts.netloc)
        if place not in self._proxies:
            self._proxies[place] = _proxy(parts)
        proxy = self._proxies[place]
        key = (parts.scheme, proxy)
        if key not in self._pools:
            options: dict[str, Any] = {
                "timeout": urllib3.Timeout(connect=10.0, read=_STALL_SECONDS),
                "retries": urllib3.Retry(
                    _TRIES, redirect=5, backoff_factor=0.3, status_forcelist=(429, 502, 503, 504),
                    raise_on_status=False,
                ),
            }  # fmt: skip
            if parts.scheme == "https":
                options["ssl_context"] = tls_context(RegistrySettings())
            self._pools[key] = (
                urllib3.ProxyManager(
                    shown(proxy),
                    proxy_headers=urllib3.make_headers(proxy_basic_auth=_login(urlsplit(proxy))),
                    **options,
                )
                if proxy
                else urllib3.PoolManager(**options)
            )
        return self._pools[key]


def shown(url: str) -> str:
    """The URL without a name and password."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl() if "@" in url else url


def _login(parts: SplitResult) -> str | None:
    """NAME:PASSWORD of a URL, as they are meant."""
    login, at, _ = parts.netloc.rpartition("@")
    return unquote(login) if at else None


_HINT = "is the mirror right, and does it have this release? --mirror names another"


def _proxy(parts: SplitResult) -> str:
    """What the environment says, else what apt says; "" for the direct way."""
    from urllib.request import getproxies_environment, proxy_bypass

    if parts.hostname in ("localhost", "127.0.0.1", "::1") or proxy_bypass(parts.netloc):
        return ""
    known = getproxies_environment()
    return (
        known.get(parts.scheme, "")
        or known.get("all", "")
        or apt_proxy(parts.scheme, parts.hostname or "")
    )


def _local(path: str) -> Iterator[bytes]:
    try:
        with open(path, "rb") as file:
            while data := file.read(_CHUNK_BYTES):
                yield data
    except OSError as error:
        raise MirrorFailed(f"{path} cannot be read: {error.strerror}", hint=_HINT) from None


def _checked(chunks: Iterator[bytes], wanted: Listed, what: str, out: IO[bytes]) -> None:
    state, size = hashlib.sha256(), 0
    for chunk in chunks:
        size += len(chunk)
        if size > wanted.size:
            break
        state.update(chunk)
        out.write(chunk)
    if size != wanted.size or f"sha256:{state.hexdigest()}" != wanted.digest:
        raise WrongBytes(
            f"{what} is not what the signed index says: {wanted.size} bytes with the digest "
            f"{wanted.digest}",
            hint="the mirror is in the middle of an update, or somebody changed it; try another",
        )


# ---- the cache ----------------------------------------------------------------------------------


class Larder:
    """What was fetched and checked before. Several processes may use it at once."""

    def __init__(self, cache: str, mirror: Mirror) -> None:
        self._place = os.path.join(cache, "debian")
        self._mirror = mirror

    def package(self, one: Candidate, url: str) -> str:
        """The path of a package's file, fetched unless it is here. Errors: as `Mirror.save`."""
        wanted = Listed(one.digest, one.size)

        def fetch(out: IO[bytes]) -> None:
            self._mirror.save(url, (one.path,), wanted, out)

        return self._kept("pool", wanted, fetch)

    def index(self, url: str, directory: str, listed: dict[str, Listed], *, hashed: bool) -> str:
        """The path of a suite's decompressed index. Errors: WrongBytes, MirrorFailed."""
        plain = next((listed[p] for p in listed if p.endswith("/Packages")), None)
        packed = [p for p in listed if p.endswith("/Packages.xz")] or list(listed)
        if not packed or plain is None:
            raise WrongBytes(
                f"the Release below {shown(url)}/{directory} names no index for this machine",
                hint="does the mirror carry this architecture?",
            )
        path, wanted = packed[0], listed[packed[0]]

        def fetch(out: IO[bytes]) -> None:
            above = path.rpartition("/")[0]
            by_hash = f"{directory}/{above}/by-hash/SHA256/{wanted.digest[7:]}"
            paths = (*((by_hash,) if hashed else ()), f"{directory}/{path}")
            if not path.endswith(".xz"):
                self._mirror.save(url, paths, wanted, out)
                return
            with tempfile.TemporaryFile(dir=self._place) as file:
                self._mirror.save(url, paths, wanted, file)
                file.seek(0)
                _checked(_unpacked(file, path), plain, f"{shown(url)}/{directory}/{path}", out)

        return self._kept("indexes", plain, fetch)

    @contextmanager
    def workspace(self) -> Iterator[str]:
        """A directory for what is unpacked, gone afterwards."""
        os.makedirs(self._place, mode=0o700, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._place, ignore_cleanup_errors=True) as place:
            yield place

    def seen(self) -> dict[str, int]:
        """The date of the newest Release of each suite."""
        try:
            with open(f"{self._place}/seen", "rb") as file:
                return msgspec.json.decode(file.read(1 << 20), type=dict[str, int])
        except (OSError, msgspec.DecodeError):
            return {}

    def note_seen(self, dates: dict[str, int]) -> None:
        from whit.oci.layout import write_whole

        known = self.seen()
        newer = {suite: max(date, known.get(suite, 0)) for suite, date in dates.items()}
        os.makedirs(self._place, mode=0o700, exist_ok=True)
        write_whole(f"{self._place}/seen", msgspec.json.encode({**known, **newer}))

    def _kept(self, kind: str, wanted: Listed, fetch: Callable[[IO[bytes]], None]) -> str:
        path = f"{self._place}/{kind}/{wanted.digest[7:]}"
        if _is(path, wanted):
            return path
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=os.path.dirname(path), delete=False) as file:
            try:
                fetch(file)
                file.flush()
                os.rename(file.name, path)
            except BaseException:
                with suppress(OSError):
                    os.unlink(file.name)
                raise
        if kind == "indexes":
            self._forget_others(path)
        return path

    def _forget_others(self, path: str) -> None:
        """Indexes have 60 MB each, and are of use while they are current."""
        place = os.path.dirname(path)
        names = [os.path.join(place, name) for name in os.listdir(place)]
        with suppress(OSError):
            names.sort(key=os.path.getmtime)
            for old in names[:-MAX_INDEXES]:
                os.unlink(old)


MAX_INDEXES = 8


def _is(path: str, wanted: Listed) -> bool:
    """Whether the file there has the right bytes: what lies on a disk may have changed."""
    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size != wanted.size:
                return False
            return Digest(f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}") == (
                wanted.digest
            )
    except OSError:
        return False


def _unpacked(file: BinaryIO, what: str) -> Iterator[bytes]:
    decompressor = lzma.LZMADecompressor(memlimit=256 << 20)
    try:
        while not decompressor.eof:
            data = file.read(_CHUNK_BYTES) if decompressor.needs_input else b""
            if decompressor.needs_input and not data:
                raise WrongBytes(f"{what} is truncated")
            yield decompressor.decompress(data, 1 << 20)
    except lzma.LZMAError as error:
        raise WrongBytes(f"{what} holds damaged xz data: {error}") from None
