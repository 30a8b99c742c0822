"""Requests in, answers out: one registry host, spoken to with patience. A door.

Temporary failures are met with another try (patience.py); every other failure is told at once.
Credentials go to the registry's own origin and to its token server, and nowhere else: redirects
are followed by hand, without them, and never from HTTPS to plain HTTP.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol
from urllib.parse import urljoin, urlsplit

import msgspec

from whit import __version__
from whit.errors import WhitError
from whit.errors.registry import BadAnswer, RegistryUnreachable, RegistryUntrusted
from whit.model.registries import Patience
from whit.registry.failures import Temporary
from whit.registry.hosts import Endpoint
from whit.registry.patience import Retrying, untold

if TYPE_CHECKING:
    from email.message import Message

    from whit.registry.connection import Pool, Received

MAX_REDIRECTS = 5
# A token may end between its purchase by one thread and its use by another.
MAX_LOGINS = 3
MAX_ERROR_BYTES = 64 << 10
_TEMPORARY = frozenset({408, 425, 429, 500, 502, 503, 504})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Body(msgspec.Struct, frozen=True):
    """What a request carries: `size` bytes that can be opened again for another try."""

    open: Callable[[], BinaryIO]
    size: int
    media_type: str = "application/octet-stream"


class Answer(msgspec.Struct, frozen=True):
    """A finished answer. Header names are lower case; `url` is where it came from."""

    status: int
    headers: dict[str, str]
    data: bytes
    url: str


class Login(Protocol):
    """Whoever answers a 401."""

    @property
    def origin(self) -> str: ...
    def header(self, scopes: tuple[str, ...]) -> str: ...
    def answer(
        self, challenge: str, scopes: tuple[str, ...], refused: str, transport: "Transport"
    ) -> None: ...


class Transport:
    """One registry host. Threads may share it. `count` says how many requests were made, and
    `tell` hears why one is made again.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        login: Login,
        patience: Patience,
        tell: Callable[[str], None] = untold,
    ) -> None:
        self.endpoint, self.patience = endpoint, patience
        self.patiently = Retrying(patience, tell)
        self.count = 0
        self._login = login
        self._lock = threading.Lock()
        self._scheme = ""
        self._pools: dict[str, Pool] = {}

    # ---- with patience --------------------------------------------------------------------------

    def request(
        self,
        method: str,
        path: str,
        *,
        accept: tuple[int, ...],
        scopes: tuple[str, ...],
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
        limit_bytes: int = 4 << 20,
    ) -> Answer:
        """One request, again where that may help. `path` starts with /v2/, or is a whole URL.

        Errors: those of the R pages; a status that is not in `accept` is one.
        """
        found: Answer = self.patiently(
            lambda: self.attempt(
                method, path, accept=accept, scopes=scopes, headers=headers, body=body,
                limit_bytes=limit_bytes,
            )
        )  # fmt: skip
        return found

    def attempt(
        self,
        method: str,
        path: str,
        *,
        accept: tuple[int, ...],
        scopes: tuple[str, ...],
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
        limit_bytes: int = 4 << 20,
    ) -> Answer:
        """One try; raises Temporary where another may help."""
        with self._exchange(method, path, scopes, headers or {}, body) as (response, url):
            if response.status not in accept:
                raise self._refusal(method, response, url)
            data = self._read(response, limit_bytes, url) if method != "HEAD" else b""
            return Answer(response.status, _lower(response.headers), data, url)

    @contextmanager
    def stream(
        self, path: str, offset: int, *, scopes: tuple[str, ...], accept: tuple[int, ...]
    ) -> Iterator[tuple[int, Callable[[bytearray], int]]]:
        """An open answer from `offset` on: its status, and a function that fills a buffer. One
        try; raises Temporary where another may help.
        """
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        with self._exchange("GET", path, scopes, headers, None) as (response, url):
            if response.status not in accept:
                raise self._refusal("GET", response, url)

            def fill(buffer: bytearray) -> int:
                with self._failures(url):
                    return response.readinto(buffer)

            yield response.status, fill

    # ---- one exchange ---------------------------------------------------------------------------

    @contextmanager
    def _exchange(
        self,
        method: str,
        path: str,
        scopes: tuple[str, ...],
        headers: Mapping[str, str],
        body: Body | None,
    ) -> Iterator[tuple["Received", str]]:
        """An open response after redirects and, where asked for, a login."""
        origin = self.origin()
        url = urljoin(origin, path)
        logins = 0
        redirects = 0
        while True:
            sent = dict(headers)
            is_own = _origin_of(url) == origin
            said = self._login.header(scopes) if is_own else ""
            if said:
                sent["Authorization"] = said
            response = self._send(method, url, sent, body)
            try:
                if response.status == 401 and is_own and logins < MAX_LOGINS:
                    challenge = response.headers.get("WWW-Authenticate", "")
                    response.finish()
                    logins += 1
                    self._login.answer(challenge, scopes, said, self)
                    continue
                if response.status in _REDIRECTS and method in ("GET", "HEAD"):
                    url = self._next(url, response.headers.get("Location", ""))
                    redirects += 1
                    if redirects > MAX_REDIRECTS:
                        raise BadAnswer(f"{self.endpoint.host} redirects without end", hint=_LATER)
                    continue
                yield response, url
                return
            finally:
                response.finish()

    def _send(
        self, method: str, url: str, headers: Mapping[str, str], body: Body | None
    ) -> "Received":
        sent = {"User-Agent": f"whit/{__version__}", "Accept-Encoding": "identity", **headers}
        opened: BinaryIO | None = None
        if body is not None:
            sent |= {"Content-Length": str(body.size), "Content-Type": body.media_type}
            opened = body.open()
        elif method in ("POST", "PUT"):
            sent["Content-Length"] = "0"
        with self._lock:
            self.count += 1
        try:
            with self._failures(url):
                return self._pool(url).send(method, url, sent, opened)
        finally:
            if opened is not None:
                opened.close()

    def fetch(
        self, method: str, url: str, headers: Mapping[str, str], body: Body | None = None
    ) -> Answer:
        """A request to another server, such as a token server: no login, no redirects."""
        response = self._send(method, url, headers, body)
        try:
            data = self._read(response, 1 << 20, url)
        finally:
            response.finish()
        if response.status in _TEMPORARY:
            raise Temporary(self._words(method, response.status, data, url), _wait(response))
        return Answer(response.status, _lower(response.headers), data, url)

    def origin(self) -> str:
        """`https://host`, or `http://host` where that is allowed and nothing else answers."""
        if not self._scheme:
            with self._lock:
                self._scheme = self._scheme or self._find_scheme()
        return f"{self._scheme}://{self.endpoint.host}"

    def _find_scheme(self) -> str:
        """TLS is tried first; a handshake that meets plain HTTP fails at once."""
        if not (self.endpoint.settings.insecure or self.endpoint.is_local):
            return "https"
        import socket  # noqa: PLC0415
        import ssl  # noqa: PLC0415

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        name, port = _host_and_port(self.endpoint.host)
        try:
            with (
                socket.create_connection((name, port or 443), self.patience.connect_seconds) as raw,
                context.wrap_socket(raw, server_hostname=name),
            ):
                return "https"
        except (ssl.SSLCertVerificationError, ssl.SSLZeroReturnError):
            return "https"
        except ssl.SSLError as error:
            # A server that wants our certificate answers with an alert; plain HTTP is no TLS.
            is_plain = error.reason in (
                "WRONG_VERSION_NUMBER",
                "RECORD_LAYER_FAILURE",
                "HTTP_REQUEST",
            )
            return "http" if is_plain else "https"
        except OSError:
            return "https" if port == 443 else "http"

    def _next(self, url: str, location: str) -> str:
        target = joined(url, location) if location else ""
        if not target:
            raise BadAnswer(
                f"{self.endpoint.host} redirects to {location[:200]!r}, which is no address",
                hint=_LATER,
            )
        check_downgrade(url, target)
        return target

    def _pool(self, url: str) -> "Pool":
        key = _origin_of(url)
        with self._lock:
            if key not in self._pools:
                from whit.registry.connection import open_pool  # noqa: PLC0415

                settings = self.endpoint.settings
                is_own = urlsplit(url).netloc == self.endpoint.host
                self._pools[key] = open_pool(url, settings, self.patience, is_own=is_own)
            return self._pools[key]

    # ---- failures -------------------------------------------------------------------------------

    @contextmanager
    def _failures(self, url: str) -> Iterator[None]:
        """Turn what breaks on the way into errors of ours."""
        from whit.registry.connection import failure_of  # noqa: PLC0415

        try:
            yield
        except (WhitError, Temporary):
            raise
        except Exception as error:
            found = failure_of(error, urlsplit(url).netloc)
            if found is None:
                raise
            raise found from error

    def _read(self, response: Any, limit_bytes: int, url: str) -> bytes:
        with self._failures(url):
            data: bytes = response.read(limit_bytes + 1)
        if len(data) > limit_bytes:
            raise BadAnswer(
                f"{urlsplit(url).netloc} sent more than {limit_bytes >> 20} MiB where a small "
                "document belongs",
                hint="nothing of it was kept",
            )
        expected = response.headers.get("Content-Length", "")
        if expected.isdigit() and len(data) < int(expected[:19]):
            error = RegistryUnreachable(f"{urlsplit(url).netloc} ended its answer early")
            raise Temporary(error)
        return data

    def _refusal(self, method: str, response: Any, url: str) -> Exception:
        try:
            data = response.read(MAX_ERROR_BYTES)
        except Exception:  # noqa: BLE001 - the status says enough
            data = b""
        leads_to = response.headers.get("Location", "") if response.status in _REDIRECTS else ""
        error = self._words(method, response.status, data, url, leads_to)
        if response.status in _TEMPORARY:
            return Temporary(error, _wait(response))
        return error

    def _words(
        self, method: str, status: int, data: bytes, url: str, leads_to: str = ""
    ) -> WhitError:
        from whit.registry.refusals import redirect_of, refusal_of  # noqa: PLC0415

        place = urlsplit(url)._replace(query="").geturl()
        if leads_to:
            # A signed address holds a secret in its query.
            target = urlsplit(joined(url, leads_to))._replace(query="").geturl()
            return redirect_of(method, place, status, target)
        return refusal_of(method, place, status, data, self._login.origin)


