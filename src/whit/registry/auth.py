"""A registry's challenge and the user's credential in, an Authorization header out.

Bearer tokens come from the token server that the registry names (the distribution
specification's token authentication): one for each set of scopes, again when it is about to end or
is refused. The token server is asked over HTTPS only, unless the registry itself is plain HTTP.
"""

import threading
import time
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

import msgspec

from whit.errors.registry import BadAnswer, NotAuthorized
from whit.registry.credentials import Credential
from whit.registry.transport import Answer, Body, Transport, check_downgrade, joined

if TYPE_CHECKING:
    from whit.registry.challenge import Challenge

CLIENT = "whit"
# What a token server leaves out means 60 seconds (token specification).
_SHORTEST_SECONDS = 60.0
_EARLY_SECONDS = 10.0


class _Token(msgspec.Struct, frozen=True):
    """The token server's answer: `token` or `access_token`, a second one for the future."""

    token: str = ""
    access_token: str = ""
    expires_in: float = 0.0
    refresh_token: str = ""


class _Kept(msgspec.Struct, frozen=True):
    header: str
    ends_at: float


class Authority:
    """The credentials for one registry, and the tokens they bought. Threads may share it."""

    def __init__(self, credential: Credential) -> None:
        self._credential = credential
        self._lock = threading.RLock()
        self._basic = ""
        self.challenge = ""  # the last one that was answered
        self._tokens: dict[tuple[str, ...], _Kept] = {}

    @property
    def origin(self) -> str:
        """Where the credential came from, for messages; "" when there is none."""
        return self._credential.origin if not self._credential.is_anonymous else ""

    def header(self, scopes: tuple[str, ...]) -> str:
        """What to send before being asked; "" when nothing is known yet."""
        if self._credential.registry_token:
            return f"Bearer {self._credential.registry_token}"
        kept = self._tokens.get(scopes)
        if kept is not None and kept.ends_at > time.monotonic():
            return kept.header
        return self._basic

    def answer(
        self, header: str, scopes: tuple[str, ...], refused: str, transport: Transport
    ) -> None:
        """Log in as a 401's WWW-Authenticate asks; `refused` is the Authorization that got it.

        Errors: NotAuthorized, BadAnswer.
        """
        with self._lock:
            if self.header(scopes) != refused:
                return  # another thread has logged in meanwhile
            from whit.registry.challenge import read_challenges  # noqa: PLC0415

            challenges = {one.scheme: one for one in reversed(read_challenges(header))}
            host = transport.endpoint.host
            self.challenge = header
            if bearer := challenges.get("bearer"):
                self._tokens[scopes] = self._bought(bearer, scopes, transport)
            elif "basic" in challenges:
                if not self._credential.password or self._basic:
                    raise self._refused(host)
                self._basic = self._credential.basic
            else:
                raise BadAnswer(
                    f"{host} wants a login and does not say how: {header[:100]!r}",
                    hint="whit knows Bearer and Basic",
                )

    def _refused(self, host: str) -> NotAuthorized:
        if not self.origin:
            return NotAuthorized(
                f"{host} wants a login",
                hint=f"no credentials were found for it: `whit login {host}`",
            )
        return NotAuthorized(
            f"{host} refuses the credentials from {self.origin}",
            hint=f"give it others: `whit login {host}`",
        )

    def _bought(
        self, challenge: "Challenge", scopes: tuple[str, ...], transport: Transport
    ) -> _Kept:
        host = transport.endpoint.host
        said = challenge.parameters.get("realm", "")
        realm = joined(transport.origin(), said) if said else ""
        if not realm:
            raise BadAnswer(f"{host} names no token server", hint="its set-up is wrong")
        check_downgrade(transport.origin(), realm)
        # Those we need, and those that the registry asks for.
        asked = challenge.parameters.get("scope", "").split()
        wanted = joined_scopes((*scopes, *asked))
        service = challenge.parameters.get("service", "")
        if self._credential.identity_token:
            answer = self._exchange(realm, service, wanted, transport)
        else:
            answer = self._ask(realm, service, wanted, transport)
        if answer.status in (400, 401, 403):
            raise self._refused(host)
        return _kept(answer, host)

    def _ask(
        self, realm: str, service: str, scopes: tuple[str, ...], transport: Transport
    ) -> Answer:
        query = [("service", service)] if service else []
        query += [("scope", scope) for scope in scopes]
        headers = {} if self._credential.is_anonymous else {"Authorization": self._credential.basic}
        if headers:
            query.append(("account", self._credential.username))
        joint = "&" if "?" in realm else "?"
        return transport.fetch("GET", f"{realm}{joint}{urlencode(query)}", headers)

    def _exchange(
        self, realm: str, service: str, scopes: tuple[str, ...], transport: Transport
    ) -> Answer:
        """An identity token for an access token (OAuth 2's refresh)."""
        import io  # noqa: PLC0415

        form = urlencode(
            {
                "grant_type": "refresh_token",
                "service": service,
                "client_id": CLIENT,
                "scope": " ".join(scopes),
                "refresh_token": self._credential.identity_token,
            }
        ).encode()
        body = Body(lambda: io.BytesIO(form), len(form), "application/x-www-form-urlencoded")
        return transport.fetch("POST", realm, {}, body)


def joined_scopes(scopes: tuple[str, ...]) -> tuple[str, ...]:
    """Each resource once, with all actions asked of it: registries write them in any order."""
    actions: dict[str, set[str]] = {}
    for scope in scopes:
        resource, _, wanted = scope.rpartition(":")
        actions.setdefault(resource, set()).update(wanted.split(","))
    return tuple(f"{resource}:{','.join(sorted(all_))}" for resource, all_ in actions.items())


def _kept(answer: Answer, host: str) -> _Kept:
    server = urlsplit(answer.url).netloc
    try:
        if answer.status != 200:
            raise msgspec.ValidationError(f"status {answer.status}")
        token = msgspec.json.decode(answer.data, type=_Token)
        value = token.token or token.access_token
        if not value or not value.isprintable() or not value.isascii():
            raise msgspec.ValidationError("no token")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadAnswer(
            f"the token server {server} of {host} gave no token (status {answer.status})",
            hint="try again later, or ask the registry's operators",
        ) from None
    seconds = max(token.expires_in, _SHORTEST_SECONDS) - _EARLY_SECONDS
    return _Kept(f"Bearer {value}", time.monotonic() + seconds)
