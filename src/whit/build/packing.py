"""A program in, the same through an executable packer out (a door)."""

import os
from time import perf_counter

import msgspec

from whit.build.programs import Opened, map_file
from whit.errors import UsageError
from whit.golang.process import find_program, run
from whit.model.names import digest_of

# name -> the options before `-o OUT IN`
PACKERS = {"upx": ("-q", "-q", "-q"), "upx-lzma": ("-q", "-q", "-q", "--lzma")}
SECONDS = 1800


def packed(packer: str, opened: Opened, place: str) -> tuple[Opened, float]:
    """The packed program and the seconds that took. Errors: UsageError where the packer is missing
    or refuses.
    """
    path = find_program("upx", os.environ.get("PATH", os.defpath))
    if not path:
        raise UsageError("upx is not on PATH", hint="apt-get install upx-ucl")
    begun = perf_counter()
    out = os.path.join(place, f"{opened.binary.name}.{packer}")
    command = (path, *PACKERS[packer], "-o", out, opened.binary.path)
    outcome = run(command, {"PATH": os.defpath}, place, SECONDS)
    if not outcome.is_good:
        raise UsageError(f"{packer} refused the program", output=outcome.errors or outcome.output)
    data = map_file(out)
    binary = msgspec.structs.replace(
        opened.binary, path=out, size=len(data), digest=digest_of(data)
    )
    return Opened(binary, data), perf_counter() - begun
