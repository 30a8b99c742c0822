"""The words of --secret in, Secrets out. A door: files are read and commands run here.

The rule of the room: a secret that cannot be had is an error, never an empty value; and what goes
wrong is told without a byte of it.
"""

import csv
import json
import os
import re
import shlex
import stat
from collections.abc import Iterable, Mapping

from whit.errors.secrets import BadSecret
from whit.model.secret import Secret, Secrets

MAX_SECRET_BYTES = 1 << 20
COMMAND_LIMIT_SECONDS = 60
_FORM = "write it as id=NAME,src=FILE, id=NAME,env=VARIABLE or 'id=NAME,\"cmd=COMMAND\"'"
# What an encrypted file of variables has of each.
_SOPS_ENV = re.compile(rb"^sops_mac=ENC\[", re.MULTILINE)
_AGE = (b"age-encryption.org/v1\n", b"-----BEGIN AGE ENCRYPTED FILE-----")
_WAYS = ("env", "cmd", "sops", "age")
_KEYS = ("id", "src", "source", *_WAYS, "key", "identity", "type")


def read_secrets(texts: Iterable[str], env: Mapping[str, str], directory: str) -> Secrets:
    """Errors: BadSecret."""
    return Secrets(_read(text, env, directory) for text in texts)


def _read(text: str, env: Mapping[str, str], directory: str) -> Secret:
    words = _words(text)
    name = words["id"]
    path = ""
    source = words.get("src") or words.get("source") or ""
    if words.get("type") == "env" and source:
        words["env"], source = source, ""
    ways = [way for way in (source, *(words.get(way) for way in _WAYS)) if way]
    if len(ways) > 1:
        raise BadSecret(f"secret {name} has two sources", hint=_FORM)
    if words.get("cmd"):
        value = _from_command(name, _split(name, words["cmd"]), env, directory)
    elif words.get("sops"):
        value = _from_command(name, _sops(words), env, directory)
    elif words.get("age"):
        value = _from_command(name, _age(name, words, env), env, directory)
    elif words.get("env") or (not ways and name in env):
        value = _from_variable(name, words.get("env") or name, env)
    else:
        path = os.path.abspath(os.path.join(directory, os.path.expanduser(source or name)))
        value = _from_file(name, path)
    if not value.strip():
        raise BadSecret(f"secret {name} is empty", hint="look at where its value comes from")
    return Secret(name, value, path)


def _words(text: str) -> dict[str, str]:
    rows = list(csv.reader([text], skipinitialspace=True))
    pairs = [word.partition("=") for word in (rows[0] if rows else [])]
    words = {key.strip().lower(): value for key, _, value in pairs}
    if set(words) - set(_KEYS) or not all(equals for _, equals, _ in pairs):
        # The words are not shown: what stands in the wrong place may be the value.
        raise BadSecret("--secret: it has a word that is none of " + ", ".join(_KEYS), hint=_FORM)
    name = words.get("id", "")
    if not name or not name.isprintable() or "/" in name or name in (".", ".."):
        raise BadSecret("--secret: it has no usable id", hint=_FORM)
    return words


def _from_variable(name: str, variable: str, env: Mapping[str, str]) -> bytes:
    if variable not in env:
        raise BadSecret(
            f"secret {name}: the variable {variable} is not set",
            hint=f"export {variable}, or give it from a file: id={name},src=FILE",
        )
    return os.fsencode(env[variable])


def _from_file(name: str, path: str) -> bytes:
    try:
        # O_NONBLOCK: opening a FIFO must not wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is no path"
        hint = _FORM if isinstance(error, FileNotFoundError) else "whoever runs whit has to read it"
        raise BadSecret(f"secret {name}: {path}: {why}", hint=hint) from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise BadSecret(
                f"secret {name}: {path} is no regular file",
                hint=f"what comes from a pipe is a command's: 'id={name},\"cmd=COMMAND\"'",
            )
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            value = file.read(MAX_SECRET_BYTES + 1)
    finally:
        os.close(descriptor)
    return _bounded(name, value)


def _split(name: str, command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError as error:
        raise BadSecret(f"secret {name}: its command: {error}", hint="mind the quotes") from None


def _sops(words: Mapping[str, str]) -> list[str]:
    """One value of a file (`key=db.password`, `hosts.0` of a list), or all of it, on a pipe and
    nowhere else.
    """
    parts = [part for part in words.get("key", "").split(".") if part]
    key = "".join(f"[{part if part.isdecimal() else json.dumps(part)}]" for part in parts)
    extract = ["--extract", key] if key else []
    return ["sops", "--decrypt", *extract, _path(words["sops"])]


def _age(name: str, words: Mapping[str, str], env: Mapping[str, str]) -> list[str]:
    identity = words.get("identity") or env.get("AGE_IDENTITY") or env.get("SOPS_AGE_KEY_FILE")
    if not identity:
        raise BadSecret(
            f"secret {name}: no identity to decrypt it with",
            hint="set AGE_IDENTITY to the file of the key, or add identity=KEYFILE to --secret",
        )
    return ["age", "--decrypt", "--identity", _path(identity), _path(words["age"])]


def decrypted(path: str, data: bytes, env: Mapping[str, str], directory: str) -> bytes:
    """An env file as it was before sops or age sealed it; others as they are. Errors: BadSecret."""
    if _SOPS_ENV.search(data):
        types = ("--input-type", "dotenv", "--output-type", "dotenv")
        return _from_command(path, ["sops", "--decrypt", *types, _path(path)], env, directory)
    if data.startswith(_AGE):
        return _from_command(path, _age(path, {"age": path}, env), env, directory)
    return data


def _path(text: str) -> str:
    """A path that no command takes for an option."""
    path = os.path.expanduser(text)
    return path if path.startswith("/") else f"./{path}"


def _from_command(name: str, words: list[str], env: Mapping[str, str], directory: str) -> bytes:
    import subprocess

    try:
        done = subprocess.run(
            words,
            env=dict(env),
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            check=False,
            timeout=COMMAND_LIMIT_SECONDS,
        )
    except FileNotFoundError:
        raise BadSecret(
            f"secret {name}: there is no program {words[0]}",
            hint=f"install {words[0]}, or put it on PATH",
        ) from None
    except (OSError, ValueError, IndexError, subprocess.TimeoutExpired) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        raise BadSecret(
            f"secret {name}: its command did not run: {why}", hint="try it in a shell"
        ) from None
    if done.returncode:
        raise BadSecret(
            f"secret {name}: {words[0]} ended with {done.returncode}", hint="try it in a shell"
        )
    return _bounded(name, done.stdout.removesuffix(b"\n"))


def _bounded(name: str, value: bytes) -> bytes:
    if len(value) > MAX_SECRET_BYTES:
        raise BadSecret(f"secret {name} is larger than 1 MiB", hint="is this the right one?")
    return value
