"""The words of a call in, Results or Plans out: what the verbs and `whit.build` have in common.

Go is started first; the rooms that come after it are imported while it works.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from whit.build.events import Listener, Warned, unheard
from whit.build.house import House, open_house
from whit.build.programs import start_programs
from whit.build.request import Request, lock_path, make_request
from whit.build.settings import check_keys, insecurely, read_settings

if TYPE_CHECKING:
    from whit.build.apart import Credentials
    from whit.build.planning import Planned
    from whit.model.result import Result


def request_of(
    source: str,
    settings: Mapping[str, object],
    names: Sequence[str] = (),
    *,
    directory: Path | None = None,
    config: Path | None = None,
    insecure: Sequence[str] = (),
    offline: bool = False,
    pushes: bool = False,
) -> Request:
    """`settings` by their dotted keys, which go over the environment and whit.toml.

    Errors: UnknownSetting, BadSetting, BadSettingsFile, BadDestination.
    """
    check_keys(settings)
    place = (directory or Path.cwd()).absolute()
    read, home = read_settings(settings, os.environ, place, config)
    read = msgspec.structs.replace(read, registries=insecurely(read.registries, tuple(insecure)))
    return make_request(source, place, home, read, tuple(names), offline=offline, pushes=pushes)


def as_locked(request: Request, listen: Listener = unheard) -> Request:
    """The request with the Go release that whit.lock names, where there is a lock and nobody
    asks for another. Modules that differ are a warning. Errors: BadLock; Drifted with --frozen.
    """
    path = lock_path(request)
    if not request.is_frozen and not path.is_file():
        return request
    from whit.build.lock import check_frozen, inputs_of, module_drift, read_lock

    lock = read_lock(path)
    go = request.settings.go
    if lock is not None and lock.go is not None and not go.version:
        settings = msgspec.structs.replace(
            request.settings, go=msgspec.structs.replace(go, version=lock.go.version)
        )
        request = msgspec.structs.replace(request, settings=settings)
    if request.is_frozen:
        version = request.settings.go.version if lock is not None and lock.go is not None else ""
        check_frozen(lock, inputs_of(request, version, lock), path)
    elif lock is not None and (drift := module_drift(lock, request)):
        listen(
            Warned(
                f"not as {path.name} says: {drift}",
                hint="`whit lock --update modules` accepts it, and --frozen refuses it",
            )
        )
    return request


@contextmanager
def _naming_lock(asked: Request, request: Request) -> Iterator[None]:
    """A Go release that does not exist may be one that nobody typed."""
    from whit.errors.golang import NoSuchRelease

    try:
        yield
    except NoSuchRelease as error:
        if asked.settings.go.version != request.settings.go.version:
            error.message += f"; {lock_path(request).name} asks for it"
            error.hint = "`whit lock --update go` takes the release that is here" + (
                f"; {error.hint}" if error.hint else ""
            )
        raise


def build_images(
    request: Request,
    house: House | None = None,
    listen: Listener = unheard,
    credentials: "Credentials | None" = None,
) -> "tuple[Result, ...]":
    """An image for each program, judged, stored and published; none that holds a secret."""
    house = house or open_house()
    asked, request = request, as_locked(request, listen)
    with _naming_lock(asked, request):
        programs = start_programs(request, credentials, house.head)
    try:
        ahead = None
        if request.pushes:
            from whit.build.ahead import ask_ahead

            ahead = ask_ahead(request, listen)
        from whit.build.pipeline import build

        with _naming_lock(asked, request):
            return build(request, programs, house, listen, ahead)
    finally:
        programs.cancel()


def plan_images(
    request: Request, house: House | None = None, listen: Listener = unheard
) -> "tuple[Planned, ...]":
    """What the image of each program would hold."""
    house = house or open_house()
    asked, request = request, as_locked(request, listen)
    with _naming_lock(asked, request):
        programs = start_programs(request, head=house.head)
    try:
        from whit.build.pipeline import plan_only

        with _naming_lock(asked, request):
            return plan_only(request, programs, house, listen)
    finally:
        programs.cancel()
