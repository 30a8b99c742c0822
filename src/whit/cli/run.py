"""`whit run`: an image of the local store in, the program's own exit status out."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from whit.build.house import House, open_house
from whit.cli.console import Console
from whit.errors.layer import BrokenLayer
from whit.errors.sandbox import BadRunOption, ForeignPlatform

if TYPE_CHECKING:
    from whit.build.learning import Lesson
    from whit.model.image import Image
    from whit.oci.documents import Config
    from whit.sandbox.spec import RunRequest
    from whit.store.blobs import Store


@click.command(
    "run",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    epilog="Example: whit run -p 8080:8080 app serve",
)
@click.argument("image")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.option("-e", "--env", "env", multiple=True, metavar="NAME[=VALUE]", help="Set a variable.")
@click.option("--env-file", default="", metavar="FILE", help="Variables, as for Compose.")
@click.option(
    "--secret",
    "secrets",
    multiple=True,
    metavar="id=NAME,…",
    help="A file in memory, /run/secrets/NAME: src=FILE, env=VAR, cmd=…, sops=FILE, age=FILE.",
)
@click.option("--learn", is_flag=True, help="Note what it uses in whit.observed.json (strace).")
@click.option("--unchecked", is_flag=True, help="Start it whatever its contract says.")
@click.option("-v", "--volume", "mounts", multiple=True, metavar="HOST:INSIDE[:ro]", help="Mount.")
@click.option(
    "-p",
    "--publish",
    "ports",
    multiple=True,
    metavar="[ADDR:]HOST:INSIDE",
    help="Publish a TCP port.",
)
@click.option("--network", default="", metavar="NAME", help="host, private or none.")
@click.option("--user", default="", metavar="UID[:GID]", help="Run as this user.")
@click.option("--read-only", is_flag=True, help="Mount the image read-only.")
@click.option("--tmpfs", multiple=True, metavar="PATH", help="A directory in memory.")
@click.option("--memory", default="", metavar="SIZE", help="Limit memory: 64m, 1g.")
@click.option("--pids", default=0, metavar="N", help="Limit processes.")
@click.option("--entrypoint", default="", metavar="PROGRAM", help="Start this instead.")
@click.pass_context
def command(
    context: click.Context,
    /,
    image: str,
    arguments: tuple[str, ...],
    env_file: str,
    secrets: tuple[str, ...],
    learn: bool,
    unchecked: bool,
    **words: Any,
) -> None:
    """Run IMAGE with ARGUMENTS in crun or runc, as root or not, and end with its status.

    IMAGE is a name or the first digits of a digest. The network is the host's unless ports are
    published. Signals reach the program; what it wrote is gone afterwards. Where IMAGE carries a
    contract, nothing is started before all that it requires is there.
    """
    import os

    from whit.build.envfile import EnvFile
    from whit.build.handed import (
        file_variables,
        in_memory,
        read_env_file,
        refuse_unready,
        unreadable,
    )
    from whit.build.secrets import read_secrets
    from whit.model.secret import Secrets
    from whit.sandbox.spec import Mount

    console: Console = context.obj
    house = open_house()
    file = read_env_file(env_file) if env_file else EnvFile({})
    console.say([f"warning: {note}" for note in file.notes])
    variables = file.variables | dict(_variable(text) for text in words["env"])
    handed = read_secrets(secrets, os.environ, str(Path.cwd())) if secrets else Secrets()
    request = _request_of(words, variables)

    def ready(config: "Config") -> dict[str, str]:
        if not unchecked:
            mounts = [(mount.host, mount.container) for mount in request.mounts]
            blocked = (*file.wrong, *unreadable(config, variables, mounts, request.user))
            doubtful = refuse_unready(config, variables, handed, image, house, blocked)
            console.say([f"warning: {one}" for one in doubtful])
        return file_variables(config, variables, (secret.name for secret in handed))

    with ExitStack() as stack:
        lesson = _lesson(stack, console) if learn else None
        files = stack.enter_context(in_memory(handed))
        more = tuple(Mount(host, inside, read_only=True) for host, inside in files)
        request = msgspec.structs.replace(request, mounts=(*request.mounts, *more))
        status = run_reference(house, image, arguments, request, ready, lesson)
    context.exit(status)


def _lesson(stack: ExitStack, console: Console) -> "Lesson":
    """Told, and added to what was learnt before, when the run is over."""
    from whit.build.learning import FILE, lesson, remember
    from whit.report.contract import observed_lines

    def tell() -> None:
        if one.was_traced:
            console.say(observed_lines(one.observed))
            remember(one.observed, FILE)
            console.say([f'noted in {FILE}; image.observed = "{FILE}" puts it into the contract'])

    stack.callback(tell)
    one = stack.enter_context(lesson())
    return one


def _request_of(words: Mapping[str, Any], variables: Mapping[str, str]) -> "RunRequest":
    """What the flags ask of the sandbox."""
    from whit.sandbox.spec import (
        Limits,
        RunRequest,
        network_of,
        parse_memory,
        parse_mount,
        parse_port,
    )

    published = tuple(parse_port(text) for text in words["ports"])
    return RunRequest(
        args=(words["entrypoint"],) if words["entrypoint"] else ("",),
        user=words["user"],
        env=tuple(variables.items()),
        network=network_of(words["network"], published),
        ports=published,
        mounts=tuple(parse_mount(text, str(Path.cwd())) for text in words["mounts"]),
        tmpfs=words["tmpfs"],
        read_only=words["read_only"],
        limits=Limits(memory_bytes=parse_memory(words["memory"]), pids=words["pids"]),
    )


def run_reference(
    house: House,
    reference: str,
    arguments: tuple[str, ...],
    request: object = None,
    ready: "Callable[[Config], dict[str, str]] | None" = None,
    lesson: "Lesson | None" = None,
) -> int:
    """Run an image of the store; its config fills in what `request` leaves out. `ready` sees the
    config before anything starts, and says variables that the run has besides; `lesson` traces it.
    """
    from whit.oci.documents import Config, decode
    from whit.prove.observe import can_run
    from whit.sandbox.container import run_image
    from whit.sandbox.spec import RunRequest
    from whit.store.blobs import Store

    store = Store.open(house.store)
    image = found_or_pulled(reference, store)
    document = decode(Config, image.config, "the image's config")
    more = ready(document) if ready is not None else {}
    config = document.config
    if not can_run(image.platform):
        raise ForeignPlatform(
            f"{reference} is for {image.platform}, and this host runs no such programs",
            hint="run it on such a machine, or install qemu-user-static and binfmt-support",
        )
    given = request if isinstance(request, RunRequest) else RunRequest(args=("",))
    entrypoint = given.args if given.args != ("",) else (config.entrypoint or () if config else ())
    args = (*entrypoint, *(arguments or (config.cmd or () if config else ())))
    if not args:
        raise BadRunOption(
            f"{reference} names no program to start", hint="name one: --entrypoint /PROGRAM"
        )
    own = tuple(_variable(text) for text in (config.env or ()) if config) if config else ()
    started = msgspec.structs.replace(
        given,
        args=tuple(args),
        user=given.user or (config.user if config else ""),
        env=tuple({**dict(own), **dict(given.env), **more}.items()),
        working_dir=(config.working_dir if config else "") or "/",
    )
    layers = [partial(store.open_blob, layer.digest, layer.size) for layer in image.layers]
    tracer = lesson.words(started.args[0], started.working_dir) if lesson is not None else ()
    try:
        return run_image(layers, started, Path(house.cache), tracer=tracer).status
    except BrokenLayer as error:
        error.hint = error.hint or (
            f"the store is damaged: `whit images --check` says where; build {reference} again"
        )
        raise


def found_or_pulled(reference: str, store: "Store") -> "Image":
    """An image of the store for this host; one of a registry is pulled first."""
    from whit.build.request import host_platform
    from whit.errors.images import UnknownImage
    from whit.model.names import Reference

    try:
        return store.find(reference, host_platform())
    except UnknownImage:
        is_digits = not reference.strip("0123456789abcdef")
        if is_digits or not Reference.parse(reference).registry:
            raise
    import os

    from whit.build.copy import pull
    from whit.build.registries import Registries
    from whit.build.settings import read_settings

    settings, home = read_settings({}, os.environ, Path.cwd())
    content = pull(reference, host_platform(), Registries(settings.registries, str(home)), store)
    return store.image(content.root.digest)


def _variable(text: str) -> tuple[str, str]:
    """`NAME=value`, or `NAME` for the value it has here."""
    import os

    name, has_value, value = text.partition("=")
    if not name or "\0" in text:
        raise BadRunOption(f"-e {text!r} is no variable", hint="write -e NAME=value or -e NAME")
    return name, value if has_value else os.environ.get(name, "")
