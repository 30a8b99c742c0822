"""Names in references in, repositories that can be asked out; made once, shared by all of a build.

The store remembers which repository has a blob, so that the next push to the same registry can
mount it instead of sending it.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import BinaryIO

import msgspec

from whit.build.events import Listener, Warned, unheard
from whit.errors.names import BadName
from whit.errors.registry import Offline
from whit.model.names import Digest, Reference
from whit.model.registries import Patience, RegistrySettings
from whit.oci.documents import Descriptor
from whit.registry.auth import Authority
from whit.registry.client import Repository
from whit.registry.credentials import Credential, find_credential
from whit.registry.hosts import Endpoint, mirrors_of, origin_of, remote
from whit.registry.transport import Transport
from whit.store.blobs import Store
from whit.store.incoming import Receiver
from whit.store.steps import key_of

_MAX_REMEMBERED = 8


class Registries:
    """The registries of one command. Transports are shared by repositories of one registry."""

    def __init__(
        self,
        settings: Mapping[str, RegistrySettings],
        home: str = "",
        patience: Patience | None = None,
        environment: Mapping[str, str] | None = None,
        *,
        offline: bool = False,
        listen: Listener = unheard,
    ) -> None:
        self._is_offline, self._listen = offline, listen
        self._settings = {name: _placed(one, home) for name, one in settings.items()}
        self._patience = patience or Patience()
        self._environment = os.environ if environment is None else environment
        self._transports: dict[tuple[str, Credential], Transport] = {}

    def target(self, reference: Reference) -> Repository:
        """Where an image is pushed: the registry itself, never a mirror."""
        if not reference.registry:
            raise BadName(
                f"{reference} names no registry",
                hint=f"write the registry before it: registry.example/{reference}",
            )
        full = remote(str(reference))
        return self._repository(origin_of(full.registry, self._settings), full, pushes=True)

    def sources(self, reference: Reference) -> tuple[Repository, ...]:
        """Where an image may be pulled from: mirrors first, then the registry itself."""
        full = remote(str(reference))
        endpoints = (
            *mirrors_of(full.registry, self._settings),
            origin_of(full.registry, self._settings),
        )
        return tuple(self._repository(one, full, pushes=False) for one in endpoints)

    @property
    def requests(self) -> int:
        """How many were made so far, logins included."""
        return sum(one.count for one in self._transports.values())

    def transport(self, registry: str) -> Transport:
        """The registry itself, whatever repository."""
        return self._transport(origin_of(registry, self._settings), "")

    def _repository(self, endpoint: Endpoint, full: Reference, *, pushes: bool) -> Repository:
        return Repository(
            self._transport(endpoint, full.repository), full.repository, pushes=pushes
        )

    def _transport(self, endpoint: Endpoint, repository: str) -> Transport:
        if self._is_offline:
            what = f"{endpoint.registry}/{repository}" if repository else endpoint.registry
            raise Offline(
                f"--offline: {what} would have to be asked",
                hint="leave --offline out once: what it gives is kept in the store",
            )
        credential = find_credential(endpoint.registry, repository, self._environment)
        key = (endpoint.host, credential)
        if key not in self._transports:
            self._transports[key] = Transport(
                endpoint, Authority(credential), self._patience, lambda t: self._listen(Warned(t))
            )
        return self._transports[key]


def check_login(
    registry: str,
    username: str,
    password: str,
    settings: Mapping[str, RegistrySettings],
    home: str,
    tell: Callable[[str], None],
) -> None:
    """Whether the registry takes these credentials. Errors: NotAuthorized and other R pages."""
    endpoint = origin_of(registry, {n: _placed(one, home) for n, one in settings.items()})
    authority = Authority(Credential(username, password, origin="the command line"))
    transport = Transport(endpoint, authority, Patience(), tell)
    transport.request("GET", "/v2/", accept=(200,), scopes=())


def _placed(settings: RegistrySettings, home: str) -> RegistrySettings:
    """Files are named from the directory of whit.toml."""
    named = {
        name: os.path.join(home, value)
        for name in ("ca", "cert", "key")
        if (value := getattr(settings, name))
    }
    return msgspec.structs.replace(settings, **named)


class StoreMemory:
    """What the store remembers of registries: which repository has a blob."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def repositories(self, registry: str, digest: str) -> tuple[str, ...]:
        value = self._store.steps.get(key_of("repositories", registry, digest))
        try:
            return msgspec.json.decode(value, type=tuple[str, ...]) if value else ()
        except msgspec.DecodeError:
            return ()

    def remember(self, registry: str, digest: str, repository: str) -> None:
        known = self.repositories(registry, digest)
        if known[:1] == (repository,):
            return
        names = (repository, *(one for one in known if one != repository))[:_MAX_REMEMBERED]
        key = key_of("repositories", registry, digest)
        self._store.steps.put(key, msgspec.json.encode(names))


class StoreSink:
    """The store as a place where pulled blobs go."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def has(self, blob: Descriptor) -> bool:
        return self._store.is_intact(Digest(blob.digest), blob.size)

    @contextmanager
    def incoming(self, blob: Descriptor) -> Iterator[Receiver]:
        with self._store.incoming(Digest(blob.digest), blob.size) as receiver:
            yield receiver


class OpenAt:
    """Blobs of the store from an offset on, not compared: the registry compares them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __call__(self, blob: Descriptor, offset: int) -> BinaryIO:
        file = self._store.open_blob(Digest(blob.digest), verify=False)
        file.seek(offset)
        return file
