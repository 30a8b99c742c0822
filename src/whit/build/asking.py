"""What a noted build pushed in, whether its registries still have it out: a question for each tag.

It is asked at every start, with the credentials of then, before anything of a build is imported.
"""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from whit.errors import WhitError
from whit.model.names import Reference
from whit.model.registries import Patience
from whit.registry.auth import Authority
from whit.registry.client import Repository
from whit.registry.credentials import find_credential
from whit.registry.hosts import Endpoint
from whit.registry.transport import Transport

if TYPE_CHECKING:
    from whit.build.request import Request
    from whit.model.result import Receipt


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


def still_there(questions: Sequence[str]) -> bool:
    """Whether each registry says so. Where one cannot be asked, the build finds out why."""
    try:
        asked = [msgspec.json.decode(question, type=Asked) for question in questions]
        return all(_digest_now(one) == one.digest for one in asked)
    except (WhitError, msgspec.DecodeError):
        return False


def _digest_now(asked: Asked) -> str:
    registry = asked.endpoint.registry
    credential = find_credential(registry, asked.repository, os.environ)
    transport = Transport(asked.endpoint, Authority(credential), Patience(tries=1))
    return Repository(transport, asked.repository, pushes=True).head(asked.tag)
