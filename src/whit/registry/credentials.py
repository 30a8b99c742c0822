"""A registry's name in, the user's credentials for it out: docker's and podman's files and helpers.

    $REGISTRY_AUTH_FILE                      podman's, when it is set
    $DOCKER_CONFIG/config.json               docker's, else ~/.docker/config.json
    $XDG_RUNTIME_DIR/containers/auth.json    podman's
    ~/.config/containers/auth.json           podman's, where a system has no runtime directory

The first file that knows the registry answers. In a file a helper of the registry's own
(`credHelpers`) goes over the store (`credsStore`), and that over `auths`. Nothing here is logged,
and a Credential's repr says nothing.
"""

import base64
import binascii
import os
from collections.abc import Mapping

import msgspec

from whit.errors.registry import BadCredentials, HelperFailed

MAX_FILE_BYTES = 4 << 20
HELPER_SECONDS = 15.0
DOCKER_HUB = "docker.io"
# Under this key docker has always kept what `docker login` without a name was told.
_HUB_KEY = "https://index.docker.io/v1/"
_MAX_HELPER_BYTES = 1 << 20
# Helpers say this for "nothing kept for this registry" (docker-credential-helpers, errors.go).
_NOT_FOUND = ("credentials not found", "no credentials", "could not be found")


class Credential(msgspec.Struct, frozen=True):
    """A name and a password, or one of two tokens; all "" means anonymous. `origin` may be told."""

    username: str = ""
    password: str = ""
    identity_token: str = ""  # a refresh token, exchanged at the token server
    registry_token: str = ""  # a bearer token, used as it is
    origin: str = ""

    def __repr__(self) -> str:
        return f"Credential(from {self.origin or 'nowhere'})"

    @property
    def is_anonymous(self) -> bool:
        return not (self.password or self.identity_token or self.registry_token)

    @property
    def basic(self) -> str:
        """The value of an Authorization header."""
        pair = f"{self.username}:{self.password}".encode()
        return "Basic " + base64.b64encode(pair).decode()


ANONYMOUS = Credential()


class _Entry(msgspec.Struct, frozen=True):
    auth: str = ""
    username: str = ""
    password: str = ""
    identitytoken: str = ""
    registrytoken: str = ""


class CredentialsFile(msgspec.Struct, frozen=True):
    """What whit reads of docker's config.json and podman's auth.json."""

    auths: dict[str, _Entry] = {}
    creds_store: str = msgspec.field(default="", name="credsStore")
    cred_helpers: dict[str, str] = msgspec.field(default={}, name="credHelpers")


class _Answer(msgspec.Struct, frozen=True):
    """What `docker-credential-NAME get` prints."""

    username: str = msgspec.field(default="", name="Username")
    secret: str = msgspec.field(default="", name="Secret")


def find_credential(registry: str, repository: str, environment: Mapping[str, str]) -> Credential:
    """The credential for `registry`; podman's files may have one for a part of its repositories.

    Errors: BadCredentials when a file cannot be read; HelperFailed.
    """
    for path in files(environment):
        found = _read_file(path)
        if found is None:
            continue
        credential = _from_file(found, path, registry, repository, environment)
        if credential is not None:
            return credential
    return ANONYMOUS


