"""A build with its secrets in, whether other secrets give the same bytes out.

    the build     secret s   -> image d
    the same      canary a   -> image d      equal digests: no encoding, splitting or XOR of the
    the same      canary b   -> image d      secret is in the image, whatever a search would find

A canary takes the secret's place wherever the build could have met it: in the environment, in the
files of the fetch's home, and in the source where the secret is a file of it (an embedded one).
"""

import os
from collections.abc import Mapping
from hashlib import sha256
from time import perf_counter

import msgspec

from whit.build.apart import Credentials, compile_apart
from whit.build.events import Finished, Listener, unheard
from whit.build.house import House
from whit.build.programs import Programs, recipes_of
from whit.build.request import Request
from whit.errors import RequestError
from whit.errors.secrets import SecretsInterfere
from whit.model.result import Result
from whit.model.secret import Secret, Secrets

_ROUNDS = ("a", "b")


def prove_secrets(
    request: Request,
    credentials: Credentials,
    results: tuple[Result, ...],
    house: House,
    listen: Listener,
) -> None:
    """Build again with canaries. Errors: SecretsInterfere, with the secrets that made a
    difference, each tried alone.
    """
    begun = perf_counter()
    for word in _ROUNDS:
        canaries = Secrets(_canary(secret, word) for secret in credentials.secrets)
        found = _digests(request, credentials, canaries, house)
        if found != _digests_of(results):
            raise SecretsInterfere(
                "another secret gives another image: " + ", ".join(_guilty(
                    request, credentials, results, house
                )),
                hint="something of it is in the image, or decides what is; look at -ldflags, "
                "//go:embed and generated files",
            )  # fmt: skip
    detail = f"{len(_ROUNDS)} builds with other secrets gave the same digest"
    listen(Finished("prove secrets", detail, perf_counter() - begun))


def _guilty(
    request: Request, credentials: Credentials, results: tuple[Result, ...], house: House
) -> list[str]:
    names = []
    for secret in credentials.secrets:
        others = credentials.secrets.joined(Secrets([_canary(secret, _ROUNDS[0])]))
        if _digests(request, credentials, others, house) != _digests_of(results):
            names.append(secret.name)
    return names or ["all of them together"]


def _digests(
    request: Request, credentials: Credentials, canaries: Secrets, house: House
) -> tuple[str, ...]:
    from whit.build.pipeline import build

    user = _planted(os.environ, credentials.secrets, canaries)
    # The module cache is full; with a canary for a password nothing could be fetched.
    quiet = msgspec.structs.replace(request, pushes=False, destinations=(), offline=True)
    changed = msgspec.structs.replace(credentials, secrets=canaries)
    overlay = {
        real.path: canary.reveal()
        for real, canary in zip(credentials.secrets, canaries, strict=True)
        if real.path and real != canary
    }
    apart = compile_apart(recipes_of(quiet), changed, user, overlay)
    programs = Programs((), apart.compilations, request.source, apart=apart)
    try:
        return _digests_of(build(quiet, programs, house, unheard))
    except RequestError as error:
        # A secret that is source, say: without it there is no image at all.
        return (error.code,)
    finally:
        programs.cancel()


def _digests_of(results: tuple[Result, ...]) -> tuple[str, ...]:
    return tuple(result.image.manifest_digest for result in results)


def _planted(env: Mapping[str, str], real: Secrets, canaries: Secrets) -> dict[str, str]:
    """The environment with every secret's value replaced by its canary's, whatever its name."""
    planted = dict(env)
    for secret, canary in zip(real, canaries, strict=True):
        known, other = os.fsdecode(secret.reveal().strip()), os.fsdecode(canary.reveal())
        planted = {name: value.replace(known, other) for name, value in planted.items()}
    return planted


def _canary(secret: Secret, word: str) -> Secret:
    """A value as long as the secret's, that depends on nothing secret."""
    size = len(secret.reveal())
    block = sha256(f"{word} {secret.name}".encode()).hexdigest().encode()
    return Secret(secret.name, (block * (size // len(block) + 1))[:size], secret.path)
