"""A URL and a registry's settings in, connections that are used again out; and what breaks on them
in errors of ours.

http.client speaks: importing urllib3 takes longer than pushing a small image.
"""

import base64
import os
import select
import socket
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from threading import BoundedSemaphore
from typing import BinaryIO
from urllib.parse import SplitResult, quote, unquote, urlsplit

from whit.errors.registry import BadAnswer, RegistryUnreachable, RegistryUntrusted
from whit.errors.request import BadSetting
from whit.model.registries import Patience, RegistrySettings
from whit.registry.failures import Temporary

CONNECTIONS = 8
BLOCK_BYTES = 1 << 20
# So much of an answer that nobody reads is read all the same, to use its connection again.
_DRAIN_BYTES = 64 << 10
_TRIES_UNREACHED = 3  # a host that is not there at all
_TRIES_SILENT = 2  # each takes the whole of Patience.stall_seconds
_LOCAL = ("localhost", "127.0.0.1", "::1")
# What stays as it is in a path and a query; everything else is written as %XX.
_KEPT = "/%:?=&;+,@!$'()*~[]"


class CannotConnect(OSError):
    """No connection came about; its cause says why. `proxy` is whether one stood between."""

    def __init__(self, *, proxy: bool) -> None:
        super().__init__("no connection")
        self.proxy = proxy


class Received:
    """An answer whose body can be read. `finish` has to be called."""

    def __init__(self, response: HTTPResponse, connection: HTTPConnection, pool: "Pool") -> None:
        self.status, self.headers = response.status, response.headers
        self.read, self.readinto = response.read, response.readinto
        self._response, self._connection = response, connection
        self._pool: Pool | None = pool

    def finish(self) -> None:
        """Keep the connection when the answer was read, or is a short refusal; else end it."""
        response, pool = self._response, self._pool
        if pool is None:
            return
        self._pool = None
        try:
            if not response.isclosed() and (response.length == 0 or self.status >= 300):
                response.read(_DRAIN_BYTES)
            is_read = response.isclosed()
        except (OSError, HTTPException):
            is_read = False
        if not is_read:
            self._connection.close()
        pool.take_back(self._connection)


class Pool:
    """Connections to one origin, at most CONNECTIONS at a time. Threads may share it."""

    def __init__(
        self, make: Callable[[], HTTPConnection], patience: Patience, proxy: SplitResult | None
    ) -> None:
        self._make, self._patience, self._proxy = make, patience, proxy
        self._idle: list[HTTPConnection] = []
        self._places = BoundedSemaphore(CONNECTIONS)

    def __del__(self) -> None:
        for connection in self._idle:
            connection.close()

    def send(
        self, method: str, url: str, headers: Mapping[str, str], body: BinaryIO | None
    ) -> Received:
        """Send a request and wait for the head of its answer. Errors: what `failure_of` knows."""
        parts = urlsplit(url)
        target = quote(parts._replace(scheme="", netloc="", fragment="").geturl() or "/", _KEPT)
        sent = dict(headers)
        if self._proxy is not None and parts.scheme == "http":
            target = f"http://{parts.netloc}{target}"
            sent |= _proxy_login(self._proxy)
        self._places.acquire()
        connection = self._make() if not (kept := self._kept()) else kept
        try:
            if connection.sock is None:
                self._connect(connection)
            # Whoever refuses a body need not read it: the answer may be there.
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.request(method, target, body, sent)
            return Received(connection.getresponse(), connection, self)
        except BaseException:
            connection.close()
            self._places.release()
            raise

    def take_back(self, connection: HTTPConnection) -> None:
        if connection.sock is not None:
            self._idle.append(connection)
        self._places.release()

    def _kept(self) -> HTTPConnection | None:
        """A connection that its server has not ended."""
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:
                break
            if connection.sock is not None and not _is_readable(connection.sock):
                return connection
            connection.close()
        return None

    def _connect(self, connection: HTTPConnection) -> None:
        try:
            connection.connect()
        except ssl.SSLError:
            raise
        except (OSError, HTTPException) as error:
            raise CannotConnect(proxy=self._proxy is not None) from error
        connection.sock.settimeout(self._patience.stall_seconds)


def _is_readable(connected: socket.socket) -> bool:
    """Of a connection at rest: it was closed, or says what nobody asked."""
    poll = select.poll()
    poll.register(connected, select.POLLIN)
    return bool(poll.poll(0))


def open_pool(url: str, settings: RegistrySettings, patience: Patience, *, is_own: bool) -> Pool:
    """A pool for `url`, through a proxy where the environment names one. The registry's CA also
    vouches for its token server; `insecure` and its client certificate are for itself only.

    Errors: BadSetting, BadAnswer.
    """
    parts = urlsplit(url)
    proxy = _proxy(parts)
    over = proxy or parts
    try:
        host, port = over.hostname or "", over.port
    except ValueError:
        raise BadAnswer(f"{over.netloc[:200]!r} is no address") from None
    timeout = patience.connect_seconds
    if parts.scheme == "http" and (proxy is None or proxy.scheme == "http"):
        return Pool(
            lambda: HTTPConnection(host, port, timeout, blocksize=BLOCK_BYTES), patience, proxy
        )
    trusts = settings if is_own else RegistrySettings(ca=settings.ca)
    context = tls_context(trusts)

    def make() -> HTTPConnection:
        connection = HTTPSConnection(
            host, port, timeout=timeout, context=context, blocksize=BLOCK_BYTES
        )
        if proxy is not None and parts.scheme == "https":
            connection.set_tunnel(parts.hostname or "", parts.port or 443, _proxy_login(proxy))
        return connection

    return Pool(make, patience, proxy)


