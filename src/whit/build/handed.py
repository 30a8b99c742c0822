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
from whit.build.contracts import UNREAD, broken, check, standing_in
from whit.build.envfile import MAX_BYTES, EnvFile, parse_env_file
from whit.build.house import House
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
    config: Config,
    env: Mapping[str, str],
    secrets: Secrets,
    reference: str,
    house: House,
    unusable: tuple[str, ...] = (),
) -> tuple[str, ...]:
    """What is worth a look, where the image carries a contract. Errors: ContractBroken, with all
    that is wrong at once; `unusable` is what is known to be already.
    """
    run = config.config
    label = (run.labels or {}).get(LABEL) if run else None
    contract = decode(label) if label is not None else None
    own: dict[str, str] = {}
    wrong, doubtful = unusable, tuple[str, ...]()
    if label is not None and contract is None:
        doubtful = (f"the label {LABEL} of {reference} is no contract: nothing was checked by it",)
    elif run is not None and contract is not None:
        own = dict(text.partition("=")[::2] for text in run.env or ())
        sizes = {secret.name: len(secret.reveal()) for secret in secrets}
        asked, doubtful = check(contract, {**own, **env}, sizes, files_of(config))
        wrong = (*unusable, *asked)
    if wrong:
        raise broken(
            f"{reference} was not started: {{}} wrong with its configuration",
            f"`whit config show {reference}` tells of each; --unchecked starts it anyway",
            wrong,
        )
    said = tuple(word for word in doubtful if word.partition(" ")[0] not in own)
    return unmentioned(said, contract, reference, house) if contract else said


def unmentioned(
    doubtful: tuple[str, ...], contract: Contract, reference: str, house: House
) -> tuple[str, ...]:
    """What is still doubtful after a look at the program: a name that stands in it may be read."""
    names = [word.partition(" ")[0] for word in doubtful if UNREAD in word]
    standing = standing_in(names, contract, reference, house) if names else set()
    return tuple(word for word in doubtful if word.partition(" ")[0] not in standing)


def files_of(config: Config | None) -> tuple[str, ...] | None:
    """Variables that the image's entry program reads from a file; None where it has none, and the
    program may open whatever it likes.
    """
    run = config.config if config else None
    planned = EntryPlan.read(run.entrypoint or ()) if run else None
    return planned.files_of if planned else None


def file_variables(config: Config, env: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """NAME_FILE for every secret that has the name of a variable which may come from a file, and
    that is not set otherwise.
    """
    run = config.config
    label = (run.labels or {}).get(LABEL) if run else None
    contract = (decode(label) if label is not None else None) or Contract()
    read = {v.name.removesuffix("_FILE") for v in contract.env if v.name.endswith("_FILE")}
    wanted = {one.lower(): one for one in (*(files_of(config) or ()), *sorted(read))}
    pairs = ((wanted.get(name.lower().replace("-", "_"), ""), name) for name in names)
    return {
        f"{variable}_FILE": f"{INSIDE}/{name}"
        for variable, name in pairs
        if variable and variable not in env and f"{variable}_FILE" not in env
    }


def unreadable(
    config: Config, env: Mapping[str, str], mounts: Iterable[tuple[str, str]], user: str
) -> tuple[str, ...]:
    """Files that a variable names, that are mounted and that the image's user may not read: what
    the program says then is only that there is no such file, or nothing.
    """
    run = config.config
    uid, _, gid = (user or (run.user if run else "")).partition(":")
    if uid in ("", "0", "root"):
        return ()
    wrong = []
    for name, value in env.items():
        host = _mounted(value, mounts) if name.endswith("_FILE") else ""
        if not host:
            continue
        try:
            status = os.stat(host)
        except OSError as error:
            wrong.append(f"{name}: {host}: {error.strerror}")
            continue
        # A user's own files are root's in there, and another's for everybody else.
        is_theirs = os.geteuid() == 0 and uid == str(status.st_uid) and status.st_mode & 0o400
        is_groups = os.geteuid() == 0 and gid == str(status.st_gid) and status.st_mode & 0o040
        if not (status.st_mode & 0o004 or is_theirs or is_groups):
            wrong.append(f"{name}: {host} cannot be read by the image's user, {uid}")
    return tuple(wrong)


def _mounted(path: str, mounts: Iterable[tuple[str, str]]) -> str:
    """Where on the host a path of the run lies; nothing where no mount has it."""
    for host, inside in mounts:
        if path == inside:
            return host
        if path.startswith(f"{inside.rstrip('/')}/") and ".." not in path.split("/"):
            return os.path.join(host, path[len(inside.rstrip("/")) + 1 :])
    return ""


def read_env_file(path: str) -> EnvFile:
    """What a file holds, decrypted where sops or age wrote it; what is said names the file.

    Errors: BadSecret, BadSetting.
    """
    from whit.build.secrets import decrypted

    # What a shell hands over (`<(command)`) ends by itself; another pipe may have no writer.
    if not os.path.isfile(path) and not path.startswith("/dev/fd/"):
        why = "is no regular file" if os.path.exists(path) else "is not there"
        raise BadSecret(f"{path} {why}", hint="--env-file takes a file of NAME=value lines")
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadSecret(f"{path}: {error.strerror}", hint="--env-file takes a file") from None
    if len(data) > MAX_BYTES:
        raise BadSetting(f"{path} is larger than 1 MiB", hint="is this the right file?")
    plain = decrypted(path, data, os.environ, os.getcwd())
    read = parse_env_file(plain.decode("utf-8", "surrogateescape"), os.environ)
    notes, wrong = ([f"{path}: {one}" for one in said] for said in (read.notes, read.wrong))
    return EnvFile(read.variables, tuple(notes), tuple(wrong))