def files(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Where credentials may lie, in the order of asking."""
    home = environment.get("HOME", "")
    runtime = environment.get("XDG_RUNTIME_DIR", "")
    config = environment.get("XDG_CONFIG_HOME") or (f"{home}/.config" if home else "")
    named = environment.get("REGISTRY_AUTH_FILE", "")
    found = (
        named,
        docker_config(environment),
        f"{runtime}/containers/auth.json" if runtime else "",
        f"{config}/containers/auth.json" if config else "",
    )
    return tuple(path for path in found if path)


def docker_config(environment: Mapping[str, str]) -> str:
    """Docker's config.json, which need not exist; "" where there is no home."""
    directory = environment.get("DOCKER_CONFIG", "")
    home = environment.get("HOME", "")
    if directory:
        return f"{directory}/config.json"
    return f"{home}/.docker/config.json" if home else ""


def read_credentials_file(path: str) -> tuple[CredentialsFile, dict[str, object]]:
    """What whit knows of the file, and the whole of it; both empty when there is none."""
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return CredentialsFile(), {}
    except OSError as error:
        raise BadCredentials(
            f"cannot read {path}: {error.strerror}",
            hint="make it readable for you, or name another with DOCKER_CONFIG",
        ) from None
    try:
        if len(data) > MAX_FILE_BYTES:
            raise msgspec.ValidationError("more than 4 MiB")
        if not data.strip():
            return CredentialsFile(), {}
        return (
            msgspec.json.decode(data, type=CredentialsFile),
            msgspec.json.decode(data, type=dict[str, object]),
        )
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # The decoder's own message may quote a secret.
        raise BadCredentials(
            f"{path} is not a credentials file: it is no JSON of docker's or podman's form",
            hint="mend it or move it away, then `whit login` again",
        ) from None


def _read_file(path: str) -> CredentialsFile | None:
    known, whole = read_credentials_file(path)
    return known if whole else None


def _from_file(
    file: CredentialsFile,
    path: str,
    registry: str,
    repository: str,
    environment: Mapping[str, str],
) -> Credential | None:
    keys = _keys(registry, repository)
    helper = next((file.cred_helpers[key] for key in keys if key in file.cred_helpers), "")
    helper = helper or file.creds_store
    if helper:
        found = ask_helper(helper, server_of(registry), environment)
        if found is not None:
            return found
    for key, entry in _entries(file.auths, keys):
        credential = _credential(entry, f"{path} ({key})")
        if not credential.is_anonymous:
            return credential
    return None


def _keys(registry: str, repository: str) -> tuple[str, ...]:
    """Names under which a file may know a repository, the most exact first."""
    parts = repository.split("/")
    exact = tuple(f"{registry}/{'/'.join(parts[:n])}" for n in range(len(parts), 0, -1))
    keys = (*exact, registry)
    if registry == DOCKER_HUB:
        keys += (_HUB_KEY, "index.docker.io", "registry-1.docker.io")
    return keys


def _entries(auths: Mapping[str, _Entry], keys: tuple[str, ...]) -> list[tuple[str, _Entry]]:
    """Old files have URLs for keys: https://registry.example/v1/."""
    bare = {_bare(key): (key, entry) for key, entry in auths.items()}
    found = [(key, auths[key]) for key in keys if key in auths]
    return found + [bare[key] for key in keys if key in bare and key not in auths]


def _bare(key: str) -> str:
    text = key.removeprefix("https://").removeprefix("http://").rstrip("/")
    return text.removesuffix("/v1").removesuffix("/v2")


def _credential(entry: _Entry, origin: str) -> Credential:
    username, password = entry.username, entry.password
    if entry.auth:
        try:
            decoded = base64.b64decode(entry.auth, validate=True).decode("utf-8", "surrogateescape")
        except (binascii.Error, ValueError):
            decoded = ""
        name, colon, secret = decoded.rstrip("\0").partition(":")
        if not colon:
            raise BadCredentials(
                f"{origin}: the entry `auth` is not the base64 of name:password",
                hint="`whit login` writes it anew",
            )
        username, password = name, secret
    return Credential(username, password, entry.identitytoken, entry.registrytoken, origin)


def server_of(registry: str) -> str:
    """The name under which helpers keep a registry."""
    return _HUB_KEY if registry == DOCKER_HUB else registry


def ask_helper(name: str, server: str, environment: Mapping[str, str]) -> Credential | None:
    """What the helper keeps for `server`, or None. Errors: HelperFailed."""
    status, output = run_helper(name, "get", server, environment)
    if status:
        if any(words in output.lower() for words in _NOT_FOUND):
            return None
        raise HelperFailed(
            f"the credential helper docker-credential-{name} failed with status {status}",
            hint=f"try it: echo {server} | docker-credential-{name} get",
            output=output[:2000],
        )
    try:
        answer = msgspec.json.decode(output, type=_Answer)
    except msgspec.DecodeError:
        raise HelperFailed(
            f"the credential helper docker-credential-{name} did not print credentials",
            hint=f"try it: echo {server} | docker-credential-{name} get",
        ) from None
    origin = f"docker-credential-{name}"
    if answer.username == "<token>":
        return Credential(identity_token=answer.secret, origin=origin)
    return Credential(answer.username, answer.secret, origin=origin)


def run_helper(name: str, verb: str, text: str, environment: Mapping[str, str]) -> tuple[int, str]:
    """Status and output of `docker-credential-NAME VERB` fed with `text`."""
    if not name.replace("-", "").replace("_", "").replace(".", "").isalnum():
        raise HelperFailed(
            f"{name!r} is no name of a credential helper",
            hint="helpers are programs called docker-credential-NAME; name one in docker's config",
        )
    program = f"docker-credential-{name}"
    import signal  # noqa: PLC0415
    import subprocess  # noqa: PLC0415

    try:
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            [program, verb], stdin=pipe, stdout=pipe, stderr=pipe,
            env=dict(environment), start_new_session=True,
        )  # fmt: skip
        with process:
            try:
                out, errors = process.communicate(text.encode(), HELPER_SECONDS)
            finally:
                # Nothing that it began outlives it: neither after a hang nor an interrupt.
                if process.returncode is None:
                    os.killpg(process.pid, signal.SIGKILL)
    except subprocess.TimeoutExpired:
        raise HelperFailed(
            f"the credential helper {program} did not answer in {HELPER_SECONDS:.0f} seconds",
            hint=f"try it: echo {text.splitlines()[0][:80] if verb == 'get' else '…'} "
            f"| {program} {verb}; or take it out of docker's config.json",
        ) from None
    except OSError as error:
        raise HelperFailed(
            f"the credential helper {program} cannot be run: {error.strerror}",
            hint="install it, or take it out of docker's config.json",
        ) from None
    output = out if not process.returncode else out + errors
    return process.returncode, output[:_MAX_HELPER_BYTES].decode("utf-8", "replace")


