"""The secrets and variables of a run in, mounts and an environment out, checked before it starts.

A secret becomes a file in memory that only the run sees: /run/secrets/NAME, readable for whatever
user the image has, in a directory on the host that only we may enter. A door.
"""

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from whit.bases.entry import EntryPlan
from whit.build.contracts import broken, check
from whit.build.envfile import MAX_BYTES, parse_env_file
from whit.errors.request import BadSetting
from whit.errors.secrets import BadSecret
from whit.model.contract import LABEL, Contract, decode
from whit.model.secret import Secrets
from whit.oci.documents import Config

MEMORY = "/dev/shm"
INSIDE = "/run/secrets"


@contextmanager
def in_memory(secrets: Secrets) -> Iterator[tuple[tuple[str, str], ...]]:
    """(file on the host, path inside) of every secret, while the run lasts. Errors: BadSecret."""
    if not len(secrets):
        yield ()
        return
    try:
        place = tempfile.mkdtemp(prefix="whit-", dir=MEMORY)
    except OSError as error:
        raise BadSecret(
            f"{MEMORY} takes no files: {error.strerror}",
            hint="secrets are kept in memory only; mount a tmpfs there",
        ) from None
    try:
        found = []
        for secret in secrets:
            path = os.path.join(place, secret.name)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            with os.fdopen(os.open(path, flags, 0o444), "wb") as file:
                file.write(secret.reveal())
            os.chmod(path, 0o444)
            found.append((path, f"{INSIDE}/{secret.name}"))
        yield tuple(found)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def refuse_unready(
    config: Config, env: Mapping[str, str], secrets: Secrets, reference: str
) -> tuple[str, ...]:
    """What is worth a look, where the image carries a contract. Errors: ContractBroken, with all
    that is wrong at once.
    """
    run = config.config
    label = (run.labels or {}).get(LABEL) if run else None
    contract = decode(label) if label is not None else None
    if run is None or contract is None:
        return ()
    own = dict(text.partition("=")[::2] for text in run.env or ())
    sizes = {secret.name: len(secret.reveal()) for secret in secrets}
    wrong, doubtful = check(contract, {**own, **env}, sizes)
    if wrong:
        raise broken(
            f"{reference} was not started: {{}} wrong with its configuration",
            f"`whit config show {reference}` tells of each; --unchecked starts it anyway",
            wrong,
        )
    return tuple(word for word in doubtful if word.partition(" ")[0] not in own)


def file_variables(config: Config, env: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """NAME_FILE for every secret that has the name of a variable which may come from a file, and
    that is not set otherwise.
    """
    run = config.config
    planned = EntryPlan.read(run.entrypoint or ()) if run else None
    label = (run.labels or {}).get(LABEL) if run else None
    contract = (decode(label) if label is not None else None) or Contract()
    read = {v.name.removesuffix("_FILE") for v in contract.env if v.name.endswith("_FILE")}
    wanted = {one.lower(): one for one in (*(planned.files_of if planned else ()), *sorted(read))}
    pairs = ((wanted.get(name.lower().replace("-", "_"), ""), name) for name in names)
    return {
        f"{variable}_FILE": f"{INSIDE}/{name}"
        for variable, name in pairs
        if variable and variable not in env and f"{variable}_FILE" not in env
    }


def read_env_file(path: str) -> tuple[dict[str, str], tuple[str, ...]]:
    """Variables, and what is wrong with the file. Errors: BadSecret, BadSetting."""
    if not os.path.isfile(path):
        raise BadSecret(f"{path} is no regular file", hint="--env-file takes NAME=value lines")
    try:
        with open(path, "rb") as file:
            text = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadSecret(f"{path}: {error.strerror}", hint="--env-file takes a file") from None
    if len(text) > MAX_BYTES:
        raise BadSetting(f"{path} is larger than 1 MiB", hint="is this the right file?")
    return parse_env_file(text.decode("utf-8", "surrogateescape"))