_LATER = "the registry is broken or set up wrongly; its operators can tell"


def check_downgrade(source: str, target: str) -> None:
    """Refuse a way from HTTPS to plain HTTP. Errors: RegistryUntrusted."""
    if urlsplit(source).scheme == "https" and urlsplit(target).scheme != "https":
        raise RegistryUntrusted(
            f"{urlsplit(source).netloc} leads from HTTPS to plain HTTP: {target[:200]}",
            hint="its set-up is wrong; nothing was sent there",
        )


def joined(url: str, said: str) -> str:
    """Where `said`, an address or a part of one, leads from `url`; "" when it is none."""
    try:
        target = urljoin(url, said)
        parts = urlsplit(target)
        is_address = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        return ""
    return target if is_address else ""


def _origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _host_and_port(host: str) -> tuple[str, int]:
    parts = urlsplit(f"//{host}")
    try:
        return parts.hostname or host, parts.port or 0
    except ValueError:
        return host, 0


def _lower(headers: "Message") -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _wait(response: Any) -> float | None:
    """Retry-After in seconds: a number, or a date (RFC 9110, section 10.2.3)."""
    said = response.headers.get("Retry-After", "").strip()
    if said.isdigit():
        return float(said) if len(said) < 10 else 1e9
    from email.utils import parsedate_to_datetime  # noqa: PLC0415

    try:
        return max(0.0, parsedate_to_datetime(said).timestamp() - time.time()) if said else None
    except (ValueError, TypeError):
        return None