# ---- login --------------------------------------------------------------------------------------


def keep_credential(
    registry: str, username: str, password: str, environment: Mapping[str, str]
) -> str:
    """Keep a credential as `docker login` does, in a helper or in docker's file; says where.

    Errors: BadCredentials, HelperFailed.
    """
    path = _own_file(environment)
    known, whole = read_credentials_file(path)
    helper = known.cred_helpers.get(registry, known.creds_store)
    server = server_of(registry)
    if helper:
        document = {"ServerURL": server, "Username": username, "Secret": password}
        status, _ = run_helper(helper, "store", msgspec.json.encode(document).decode(), environment)
        if status:
            # Its words may hold the secret it was given: they are not shown.
            raise HelperFailed(
                f"the credential helper docker-credential-{helper} did not keep the password",
                hint="look at its own log, or take it out of docker's config.json",
            )
        return f"docker-credential-{helper}"
    auths = whole.get("auths")
    entries: dict[str, object] = dict(auths) if isinstance(auths, dict) else {}
    pair = base64.b64encode(f"{username}:{password}".encode()).decode()
    entries[server] = {"auth": pair}
    _write(path, {**whole, "auths": entries})
    return path


def forget_credential(registry: str, environment: Mapping[str, str]) -> bool:
    """Undo `keep_credential`; whether there was anything. Errors: as there."""
    path = _own_file(environment)
    known, whole = read_credentials_file(path)
    helper = known.cred_helpers.get(registry, known.creds_store)
    if helper:
        status, _ = run_helper(helper, "erase", server_of(registry), environment)
        return status == 0
    auths = whole.get("auths")
    entries = dict(auths) if isinstance(auths, dict) else {}
    gone = [key for key in entries if key == server_of(registry) or _bare(key) == registry]
    for key in gone:
        del entries[key]
    if gone:
        _write(path, {**whole, "auths": entries})
    return bool(gone)


def _own_file(environment: Mapping[str, str]) -> str:
    path = environment.get("REGISTRY_AUTH_FILE") or docker_config(environment)
    if not path:
        raise BadCredentials(
            "there is no place to keep a password: HOME and DOCKER_CONFIG are not set",
            hint="set DOCKER_CONFIG to a directory of yours",
        )
    return path


def _write(path: str, document: Mapping[str, object]) -> None:
    """Readable for its owner only from the first byte; replaced as a whole."""
    data = msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
    # A link in the home directory (dotfiles kept elsewhere) is written through.
    path = os.path.realpath(path)
    partial = f"{path}.{os.getpid()}.partial"
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        os.rename(partial, path)
    except OSError as error:
        raise BadCredentials(
            f"cannot write {path}: {error.strerror}",
            hint="name another place with DOCKER_CONFIG",
        ) from None
    finally:
        if os.path.lexists(partial):
            os.unlink(partial)
