"""`whit login`: keep a registry's credentials where docker keeps them."""

import sys
from pathlib import Path

import click

from whit.cli.console import Console
from whit.errors import UsageError

MAX_PASSWORD_BYTES = 64 << 10


@click.command(
    "login", epilog="Example: whit login registry.example -u me --password-stdin < token"
)
@click.argument("registry")
@click.option("-u", "--username", metavar="NAME", help="Who logs in [asked].")
@click.option("--password-stdin", is_flag=True, help="Read the password from stdin.")
@click.option("--remove", is_flag=True, help="Forget what is kept for REGISTRY.")
@click.option("--insecure", is_flag=True, help="Allow REGISTRY plain HTTP.")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Settings file [nearest whit.toml].",
)
@click.pass_obj
def command(
    console: Console,
    registry: str,
    username: str | None,
    password_stdin: bool,
    remove: bool,
    insecure: bool,
    config: Path | None,
) -> None:
    """Log in to REGISTRY, and keep the credentials for whit, docker and podman.

    The password is tried first. It goes to the credential helper that docker's config.json names,
    else into that file, readable for you only.
    """
    import os

    from whit.build.registries import check_login
    from whit.build.settings import insecurely, read_settings
    from whit.registry.credentials import forget_credential, keep_credential

    if remove:
        known = forget_credential(registry, os.environ)
        console.say(f"forgot {registry}" if known else f"nothing was kept for {registry}")
        return
    username = username or _asked("user name: ", hidden=False)
    password = _from_stdin() if password_stdin else _asked("password: ", hidden=True)
    if not username or not password:
        raise UsageError(
            "a user name and a password are needed",
            hint="whit login REGISTRY -u NAME --password-stdin < FILE",
        )
    settings, home = read_settings({}, os.environ, Path.cwd(), config)
    known_settings = insecurely(settings.registries, (registry,) if insecure else ())
    check_login(registry, username, password, known_settings, str(home), console.say)
    place = keep_credential(registry, username, password, os.environ)
    console.say(f"logged in to {registry} as {username}; kept in {place}")


def _from_stdin() -> str:
    return sys.stdin.buffer.read(MAX_PASSWORD_BYTES).decode("utf-8", "replace").rstrip("\r\n")


def _asked(prompt: str, *, hidden: bool) -> str:
    if not sys.stdin.isatty():
        raise UsageError("stdin is no terminal to ask on", hint="give -u NAME and --password-stdin")
    return str(click.prompt(prompt.rstrip(": "), hide_input=hidden, err=True))
