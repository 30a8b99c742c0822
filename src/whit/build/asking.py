"""What a noted build pushed in, whether its registries still have it out: a question for each tag.

It is asked at every start, with the credentials of then, before anything of a build is imported.
How a registry wants a login is kept, so that the question is not asked twice:

    <cache>/challenges/<key of the registry>    its last WWW-Authenticate
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from whit.errors import WhitError
from whit.model.names import Reference
from whit.model.registries import Patience
from whit.registry.auth import Authority
from whit.registry.client import Repository
from whit.registry.credentials import find_credential
from whit.registry.failures import Temporary
from whit.registry.hosts import Endpoint
from whit.registry.transport import Transport
from whit.store.steps import key_of

if TYPE_CHECKING:
    from whit.build.request import Request
    from whit.model.result import Receipt

_MAX_CHALLENGE = 8192


class Asked(msgspec.Struct, frozen=True):
    """A tag of a repository, where it is asked for, and the digest that it had."""

    endpoint: Endpoint
    repository: str
    tag: str
    digest: str


def questions_of(receipts: "Sequence[Receipt]", request: "Request") -> tuple[str, ...]:
    """Lines for a note, of what went to registries. They hold no credentials."""
    from whit.build.registries import Registries

    registries = Registries(request.settings.registries, request.home)
    found = []
    for receipt in receipts:
        if receipt.destination == "registry":
            reference = Reference.parse(receipt.reference)
            endpoint = registries.target(reference).transport.endpoint
            found.append(Asked(endpoint, reference.repository, reference.tag, receipt.digest))
    return tuple(msgspec.json.encode(one).decode() for one in found)


def still_there(questions: Sequence[str], cache: str) -> bool:
    """Whether each registry says so. Where one cannot be asked, the build finds out why."""
    try:
        asked = [msgspec.json.decode(question, type=Asked) for question in questions]
        return all(_digest_now(one, f"{cache}/challenges") == one.digest for one in asked)
    except (WhitError, msgspec.DecodeError):
        return False


def _digest_now(asked: Asked, challenges: str) -> str:
    registry = asked.endpoint.registry
    authority = Authority(find_credential(registry, asked.repository, os.environ))
    transport = Transport(asked.endpoint, authority, Patience(tries=1))
    repository = Repository(transport, asked.repository, pushes=True)
    place = f"{challenges}/{key_of('challenge', registry)}"
    known = _kept(place)
    if known:
        with suppress(WhitError, Temporary):  # it is told why when the registry asks anew
            authority.answer(known, repository.scopes, "", transport)
    digest = repository.head(asked.tag)
    if authority.challenge != known:
        _keep(place, authority.challenge)
    return digest


def _kept(place: str) -> str:
    try:
        with open(place, encoding="ascii") as file:
            return file.read(_MAX_CHALLENGE)
    except (OSError, ValueError):
        return ""


def _keep(place: str, challenge: str) -> None:
    draft = f"{place}.{os.getpid()}"
    with suppress(OSError, ValueError):
        os.makedirs(os.path.dirname(place), mode=0o700, exist_ok=True)
        with open(draft, "w", encoding="ascii") as file:
            file.write(challenge[:_MAX_CHALLENGE])
        os.rename(draft, place)
