"""A URL and a registry's settings in, a pool of connections out; and urllib3's errors in ours."""

import os
import ssl
from typing import Any
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ProxyError,
    SSLError,
)

from whit.errors.registry import RegistryUnreachable, RegistryUntrusted
from whit.errors.request import BadSetting
from whit.model.registries import Patience, RegistrySettings
from whit.registry.failures import Temporary

CONNECTIONS = 8
BLOCK_BYTES = 1 << 20


def open_pool(url: str, settings: RegistrySettings, patience: Patience, *, is_own: bool) -> Any:
    """A pool for `url`, through a proxy where the environment names one. The registry's CA also
    vouches for its token server; `insecure` and its client certificate are for itself only.

    Errors: BadSetting.
    """
    timeout = urllib3.Timeout(connect=patience.connect_seconds, read=patience.stall_seconds)
    options: dict[str, Any] = {
        "timeout": timeout, "maxsize": CONNECTIONS, "block": True, "blocksize": BLOCK_BYTES,
    }  # fmt: skip
    if url.startswith("https:"):
        options["ssl_context"] = tls_context(
            settings if is_own else RegistrySettings(ca=settings.ca)
        )
        if is_own and settings.insecure:
            options["assert_hostname"] = False
    proxy = _proxy(url)
    if proxy:
        return urllib3.ProxyManager(proxy, **options)
    return urllib3.PoolManager(**options)


def tls_context(settings: RegistrySettings) -> ssl.SSLContext:
    """The system's roots (or the file SSL_CERT_FILE names) and the registry's own."""
    context = ssl.create_default_context()
    if settings.insecure:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    elif not context.cert_store_stats()["x509_ca"] and not context.get_ca_certs():
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


def _proxy(url: str) -> str:
    from urllib.request import getproxies_environment, proxy_bypass  # noqa: PLC0415

    parts = urlsplit(url)
    if proxy_bypass(parts.netloc) or parts.hostname in (
        "localhost",
        "127.0.0.1",
        "::1",
    ):
        return ""
    known = getproxies_environment()
    return known.get(parts.scheme, "") or known.get("all", "")


def failure_of(error: Exception, host: str) -> Exception | None:
    """What an error of urllib3, TLS or a socket means; None for anything else."""
    chain = _chain(error)
    if isinstance(error, ProxyError):
        proxies = ", ".join(
            n for n in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY") if n in os.environ
        )
        reached = RegistryUnreachable(
            f"the proxy on the way to {host} cannot be used",
            hint=f"look at {proxies or 'the proxy'}",
        )
        return Temporary(reached, few=True)
    tls = next((one for one in chain if isinstance(one, ssl.SSLError)), None)
    if tls is not None or isinstance(error, SSLError):
        return _tls_failure(tls or error, host)
    if any(isinstance(one, NameResolutionError) for one in chain):
        unknown = RegistryUnreachable(
            f"no address is known for {host}", hint="look at the name, and at this host's network"
        )
        return Temporary(unknown, few=True)
    if isinstance(error, NewConnectionError | ConnectTimeoutError):
        return Temporary(
            RegistryUnreachable(
                f"{host} cannot be reached: {_reason(error)}",
                hint="is the registry running, and does a firewall or a proxy stand between?",
            ),
            few=True,
        )
    if isinstance(error, HTTPError | OSError):
        return Temporary(
            RegistryUnreachable(
                f"the connection to {host} broke: {_reason(error)}", hint="try again later"
            )
        )
    return None


def _chain(error: BaseException) -> list[BaseException]:
    """An error and what it came from, outermost first."""
    found: list[BaseException] = []
    one: BaseException | None = error
    while one is not None and len(found) < 10:
        found.append(one)
        reason = getattr(one, "reason", None)
        inner = reason if isinstance(reason, BaseException) else None
        one = inner or one.__cause__ or one.__context__
    return found


def _tls_failure(cause: BaseException, host: str) -> Exception:
    if isinstance(cause, ssl.SSLCertVerificationError):
        return RegistryUntrusted(
            f"the certificate of {host} is not trusted: {cause.verify_message}",
            hint=f'name its CA in whit.toml: [registries."{host}"] ca = "ca.pem", '
            "or for all programs with SSL_CERT_FILE",
        )
    said = str(getattr(cause, "reason", "") or cause)
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
    text = str(seen).rpartition(">: ")[2] or type(seen).__name__
    return text[:200]
