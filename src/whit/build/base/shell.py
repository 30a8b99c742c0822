"""A platform in, a directory with a static busybox and its links on this host out.

    <cache>/busybox/DIGEST/busybox, sh, ls, …

This host's own busybox where it is static and of the platform, else that of Debian's package,
found and checked as for any base. It is mounted into a container, and never part of an image.
"""

import hashlib
import os
import shutil
import tempfile

from whit.bases.debian.content import applets_of, program_of
from whit.bases.debian.relations import named
from whit.bases.debian.sets import SHELL, Order
from whit.binary.facts import read_facts
from whit.build.base.assembling import package_files
from whit.build.base.call import opened
from whit.build.base.unpacking import unpack
from whit.build.house import House
from whit.build.request import Request, host_platform
from whit.errors import WhitError
from whit.layer.content import open_content
from whit.model.names import Platform
from whit.store.blobs import Store

MAX_BYTES = 64 << 20


def shell_directory(platform: Platform, request: Request, house: House, store: Store) -> str:
    """Errors: those of the A pages, where this host has no such busybox."""
    above = os.path.join(house.cache, "busybox")
    os.makedirs(above, exist_ok=True)
    name = f"{platform.os}-{platform.architecture}"
    own = _own(platform)
    if own is not None:
        return _placed(above, own)
    known = os.path.join(above, name)
    if os.path.isdir(known):
        return os.path.realpath(known)
    place = _placed(above, _packaged(platform, request, house, store))
    partial = f"{known}.{os.getpid()}.partial"
    os.symlink(os.path.basename(place), partial)
    os.replace(partial, known)
    return place


def _own(platform: Platform) -> bytes | None:
    """The one of this host, when it runs there and needs no library."""
    path = shutil.which("busybox") if platform.architecture == host_platform().architecture else ""
    if not path:
        return None
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES)
        facts = read_facts(memoryview(data))
        applets_of(data)
    except (OSError, WhitError):
        return None
    return None if facts.interpreter else data


def _packaged(platform: Platform, request: Request, house: House, store: Store) -> bytes:
    order = Order("static", request.settings.base.distro, "", platform)
    with opened(request, house, store) as counter:
        kitchen, larder = counter.kitchen, counter.kitchen.larder
        with counter.archive(order) as archive:
            one = named(SHELL, archive)
        ((path, _),) = package_files((one,), order, kitchen)
        with larder.workspace() as workspace:
            program = program_of(unpack(path, SHELL, workspace))
            with open_content(program.content) as stream:
                data = stream.read()
    return data


def _placed(above: str, data: bytes) -> str:
    """The program under all its names, made once."""
    place = os.path.join(above, hashlib.sha256(data).hexdigest())
    if os.path.isdir(place):
        return place
    with tempfile.TemporaryDirectory(dir=above, ignore_cleanup_errors=True) as draft:
        made = os.path.join(draft, "made")
        os.mkdir(made, 0o755)
        with open(os.path.join(made, "busybox"), "wb") as file:
            file.write(data)
        os.chmod(file.name, 0o755)  # noqa: S103 - every user inside runs it
        for name in applets_of(data):
            os.symlink("busybox", os.path.join(made, name))
        try:
            os.rename(made, place)
        except OSError:
            if not os.path.isdir(place):  # somebody else was faster
                raise
    return place
