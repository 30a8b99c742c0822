"""A Dockerfile in, the name of the image that `whit size` weighs out: built as any other, in the
local store under a name of its own, so that none of the user's moves.
"""

import os
from pathlib import Path

import msgspec

from whit.build.call import request_of
from whit.build.dockerfile.asked import Asked, find_file
from whit.build.dockerfile.call import build_dockerfile
from whit.build.events import Listener
from whit.build.house import open_house
from whit.model.names import Platform

_NAME = "dockerfile:size"


def image_of_file(
    file: str, context: str, directory: str, platform: Platform | None, listen: Listener
) -> str:
    """Errors: as `build_dockerfile`."""
    place = os.path.join(directory, context)
    request = request_of(context, {}, (_NAME,), directory=Path(directory))
    request = msgspec.structs.replace(request, destinations=(), pushes=False)
    if platform is not None:
        request = msgspec.structs.replace(request, platforms=(platform,))
    asked = Asked(file=find_file(os.path.join(directory, file), place), context=place)
    return build_dockerfile(request, asked, open_house(), listen).name