def tls_context(settings: RegistrySettings) -> ssl.SSLContext:
    """The system's roots (or the file SSL_CERT_FILE names) and the registry's own."""
    if settings.insecure:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    else:
        context = ssl.create_default_context()
    if not settings.insecure and not (
        context.cert_store_stats()["x509_ca"] or context.get_ca_certs()
    ):
        # A machine without ca-certificates.
        import certifi  # noqa: PLC0415

        context.load_verify_locations(certifi.where())
    try:
        if settings.ca:
            context.load_verify_locations(settings.ca)
        if settings.cert:
            context.load_cert_chain(settings.cert, settings.key or None)
    except (OSError, ssl.SSLError) as error:
        named = ", ".join(filter(None, (settings.ca, settings.cert, settings.key)))
        raise BadSetting(
            f"certificates of a registry cannot be used: {named}: {error.strerror or error}",
            hint='ca, cert and key under [registries."…"] are files in PEM',
        ) from None
    return context


def _proxy(target: SplitResult) -> SplitResult | None:
    """Where the environment says to go instead. Errors: BadSetting."""
    if target.hostname in _LOCAL or not any(name.lower().endswith("_proxy") for name in os.environ):
        return None
    from urllib.request import getproxies_environment, proxy_bypass  # noqa: PLC0415

    known = getproxies_environment()
    said = known.get(target.scheme, "") or known.get("all", "")
    if not said or proxy_bypass(target.netloc):
        return None
    proxy = urlsplit(said if "://" in said else f"http://{said}")
    if not proxy.hostname or proxy.scheme not in ("http", "https"):
        raise BadSetting(
            f"a proxy that whit cannot speak to: {proxy.scheme}://{proxy.hostname or ''}",
            hint="HTTP_PROXY and HTTPS_PROXY name it, as http://HOST:PORT",
        )
    if proxy.scheme == target.scheme == "https":
        raise BadSetting(
            f"the proxy https://{proxy.hostname} stands before {target.netloc}, which speaks TLS "
            "itself",
            hint="name it as http://HOST:PORT: what passes through it is encrypted all the same",
        )
    return proxy


def _proxy_login(proxy: SplitResult) -> dict[str, str]:
    if proxy.username is None:
        return {}
    pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}".encode()
    return {"Proxy-Authorization": "Basic " + base64.b64encode(pair).decode()}


def failure_of(error: Exception, host: str) -> Exception | None:
    """What an error of TLS, HTTP or a socket means; None for anything else."""
    chain = _chain(error)
    tls = next((one for one in chain if isinstance(one, ssl.SSLError)), None)
    if tls is not None:
        return _tls_failure(tls, host)
    if isinstance(error, CannotConnect):
        return Temporary(_unreached(error, chain, host), tries=_TRIES_UNREACHED)
    if isinstance(error, TimeoutError):
        silent = RegistryUnreachable(
            f"{host} was asked and says nothing",
            hint="is it overloaded, or does a firewall or a proxy swallow its answers?",
        )
        return Temporary(silent, tries=_TRIES_SILENT)
    if isinstance(error, HTTPException | OSError):
        return Temporary(
            RegistryUnreachable(
                f"the connection to {host} broke: {_reason(error)}", hint="try again later"
            )
        )
    return None


def _unreached(error: CannotConnect, chain: list[BaseException], host: str) -> RegistryUnreachable:
    if error.proxy:
        names = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")
        proxies = ", ".join(n for n in names if n in os.environ or n.lower() in os.environ)
        return RegistryUnreachable(
            f"the proxy on the way to {host} cannot be used: {_reason(error)}",
            hint=f"look at {proxies or 'the proxy'}",
        )
    if any(isinstance(one, socket.gaierror) for one in chain):
        return RegistryUnreachable(
            f"no address is known for {host}", hint="look at the name, and at this host's network"
        )
    return RegistryUnreachable(
        f"{host} cannot be reached: {_reason(error)}",
        hint="is the registry running, and does a firewall or a proxy stand between?",
    )


def _chain(error: BaseException) -> list[BaseException]:
    """An error and what it came from, outermost first."""
    found: list[BaseException] = []
    one: BaseException | None = error
    while one is not None and len(found) < 10:
        found.append(one)
        one = one.__cause__ or one.__context__
    return found


def _tls_failure(cause: ssl.SSLError, host: str) -> Exception:
    if isinstance(cause, ssl.SSLCertVerificationError):
        return RegistryUntrusted(
            f"the certificate of {host} is not trusted: {cause.verify_message}",
            hint=f'name its CA in whit.toml: [registries."{host}"] ca = "ca.pem", '
            "or for all programs with SSL_CERT_FILE",
        )
    said = str(cause.reason or cause)
    if "WRONG_VERSION_NUMBER" in said or "RECORD_LAYER_FAILURE" in said:
        return RegistryUntrusted(
            f"{host} speaks plain HTTP, where anybody on the way can read and change images",
            hint=f'if that is meant: --insecure {host}, or [registries."{host}"] insecure = true',
        )
    if "CERTIFICATE_REQUIRED" in said or "HANDSHAKE_FAILURE" in said or "ALERT" in said:
        return RegistryUntrusted(
            f"{host} refused the TLS connection: {said.lower().replace('_', ' ')}",
            hint=f'it may want a client certificate: [registries."{host}"] cert and key',
        )
    broke = RegistryUnreachable(f"the TLS connection to {host} broke: {said}")
    return Temporary(broke)


def _reason(error: BaseException) -> str:
    """The innermost words, without addresses of Python objects."""
    seen: BaseException = error
    while seen.__cause__ is not None or seen.__context__ is not None:
        seen = seen.__cause__ or seen.__context__  # type: ignore[assignment]
    if isinstance(seen, OSError) and seen.strerror:
        return seen.strerror.lower()
    return (str(seen) or type(seen).__name__)[:200]
